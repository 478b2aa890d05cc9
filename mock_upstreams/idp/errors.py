"""Refusals of OAuth endpoints, with the words of the specifications."""

from collections.abc import Mapping


class OAuthError(Exception):
    """A refusal: `error` code, human `description` (no quotes or backslashes: RFC 6749 section 5.2), HTTP status, headers."""

    def __init__(
        self, error: str, description: str, *, status: int = 400, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
        self.headers = dict(headers or {})


def scripted(error: str) -> OAuthError:
    """The error that a fault rule asks for."""
    return OAuthError(error, "the bench wants it so", status=401 if error == "invalid_client" else 400)


def invalid_request(description: str) -> OAuthError:
    """A parameter is missing, repeated or malformed."""
    return OAuthError("invalid_request", description)


def invalid_grant(description: str) -> OAuthError:
    """The code or refresh token is unknown, spent, expired, revoked or somebody else's."""
    return OAuthError("invalid_grant", description)
