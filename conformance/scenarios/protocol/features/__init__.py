"""Resources, prompts, completion, logging and capabilities."""
