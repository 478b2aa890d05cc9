"""State of an issuer: its clients, grants, tokens, keys and settings."""
