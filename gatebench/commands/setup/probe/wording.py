"""Text of a gateway in comments and errors: short, on one line, without credentials."""

import json
from urllib.parse import urlsplit, urlunsplit

from gatebench.conformance.text import visible
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.gateways import dialects
from gatebench.fixtures.gateways.connection import credentials_in
from gatebench.fixtures.recording.secrets import SecretRegistry

MAX_TEXT = 160
"""Characters of a text of the gateway that are shown."""


class Wording:
    """Shows text without the token and without the credentials in the address."""

    def __init__(self, secrets: SecretRegistry) -> None:
        self._secrets = secrets

    def plain(self, text: object, limit: int = MAX_TEXT) -> str:
        """Return the text redacted, with control characters escaped, and cut after `limit` characters."""
        shown = visible(self._secrets.redact(str(text)))
        return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."

    def quoted(self, text: object, limit: int = MAX_TEXT) -> str:
        """Return the same in quotes."""
        return json.dumps(self.plain(text, limit), ensure_ascii=False)

    def value(self, value: object, limit: int = MAX_TEXT) -> str:
        """Return a JSON value as text."""
        return self.plain(json.dumps(value, ensure_ascii=False), limit)

    def address(self, url: str) -> str:
        """Return a URL without a user, a password and a query."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return self.plain(url)
        return self.plain(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")))

    def names_a_secret(self, url: str) -> bool:
        """Return whether a URL has a user, a query or a credential in it, and so must not be written to a file."""
        parts = urlsplit(url)
        return "@" in parts.netloc or bool(parts.query) or self._secrets.redact(url) != url

    def clean(self, text: str) -> bool:
        """Return whether the text contains no credential, in no encoding."""
        return self._secrets.redact(text) == text

    def outcome(self, answer: McpResponse) -> str:
        """Return what came back, as a predicate: "got status 404"."""
        if not answer.status:
            return f"got no response ({self.plain(answer.error_text or 'none arrived in time')})"
        if answer.error:
            code, message = answer.error.get("code"), self.quoted(answer.error.get("message", ""))
            return f"got status {answer.status} and the JSON-RPC error {self.plain(code, 20)} {message}"
        if answer.result.get("isError") is True:
            text = self.quoted(dialects.tool_text(answer.reply))
            return f"got status {answer.status} and a tool result with isError {text}"
        if answer.result:
            return f"got status {answer.status} and a result"
        return f"got status {answer.status}"


def wording(url: str, token: str | None) -> Wording:
    """Return the wording for an address and a token. Raise ValueError if one of the two is too short to be redacted."""
    secrets = SecretRegistry()
    if token is not None:
        secrets.add("gateway-token", "own-token:alice", token)
    for name, value in credentials_in(url):
        secrets.add("environment", f"target:{name}", value)
    return Wording(secrets)
