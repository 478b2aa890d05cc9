"""Error responses of OAuth endpoints, with the error codes of the specifications."""

from collections.abc import Mapping

CHALLENGE = {"WWW-Authenticate": 'Basic realm="clients"'}


class OAuthError(Exception):
    """An OAuth error: `error` code, `description` (no quotes or backslashes: RFC 6749 section 5.2), HTTP status, headers."""

    def __init__(
        self, error: str, description: str, *, status: int = 400, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
        self.headers = dict(headers or {})


def scripted(error: str, description: str = "the bench wants it so") -> OAuthError:
    """Return the error that a fault rule asks for."""
    if error == "invalid_client":
        return OAuthError(error, description, status=401, headers=CHALLENGE)
    return OAuthError(error, description)


def invalid_request(description: str) -> OAuthError:
    """Return the error for a parameter that is missing, repeated or malformed."""
    return OAuthError("invalid_request", description)


def invalid_grant(description: str) -> OAuthError:
    """Return the error for a code or refresh token that is unknown, spent, expired, revoked or belongs to another client."""
    return OAuthError("invalid_grant", description)
