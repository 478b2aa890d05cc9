"""A mock identity provider: OAuth 2.1 and OpenID Connect issuers that follow the rules until a bench says otherwise."""

from mock_upstreams.idp.app import Idp, build_idp
from mock_upstreams.idp.secret_feed import SecretFeed
from mock_upstreams.idp.spec import ClientSpec, IdpSpec, IssuerSpec

__all__ = ["ClientSpec", "Idp", "IdpSpec", "IssuerSpec", "SecretFeed", "build_idp"]
