"""Checks of credentials.toml: whose credentials reach whom. Secrets stand in transcripts as labels."""

from conformance.checks.auth_models import (
    at_model,
    bearer,
    follows_its_model,
    gets_no_credential,
    gets_the_callers_token,
    gets_the_static_header,
)
from conformance.transcript import Exchange, Transcript
from conformance.verdict import Judge
from fixtures.secrets import labels_in

OAUTH_SECRETS = ("refresh-token", "code", "client-secret")


def gateway_credentials_stay_at_the_gateway(judge: Judge, transcript: Transcript) -> None:
    """CRED-001."""
    for exchange in transcript.upstream:
        judge.saw()
        passed_on = transcript.facts.auth_model(exchange.node) == "passthrough"
        forbidden = ("admin-token",) if passed_on else ("admin-token", "gateway-token")
        for label in transcript.labels(exchange.request_text, *forbidden):
            judge.violated(
                f"the gateway credential {label} reached {exchange.node} on {exchange.describe()}",
                expected="no gateway credential in any header, URL or body",
                actual=_where(exchange, label),
                at=exchange,
            )


def open_upstreams_get_no_credential(judge: Judge, transcript: Transcript) -> None:
    """CRED-002."""
    for exchange in transcript.upstream:
        if transcript.facts.auth_model(exchange.node) == "none":
            gets_no_credential(judge, transcript, exchange)


def static_header_is_injected(judge: Judge, transcript: Transcript) -> None:
    """CRED-003."""
    for exchange in at_model(transcript, "static"):
        gets_the_static_header(judge, transcript, exchange)


def static_upstreams_get_nothing_else(judge: Judge, transcript: Transcript) -> None:
    """CRED-004."""
    for exchange in at_model(transcript, "static"):
        configured = transcript.facts.world["upstreams"][exchange.node]["auth"]["header"].lower()
        judge.saw()
        for where, text in exchange.parts:
            if where.lower() != configured and transcript.labels(text) != transcript.labels(text, "override"):
                judge.violated(
                    f"{exchange.node} got somebody's credential beside its own on {exchange.describe()}",
                    expected=f"nothing but {configured}",
                    actual=f"{where}: {text}"[:400],
                    at=exchange,
                )


def oauth_upstreams_get_the_callers_token(judge: Judge, transcript: Transcript) -> None:
    """CRED-005."""
    for exchange in at_model(transcript, "oauth"):
        gets_the_callers_token(judge, transcript, exchange)


def nobody_acts_as_somebody_else(judge: Judge, transcript: Transcript) -> None:
    """CRED-006."""
    principals = set(transcript.facts.world["principals"])
    for exchange in transcript.upstream:
        caller = transcript.caller_of(exchange)
        if caller is None:
            continue
        judge.saw()
        for other in transcript.owners(exchange.request_text) & (principals - {caller}):
            judge.violated(
                f"a request of {caller} reached {exchange.node} with a credential of {other}",
                expected=f"nothing that belongs to anybody but {caller}",
                actual=next(f"{w}: {text}"[:400] for w, text in exchange.parts if other in transcript.owners(text)),
                at=exchange,
            )


def passthrough_is_byte_for_byte(judge: Judge, transcript: Transcript) -> None:
    """CRED-007: the label stands for the whole token, so equality is equality of bytes."""
    for exchange in at_model(transcript, "passthrough"):
        caller = transcript.caller_of(exchange)
        if caller is None:
            continue
        judge.saw()
        sent = _tokens_of(transcript, exchange, caller)
        values = exchange.header("authorization")
        if bearer(values) not in sent:
            judge.violated(
                f"{exchange.describe()} reached {exchange.node} without the caller's JWT as it was sent",
                expected=" or ".join(f"Authorization: Bearer «{label}»" for label in sorted(sent)),
                actual="Authorization: " + (", ".join(values) or "nothing"),
                at=exchange,
            )


def _tokens_of(transcript: Transcript, exchange: Exchange, caller: str) -> set[str]:
    """What the caller showed with the request that this one is for, or where that is unknown, with any."""
    calls = [call for call in transcript.client if call.tags.get("principal") == caller]
    calls = [call for call in calls if call.nonce and call.nonce == exchange.nonce] or calls
    return {label for call in calls for label in transcript.labels(call.request_text, "gateway-token")}


def clients_see_no_upstream_secret(judge: Judge, transcript: Transcript) -> None:
    """CRED-008: whoever sent a secret knows it already."""
    known: dict[str | None, set[str]] = {}
    for exchange in transcript.client:
        known.setdefault(exchange.tags.get("principal"), set()).update(transcript.labels(exchange.request_text))
    for exchange in transcript.client:
        if exchange.status is None:
            continue
        judge.saw()
        for label in transcript.labels(exchange.response_text):
            if label not in known[exchange.tags.get("principal")]:
                judge.violated(
                    f"the answer to {exchange.describe()} at {exchange.tags.get('server')} shows a secret",
                    expected="no credential that is not the caller's own",
                    actual=_around(exchange.response_text, label),
                    at=exchange,
                )


def cookies_stay_at_the_gateway(judge: Judge, transcript: Transcript) -> None:
    """CRED-009: judged where a caller sent some; a jar in the gateway may give them to any later request."""
    for call in transcript.client:
        if transcript.labels(call.request_text, "cookie"):
            judge.saw(len(transcript.landed(call.nonce)))
    for arrival in transcript.upstream:
        for label in transcript.labels(arrival.request_text, "cookie"):
            judge.violated(
                f"what the caller had in a cookie or in Proxy-Authorization reached {arrival.node}",
                expected="neither is passed on",
                actual=_where(arrival, label),
                at=arrival,
            )


def no_secret_in_upstream_urls(judge: Judge, transcript: Transcript) -> None:
    """CRED-010."""
    for exchange in transcript.upstream:
        judge.saw()
        for label in transcript.labels(exchange.target):
            judge.violated(
                f"a credential is in the URL of {exchange.describe()} to {exchange.node}",
                expected="credentials in headers only",
                actual=f"{label} in {exchange.target}",
                at=exchange,
            )


def logs_hold_no_secret(judge: Judge, transcript: Transcript) -> None:
    """CRED-011: a gateway that we started and that says nothing at all is a clean one."""
    if transcript.facts.target["launch"] and transcript.client:
        judge.saw()
    for event in transcript.events:
        if event["leg"] != "gateway":
            continue
        judge.saw()
        for label in transcript.labels(event["text"]):
            judge.violated(
                "the gateway printed a secret",
                expected="no credential in its output",
                actual=f"{label} in: {event['text'][:200]}",
                at=_Line(event["seq"]),
            )


class _Line:
    def __init__(self, seq: int) -> None:
        self.seq = seq


def each_member_gets_its_own(judge: Judge, transcript: Transcript) -> None:
    """CRED-012: the rules of the single servers, applied to the members of a virtual one."""
    virtual = transcript.facts.world["virtual_servers"]
    if any(call.tags.get("server") in virtual for call in transcript.client):
        for exchange in at_model(transcript, "none", "static", "oauth"):
            follows_its_model(judge, transcript, exchange)


def oauth_secrets_go_to_their_issuer(judge: Judge, transcript: Transcript) -> None:
    """CRED-013."""
    for exchange in transcript.upstream:
        judge.saw()
        for label in transcript.labels(exchange.request_text, *OAUTH_SECRETS):
            judge.violated(
                f"{label} reached {exchange.node}",
                expected="it is for its authorization server alone",
                actual=_where(exchange, label),
                at=exchange,
            )
    for exchange in transcript.leg("idp"):
        for label in transcript.labels(exchange.request_text, *OAUTH_SECRETS):
            audience = transcript.facts.secrets[label].audience or transcript.facts.secrets[label].owner or ""
            issuer = transcript.facts.world["upstreams"].get(audience, {}).get("auth", {}).get("issuer")
            judge.saw()
            if issuer and issuer != exchange.node:
                judge.violated(
                    f"{label} was sent to {exchange.node}",
                    expected=f"only {issuer} gets it",
                    actual=_where(exchange, label),
                    at=exchange,
                )


def nothing_is_passed_through(judge: Judge, transcript: Transcript) -> None:
    """CRED-014."""
    for exchange in at_model(transcript, "passthrough"):
        judge.saw()
        for label in transcript.labels(exchange.request_text, "gateway-token"):
            judge.violated(
                f"the caller's token was passed on to {exchange.node}",
                expected="a separate token, issued for the upstream",
                actual=_where(exchange, label),
                at=exchange,
            )


def _where(exchange: Exchange, label: str) -> str:
    return next(f"{where}: {_around(text, label)}" for where, text in exchange.parts if label in labels_in(text))


def _around(text: str, label: str) -> str:
    at = text.index(f"«{label}")
    return " ".join(text[max(at - 60, 0) : at + len(label) + 40].split())
