"""What an issuer tells about itself: RFC 8414, OpenID Connect Discovery 1.0, and its key set (RFC 7517)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mock_upstreams.idp.clients import CONFIDENTIAL_METHODS, GRANT_TYPES, METHODS
from mock_upstreams.idp.issuer import Issuer
from mock_upstreams.idp.wire import answer


def document(issuer: Issuer) -> dict[str, Any]:
    """The metadata of an issuer, the same under every well-known path."""
    back = issuer.back_channel
    return {
        "issuer": issuer.url,
        "authorization_endpoint": f"{issuer.url}/authorize",
        "token_endpoint": f"{back}/token",
        "jwks_uri": f"{back}/jwks",
        "registration_endpoint": f"{back}/register",
        "revocation_endpoint": f"{back}/revoke",
        "introspection_endpoint": f"{back}/introspect",
        "userinfo_endpoint": f"{back}/userinfo",
        "scopes_supported": ["openid"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(issuer.keys.algorithms),
        "token_endpoint_auth_methods_supported": list(METHODS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "introspection_endpoint_auth_methods_supported": list(CONFIDENTIAL_METHODS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


async def metadata(issuer: Issuer, _request: Request) -> Response:
    """Answer with the metadata."""
    return JSONResponse(document(issuer))


async def jwks(issuer: Issuer, _request: Request) -> Response:
    """Answer with the published keys, or 503 during an outage."""
    if issuer.keys.outage:
        return answer({"error": "temporarily_unavailable"}, 503)
    await issuer.keys.ready()
    return JSONResponse(issuer.keys.document())
