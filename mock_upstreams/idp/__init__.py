"""A mock identity provider: OAuth 2.1 and OpenID Connect issuers, correct unless a bench scripts a fault."""

from .app import Idp, build_idp
from .config import ClientSpec, IdpSpec, IssuerSpec
from .minted_secrets import SecretFeed

__all__ = ["ClientSpec", "Idp", "IdpSpec", "IssuerSpec", "SecretFeed", "build_idp"]
