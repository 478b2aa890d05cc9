"""What an upstream's auth model says about one request that reaches it; shared by several groups of checks."""

import re
from collections.abc import Iterator

from conformance.checks.probes import consent_urls
from conformance.transcript import Exchange, Transcript
from conformance.verdict import Judge

CREDENTIAL_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key")
_BEARER = re.compile("bearer +«([^«»|]+)»", re.IGNORECASE)  # RFC 9110 section 11.1: schemes have no case


def at_model(transcript: Transcript, *models: str) -> Iterator[Exchange]:
    """Requests to the MCP endpoints of upstreams with one of these auth models (metadata look-ups left out)."""
    for exchange in transcript.upstream:
        if transcript.facts.auth_model(exchange.node) in models and exchange.target.partition("?")[0] == "/mcp":
            yield exchange


def follows_its_model(judge: Judge, transcript: Transcript, exchange: Exchange) -> None:
    """Whatever the upstream's model demands. Passthrough has no rule here: CRED-007 compares with what was sent."""
    rules = {"none": gets_no_credential, "static": gets_the_static_header, "oauth": gets_the_callers_token}
    rule = rules.get(transcript.facts.auth_model(exchange.node) or "")
    if rule:
        rule(judge, transcript, exchange)


def gets_no_credential(judge: Judge, transcript: Transcript, exchange: Exchange) -> None:
    """Nothing of anybody, anywhere; what a caller put into an override is the caller's own doing."""
    judge.saw()
    for where, text in exchange.parts:
        labels = transcript.labels(text)
        overridden = labels and labels == transcript.labels(text, "override")
        if (where.lower() in CREDENTIAL_HEADERS or labels) and not overridden:
            judge.violated(
                f"a credential reached {exchange.node}, which has no authentication, on {exchange.describe()}",
                expected="no credential of anybody",
                actual=f"{where}: {text}"[:400],
                at=exchange,
            )


def gets_the_static_header(judge: Judge, transcript: Transcript, exchange: Exchange) -> None:
    """The configured header, once and unchanged, on every request of a caller. A health check may come without."""
    auth = transcript.facts.world["upstreams"][exchange.node]["auth"]
    values = exchange.header(auth["header"])
    if overridden(transcript, exchange) or (not values and transcript.caller_of(exchange) is None):
        return
    judge.saw()
    if values != [auth["value"]]:
        judge.violated(
            f"{exchange.describe()} reached {exchange.node} without exactly the configured header",
            expected=f"{auth['header']}: {auth['value']}, once",
            actual=f"{auth['header']}: {', '.join(values)}" if values else f"no {auth['header']}",
            at=exchange,
        )


def gets_the_callers_token(judge: Judge, transcript: Transcript, exchange: Exchange) -> None:
    """An access token of the caller for this upstream, once, on every request of a caller."""
    caller = transcript.caller_of(exchange)
    if caller is None or overridden(transcript, exchange) or _first_contact(transcript, exchange):
        return
    judge.saw()
    values = exchange.header("authorization")
    wrong = _not_the_callers(transcript, exchange, values, caller)
    if wrong:
        judge.violated(
            f"{exchange.describe()} for {caller} reached {exchange.node} {wrong}",
            expected=f"Authorization: Bearer, with an access token of {caller} for {exchange.node}, once",
            actual="Authorization: " + (", ".join(values) or "nothing"),
            at=exchange,
        )


def _first_contact(transcript: Transcript, exchange: Exchange) -> bool:
    """Who has no token yet may come without one, be told 401, and ask the caller for consent: MCP's own discovery."""
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
    """The label of the one bearer token in the values of an Authorization header; None when there is anything else."""
    match = _BEARER.fullmatch(values[0]) if len(values) == 1 else None
    return match[1] if match else None


def overridden(transcript: Transcript, exchange: Exchange) -> bool:
    """Did the caller bring the headers for this request along?"""
    return bool(transcript.labels(exchange.request_text, "override"))
