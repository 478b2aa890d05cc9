"""The caller at the gateway: tokens, the way to a token, origins, and access to servers."""
