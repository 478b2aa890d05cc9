"""Resources, prompts, completion, logging and content of every kind: what an MCP server may have beside tools."""
