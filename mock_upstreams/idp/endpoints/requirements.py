"""What an issuer requires of requests beyond the standard, by its settings."""

from starlette.requests import Request

from ..errors import OAuthError, invalid_request
from ..http import query
from ..state.issuer import Issuer


def require_resource(issuer: Issuer, resources: tuple[str, ...]) -> None:
    """Raise OAuthError if the issuer requires a resource and the request names none (RFC 8707 section 2)."""
    if issuer.settings.require_resource and not resources:
        raise OAuthError("invalid_target", "resource is missing")


def require_query(issuer: Issuer, endpoint: str, request: Request) -> None:
    """Raise OAuthError unless the request retains the query of the endpoint's address (RFC 6749 sections 3.1 and 3.2)."""
    given = query(request)
    for name, value in issuer.settings.endpoint_queries.get(endpoint, {}).items():
        if given.all(name) != (value,):
            raise invalid_request(f"the address of this endpoint has the parameter {name}, once")
