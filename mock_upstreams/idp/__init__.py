"""A mock identity provider: OAuth 2.1 and OpenID Connect issuers, correct unless a bench scripts a fault."""
