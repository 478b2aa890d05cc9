"""Authentication modes of an upstream."""
