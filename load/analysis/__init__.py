"""Statistical analysis of generator results."""
