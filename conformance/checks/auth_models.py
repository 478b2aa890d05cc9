"""The rules of the auth models for one request to an upstream; shared by several groups of checks."""

import re
from collections.abc import Iterator

from gatebench.conformance.checks.probes import consent_urls
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol.urls import split_url

CREDENTIAL_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key")
_BEARER = re.compile("bearer +«([^«»|]+)»", re.IGNORECASE)  # RFC 9110 section 11.1: schemes are case-insensitive


def at_model(transcript: Transcript, *models: str) -> Iterator[Exchange]:
    """Yield the requests to MCP endpoints of upstreams with one of these auth models (without metadata requests)."""
    for exchange in transcript.upstream:
        if transcript.facts.auth_model(exchange.node) not in models:
            continue
        # Of its own mock, of one that several upstreams share, and of a user's own server.
        configured = split_url(str(transcript.facts.world["upstreams"][exchange.node]["url"])).path or "/"
        endpoints = ("/mcp", f"/{exchange.node}/mcp", configured)
        if exchange.target.partition("?")[0] in endpoints:
            yield exchange


def follows_its_model(context: CheckContext, transcript: Transcript, exchange: Exchange) -> None:
    """Apply the rule of the upstream's auth model. Passthrough has none here: CRED-007 compares with what was sent."""
    rules = {"none": gets_no_credential, "static": gets_the_static_header, "oauth": gets_the_callers_token}
    rule = rules.get(transcript.facts.auth_model(exchange.node) or "")
    if rule:
        rule(context, transcript, exchange)


def gets_no_credential(context: CheckContext, transcript: Transcript, exchange: Exchange) -> None:
    """Check that the request carries no credential.

    Allowed are one that a caller sent in an override, and cookies that this upstream itself has set (RFC 6265, section 5.4).
    """
    context.examined()
    for where, text in exchange.parts:
        labels = transcript.labels(text)
        overridden = labels and labels == transcript.labels(text, "override")
        own = where.lower() == "cookie" and _cookies_in(text) <= transcript.cookies_set.get(exchange.node, set())
        if ((where.lower() in CREDENTIAL_HEADERS and not own) or labels) and not overridden:
            context.violation(
                f"a credential reached {exchange.node}, which has no authentication, on {exchange.describe()}",
                expected="no credential",
                actual=f"{where}: {text}"[:400],
                at=exchange,
            )


def _cookies_in(value: str) -> set[str]:
    return {one.strip() for one in value.split(";") if one.strip()}


def gets_the_static_header(context: CheckContext, transcript: Transcript, exchange: Exchange) -> None:
    """Check that each request of a caller has the configured header, once and unchanged. A health check may lack it."""
    auth = transcript.facts.world["upstreams"][exchange.node]["auth"]
    values = exchange.header(auth["header"])
    if overridden(transcript, exchange) or (not values and transcript.caller_of(exchange) is None):
        return
    context.examined()
    if values != [auth["value"]]:
        context.violation(
            f"{exchange.describe()} reached {exchange.node} without exactly the configured header",
            expected=f"{auth['header']}: {auth['value']}, once",
            actual=f"{auth['header']}: {', '.join(values)}" if values else f"no {auth['header']}",
            at=exchange,
        )


def gets_the_callers_token(context: CheckContext, transcript: Transcript, exchange: Exchange) -> None:
    """Check that each request of a caller has an access token of the caller for this upstream, once."""
    caller = transcript.caller_of(exchange)
    if caller is None or overridden(transcript, exchange) or _first_contact(transcript, exchange):
        return
    context.examined()
    values = exchange.header("authorization")
    wrong = _not_the_callers(transcript, exchange, values, caller)
    if wrong:
        context.violation(
            f"{exchange.describe()} for {caller} reached {exchange.node} {wrong}",
            expected=f"Authorization: Bearer, with an access token of {caller} for {exchange.node}, once",
            actual="Authorization: " + (", ".join(values) or "nothing"),
            at=exchange,
        )


def _first_contact(transcript: Transcript, exchange: Exchange) -> bool:
    """Return whether this is MCP's own discovery: a request without token gets 401, and the gateway asks for consent."""
    asked = any(
        consent_urls(transcript, call) for call in transcript.client if call.nonce and call.nonce == exchange.nonce
    )
    return asked and exchange.status == 401 and not transcript.labels(exchange.request_text)


def _not_the_callers(transcript: Transcript, exchange: Exchange, values: list[str], caller: str) -> str | None:
    if len(values) != 1:
        return f"with {len(values)} Authorization headers"
    secret = transcript.facts.secrets.get(bearer(values) or "")
    if secret is None:
        return "without exactly one bearer token of ours"
    if secret.category != "access-token":
        return f"with a {secret.category}"
    if secret.owner != caller:
        return f"with the token of {secret.owner}"
    return None if secret.audience == exchange.node else f"with a token for {secret.audience}"


def bearer(values: list[str]) -> str | None:
    """Return the label of the only bearer token in the values of an Authorization header, or None for any other value."""
    match = _BEARER.fullmatch(values[0]) if len(values) == 1 else None
    return match[1] if match else None


def overridden(transcript: Transcript, exchange: Exchange) -> bool:
    """Return whether the caller sent the headers of this request as an override."""
    return bool(transcript.labels(exchange.request_text, "override"))
