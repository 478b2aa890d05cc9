"""The form of a request for consent in each dialect: recognition elsewhere is lenient, this check is strict."""

from collections.abc import Callable
from dataclasses import dataclass

from gatebench.conformance.exchange import Exchange
from gatebench.fixtures.gateways.descriptor import Dialect
from gatebench.fixtures.gateways.dialects import (
    ELICITATION_REQUIRED,
    ON_CALLS_ONLY,
    authorization_urls,
    elicitations,
    tool_text,
)
from gatebench.fixtures.protocol.urls import split_url
from gatebench.fixtures.recording.labels import parse_with_labels
from gatebench.fixtures.world.definition import MODERN_REVISION


@dataclass(frozen=True)
class ConsentResponse:
    """An answer to a caller who lacks `missing` consents, compared with the declared dialect."""

    dialect: Dialect
    exchange: Exchange
    missing: int

    @property
    def wrong(self) -> str | None:
        """Return what is wrong, or None if the answer is as declared."""
        return _RULES[self.dialect.consent](self.exchange) or self._wrong_urls()

    def _wrong_urls(self) -> str | None:
        """Check that there is one URL for each missing consent; if only calls ask, at least the one that the call needs."""
        urls = authorization_urls(self.dialect, self.exchange.reply)
        fewest = 1 if self.dialect.consent in ON_CALLS_ONLY else self.missing
        return None if all(map(usable, urls)) and fewest <= len(urls) <= self.missing else f"it leads to {urls}"

    @property
    def expected(self) -> str:
        """Describe the right form."""
        return f"{_IN_WORDS[self.dialect.consent].format(dialect=self.dialect)}, with {self.missing} URL(s)"

    @property
    def seen(self) -> str:
        """Return the relevant part of the answer."""
        if self.dialect.consent == "http-401":
            return f"WWW-Authenticate: {', '.join(self.exchange.response_header('www-authenticate')) or 'missing'}"
        if self.dialect.consent == "tool-error":
            return f"text: {tool_text(self.exchange.reply)[:200]!r}"
        return f"data: {self.exchange.reply.error.get('data')!r}"


def usable(url: str) -> bool:
    """Return whether a browser can open the URL."""
    parts = parse_with_labels(url, split_url)
    return parts.scheme in ("http", "https") and bool(parts.netloc) and " " not in url


def _answered(exchange: Exchange) -> str | None:
    if exchange.status != 200:
        return f"the status is {exchange.status}"
    return None if exchange.answer.get("id") == exchange.rpc.get("id") else f"the id is {exchange.answer.get('id')!r}"


def _error_data(exchange: Exchange) -> str | None:
    data = exchange.reply.error.get("data")
    if not exchange.reply.error:
        return "there is no JSON-RPC error"
    if not isinstance(data, str) or "\n" in data:
        return "data is not a single-line string"
    return _answered(exchange)


def _challenge(exchange: Exchange) -> str | None:
    return None if exchange.status == 401 else f"the status is {exchange.status}"


def _elicitation(exchange: Exchange) -> str | None:
    """Check an elicitation. MCP 2026-07-28 has no error for it; in 2025-11-25 only an error can answer a call."""
    modern = exchange.tags.get("revision") == MODERN_REVISION
    if modern == (exchange.reply.error.get("code") == ELICITATION_REQUIRED):
        return "it is not the form of this revision"
    if not modern and not all(isinstance(one.get("elicitationId"), str) for one in elicitations(exchange.reply)):
        return "an elicitation has no elicitationId"
    return _answered(exchange)


_RULES: dict[str, Callable[[Exchange], str | None]] = {
    "jsonrpc-error-data": _error_data,
    "http-401": _challenge,
    "url-elicitation": _elicitation,
    "tool-error": _answered,
}
_IN_WORDS = {
    "jsonrpc-error-data": "HTTP 200, the request's id, one line of data ending in 'Please visit: '",
    "http-401": "HTTP 401, WWW-Authenticate challenges that say {dialect.consent_parameter}",
    "url-elicitation": "HTTP 200, the request's id, URL elicitations as its revision has them",
    "tool-error": "HTTP 200, the request's id, a tool result that is an error, whose text ends in '{dialect.consent_prefix}'",
}
