"""The caller at the gateway: tokens, the way to a token, and access to servers."""
