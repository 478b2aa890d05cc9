"""Checks of credentials.toml: which credentials reach which host. In transcripts labels replace secrets."""

from gatebench.conformance.checks.auth_models import (
    at_model,
    bearer,
    follows_its_model,
    gets_no_credential,
    gets_the_callers_token,
    gets_the_static_header,
)
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.recording.labels import labels_in

OAUTH_SECRETS = ("refresh-token", "code", "client-secret")
FOR_ONE_UPSTREAM = ("access-token", "static-key")


def gateway_credentials_stay_at_the_gateway(context: CheckContext, transcript: Transcript) -> None:
    """CRED-001."""
    for exchange in transcript.upstream:
        context.examined()
        passed_on = transcript.facts.auth_model(exchange.node) == "passthrough"
        forbidden = ("admin-token",) if passed_on else ("admin-token", "gateway-token")
        for label in transcript.labels(exchange.request_text, *forbidden):
            context.violation(
                f"the gateway credential {label} reached {exchange.node} on {exchange.describe()}",
                expected="no gateway credential in any header, URL or body",
                actual=_where(exchange, label),
                at=exchange,
            )


def open_upstreams_get_no_credential(context: CheckContext, transcript: Transcript) -> None:
    """CRED-002."""
    for exchange in transcript.upstream:
        if transcript.facts.auth_model(exchange.node) == "none":
            gets_no_credential(context, transcript, exchange)


def static_header_is_injected(context: CheckContext, transcript: Transcript) -> None:
    """CRED-003."""
    for exchange in at_model(transcript, "static"):
        gets_the_static_header(context, transcript, exchange)


def static_upstreams_get_nothing_else(context: CheckContext, transcript: Transcript) -> None:
    """CRED-004."""
    for exchange in at_model(transcript, "static"):
        configured = transcript.facts.world["upstreams"][exchange.node]["auth"]["header"].lower()
        context.examined()
        for where, text in exchange.parts:
            if where.lower() != configured and transcript.labels(text) != transcript.labels(text, "override"):
                context.violation(
                    f"{exchange.node} received a foreign credential besides its own on {exchange.describe()}",
                    expected=f"nothing but {configured}",
                    actual=f"{where}: {text}"[:400],
                    at=exchange,
                )


def oauth_upstreams_get_the_callers_token(context: CheckContext, transcript: Transcript) -> None:
    """CRED-005."""
    for exchange in at_model(transcript, "oauth"):
        gets_the_callers_token(context, transcript, exchange)


def nobody_acts_as_somebody_else(context: CheckContext, transcript: Transcript) -> None:
    """CRED-006."""
    principals = set(transcript.facts.world["principals"])
    for exchange in transcript.upstream:
        caller = transcript.caller_of(exchange)
        if caller is None:
            continue
        context.examined()
        for other in transcript.owners(exchange.request_text) & (principals - {caller}):
            context.violation(
                f"a request of {caller} reached {exchange.node} with a credential of {other}",
                expected=f"no credential except those of {caller}",
                actual=next(f"{w}: {text}"[:400] for w, text in exchange.parts if other in transcript.owners(text)),
                at=exchange,
            )


def passthrough_is_byte_for_byte(context: CheckContext, transcript: Transcript) -> None:
    """CRED-007: the label identifies the whole token, so equal labels mean equal bytes."""
    for exchange in at_model(transcript, "passthrough"):
        caller = transcript.caller_of(exchange)
        if caller is None:
            continue
        context.examined()
        sent = _tokens_of(transcript, exchange, caller)
        values = exchange.header("authorization")
        if bearer(values) not in sent:
            context.violation(
                f"{exchange.describe()} reached {exchange.node} without the caller's JWT as it was sent",
                expected=" or ".join(f"Authorization: Bearer «{label}»" for label in sorted(sent)),
                actual="Authorization: " + (", ".join(values) or "nothing"),
                at=exchange,
            )


def _tokens_of(transcript: Transcript, exchange: Exchange, caller: str) -> set[str]:
    """Return the tokens that the caller sent with the request that caused this one or, if that is unknown, with any request."""
    calls = [call for call in transcript.client if call.tags.get("principal") == caller]
    calls = [call for call in calls if call.nonce and call.nonce == exchange.nonce] or calls
    return {label for call in calls for label in transcript.labels(call.request_text, "gateway-token")}


def clients_see_no_upstream_secret(context: CheckContext, transcript: Transcript) -> None:
    """CRED-008: a client that sent a secret may receive it back."""
    known: dict[str | None, set[str]] = {}
    for exchange in transcript.client:
        known.setdefault(exchange.tags.get("principal"), set()).update(transcript.labels(exchange.request_text))
    for exchange in transcript.client:
        if exchange.status is None:
            continue
        context.examined()
        for label in transcript.labels(exchange.response_text):
            if label not in known[exchange.tags.get("principal")]:
                context.violation(
                    f"the answer to {exchange.describe()} at {exchange.tags.get('server')} shows a secret",
                    expected="no credential that is not the caller's own",
                    actual=_around(exchange.response_text, label),
                    at=exchange,
                )


def cookies_stay_at_the_gateway(context: CheckContext, transcript: Transcript) -> None:
    """CRED-009: checked if a caller sent cookies; a cookie jar in the gateway may add them to any later request."""
    for call in transcript.client:
        if transcript.labels(call.request_text, "cookie"):
            context.examined(len(transcript.landed(call.nonce)))
    for arrival in transcript.upstream:
        for label in transcript.labels(arrival.request_text, "cookie"):
            context.violation(
                f"the caller's cookie or Proxy-Authorization header reached {arrival.node}",
                expected="neither is passed on",
                actual=_where(arrival, label),
                at=arrival,
            )


def no_secret_in_upstream_urls(context: CheckContext, transcript: Transcript) -> None:
    """CRED-010."""
    for exchange in transcript.upstream:
        context.examined()
        for label in transcript.labels(exchange.target):
            context.violation(
                f"a credential is in the URL of {exchange.describe()} to {exchange.node}",
                expected="credentials in headers only",
                actual=f"{label} in {exchange.target}",
                at=exchange,
            )


def logs_hold_no_secret(context: CheckContext, transcript: Transcript) -> None:
    """CRED-011: an empty log of a gateway that the bench started passes."""
    if transcript.facts.target["launch"] and transcript.client:
        context.examined()
    for event in transcript.events:
        if event["leg"] != "gateway":
            continue
        context.examined()
        for label in transcript.labels(event["text"]):
            context.violation(
                "the gateway printed a secret",
                expected="no credential in its output",
                actual=f"{label} in: {event['text'][:200]}",
                at=_Line(event["seq"]),
            )


class _Line:
    def __init__(self, seq: int) -> None:
        self.seq = seq


def each_member_gets_its_own(context: CheckContext, transcript: Transcript) -> None:
    """CRED-012: the rules of the single servers, applied to the members of a virtual server."""
    virtual = transcript.facts.world["virtual_servers"]
    if any(call.tags.get("server") in virtual for call in transcript.client):
        for exchange in at_model(transcript, "none", "static", "oauth"):
            follows_its_model(context, transcript, exchange)


def oauth_secrets_go_to_their_issuer(context: CheckContext, transcript: Transcript) -> None:
    """CRED-013."""
    for exchange in transcript.upstream:
        context.examined()
        for label in transcript.labels(exchange.request_text, *OAUTH_SECRETS):
            context.violation(
                f"{label} reached {exchange.node}",
                expected="it is for its authorization server alone",
                actual=_where(exchange, label),
                at=exchange,
            )
    for exchange in transcript.leg("idp"):
        for label in transcript.labels(exchange.request_text, *OAUTH_SECRETS):
            audience = transcript.facts.secrets[label].audience or transcript.facts.secrets[label].owner or ""
            issuer = transcript.facts.world["upstreams"].get(audience, {}).get("auth", {}).get("issuer")
            context.examined()
            if issuer and issuer != exchange.node:
                context.violation(
                    f"{label} was sent to {exchange.node}",
                    expected=f"only {issuer} gets it",
                    actual=_where(exchange, label),
                    at=exchange,
                )


def upstream_credentials_reach_their_upstream_only(context: CheckContext, transcript: Transcript) -> None:
    """CRED-015."""
    for exchange in transcript.upstream:
        for label in transcript.labels(exchange.request_text, *FOR_ONE_UPSTREAM):
            audience = transcript.facts.secrets[label].audience
            if audience is None:
                continue
            context.examined()
            if audience != exchange.node:
                context.violation(
                    f"{label}, which is for {audience}, reached {exchange.node} on {exchange.describe()}",
                    expected=f"only {audience} gets it",
                    actual=_where(exchange, label),
                    at=exchange,
                )


def nothing_is_passed_through(context: CheckContext, transcript: Transcript) -> None:
    """CRED-014."""
    for exchange in at_model(transcript, "passthrough"):
        context.examined()
        for label in transcript.labels(exchange.request_text, "gateway-token"):
            context.violation(
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
