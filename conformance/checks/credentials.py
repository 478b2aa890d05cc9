"""Checks of credentials.toml: whose credentials reach whom. Secrets stand in transcripts as labels."""

from collections.abc import Iterator

from conformance.transcript import Exchange, Transcript
from conformance.verdict import Judge
from fixtures.secrets import labels_in

CREDENTIAL_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key")
OAUTH_SECRETS = ("refresh-token", "code", "client-secret")
# What a client may legitimately be shown: its own gateway token and what it sent itself.
CLIENTS_OWN = ("gateway-token", "override", "cookie")


def at_model(transcript: Transcript, *models: str) -> Iterator[Exchange]:
    """Requests to the MCP endpoints of upstreams with one of these auth models (metadata look-ups left out)."""
    for exchange in transcript.upstream:
        if transcript.facts.auth_model(exchange.node) in models and exchange.target.partition("?")[0] == "/mcp":
            yield exchange


def gateway_credentials_stay_at_the_gateway(judge: Judge, transcript: Transcript) -> None:
    """CRED-001."""
    for exchange in transcript.upstream:
        if transcript.facts.auth_model(exchange.node) == "passthrough":
            continue
        judge.saw()
        for label in _labels(transcript, exchange.request_text, "gateway-token", "admin-token"):
            judge.violated(
                f"the gateway credential {label} reached {exchange.node} on {exchange.describe()}",
                expected="no gateway credential in any header, URL or body",
                actual=_where(exchange, label),
                at=exchange,
            )


def open_upstreams_get_no_credential(judge: Judge, transcript: Transcript) -> None:
    """CRED-002: what a caller put into an override is the caller's own doing."""
    for exchange in transcript.upstream:
        if transcript.facts.auth_model(exchange.node) != "none":
            continue
        judge.saw()
        for name, value in exchange.request_headers:
            labels = labels_in(value)
            overridden = labels and all(transcript.facts.category(label) == "override" for label in labels)
            if (name.lower() in CREDENTIAL_HEADERS or labels) and not overridden:
                judge.violated(
                    f"a credential reached {exchange.node}, which has no authentication, on {exchange.describe()}",
                    expected="no credential of anybody",
                    actual=f"{name}: {value}",
                    at=exchange,
                )


def static_header_is_injected(judge: Judge, transcript: Transcript) -> None:
    """CRED-003."""
    for exchange in at_model(transcript, "static"):
        auth = transcript.facts.world["upstreams"][exchange.node]["auth"]
        values = exchange.header(auth["header"])
        if any(transcript.facts.category(label) == "override" for label in labels_in(exchange.request_text)):
            continue
        judge.saw()
        if values != [auth["value"]]:
            judge.violated(
                f"{exchange.describe()} reached {exchange.node} without exactly the configured header",
                expected=f"{auth['header']}: {auth['value']}, once",
                actual=f"{auth['header']}: {', '.join(values)}" if values else f"no {auth['header']}",
                at=exchange,
            )


def static_upstreams_get_nothing_else(judge: Judge, transcript: Transcript) -> None:
    """CRED-004."""
    for exchange in at_model(transcript, "static"):
        configured = transcript.facts.world["upstreams"][exchange.node]["auth"]["header"].lower()
        judge.saw()
        for name, value in exchange.request_headers:
            owned = [label for label in labels_in(value) if transcript.facts.category(label) != "override"]
            if name.lower() != configured and owned:
                judge.violated(
                    f"{exchange.node} got somebody's credential beside its own on {exchange.describe()}",
                    expected=f"nothing but {configured}",
                    actual=f"{name}: {value}",
                    at=exchange,
                )


def oauth_upstreams_get_the_callers_token(judge: Judge, transcript: Transcript) -> None:
    """CRED-005."""
    for exchange in at_model(transcript, "oauth"):
        caller = transcript.caller_of(exchange)
        values = exchange.header("authorization")
        if caller is None or _overridden(transcript, values):
            continue
        judge.saw()
        wrong = _not_the_callers(transcript, exchange, values, caller)
        if wrong:
            judge.violated(
                f"{exchange.describe()} for {caller} reached {exchange.node} {wrong}",
                expected=f"Authorization: Bearer, with an access token of {caller} for {exchange.node}, once",
                actual="Authorization: " + (", ".join(values) or "nothing"),
                at=exchange,
            )


def _not_the_callers(transcript: Transcript, exchange: Exchange, values: list[str], caller: str) -> str | None:
    if len(values) != 1:
        return f"with {len(values)} Authorization headers"
    labels = labels_in(values[0])
    secret = transcript.facts.secrets.get(labels[0]) if len(labels) == 1 else None
    if secret is None or values[0] != f"Bearer «{secret.label}»":
        return "without exactly one bearer token of ours"
    if secret.category != "access-token":
        return f"with a {secret.category}"
    if secret.owner != caller:
        return f"with the token of {secret.owner}"
    return None if secret.audience == exchange.node else f"with a token for {secret.audience}"


def _overridden(transcript: Transcript, values: list[str]) -> bool:
    labels = [label for value in values for label in labels_in(value)]
    return any(transcript.facts.category(label) == "override" for label in labels)


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
                actual=next(f"{name}: {value}" for name, value in _with_owner(transcript, exchange, other)),
                at=exchange,
            )


def _with_owner(transcript: Transcript, exchange: Exchange, owner: str) -> Iterator[tuple[str, str]]:
    for name, value in [*exchange.request_headers, ("URL", exchange.target), ("body", exchange.request_body)]:
        if owner in transcript.owners(value):
            yield name, value


def passthrough_is_byte_for_byte(judge: Judge, transcript: Transcript) -> None:
    """CRED-007: the label stands for the whole token, so equality is equality of bytes."""
    for exchange in at_model(transcript, "passthrough"):
        caller = transcript.caller_of(exchange)
        sent = {
            label
            for call in transcript.client
            if call.tags.get("principal") == caller
            for _, value in call.request_headers
            for label in labels_in(value)
            if transcript.facts.category(label) == "gateway-token"
        }
        if caller is None or not sent:
            continue
        judge.saw()
        values = exchange.header("authorization")
        if len(values) != 1 or values[0] not in {f"Bearer «{label}»" for label in sent}:
            judge.violated(
                f"{exchange.describe()} reached {exchange.node} without the caller's JWT as it was sent",
                expected=" or ".join(f"Authorization: Bearer «{label}»" for label in sorted(sent)),
                actual="Authorization: " + (", ".join(values) or "nothing"),
                at=exchange,
            )


def clients_see_no_upstream_secret(judge: Judge, transcript: Transcript) -> None:
    """CRED-008."""
    for exchange in transcript.client:
        if exchange.status is None:
            continue
        judge.saw()
        for label in labels_in(exchange.response_text):
            if transcript.facts.category(label) not in CLIENTS_OWN:
                judge.violated(
                    f"the answer to {exchange.describe()} at {exchange.tags.get('server')} shows a secret",
                    expected="no credential that is not the caller's own",
                    actual=_around(exchange.response_text, label),
                    at=exchange,
                )


def cookies_stay_at_the_gateway(judge: Judge, transcript: Transcript) -> None:
    """CRED-009: judged where a caller sent some."""
    planted = [x for x in transcript.client if _labels(transcript, x.request_text, "cookie")]
    for call in planted:
        for arrival in transcript.landed(call.nonce):
            judge.saw()
            for label in _labels(transcript, arrival.request_text, "cookie"):
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
        for label in labels_in(exchange.target):
            judge.violated(
                f"a credential is in the URL of {exchange.describe()} to {exchange.node}",
                expected="credentials in headers only",
                actual=f"{label} in {exchange.target}",
                at=exchange,
            )


def logs_hold_no_secret(judge: Judge, transcript: Transcript) -> None:
    """CRED-011."""
    for event in transcript.events:
        if event["leg"] != "gateway":
            continue
        judge.saw()
        for label in labels_in(event["text"]):
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
    if not any(call.tags.get("server") in transcript.facts.world["virtual_servers"] for call in transcript.client):
        return
    open_upstreams_get_no_credential(judge, transcript)
    static_header_is_injected(judge, transcript)
    oauth_upstreams_get_the_callers_token(judge, transcript)


def oauth_secrets_go_to_their_issuer(judge: Judge, transcript: Transcript) -> None:
    """CRED-013."""
    for exchange in transcript.upstream:
        judge.saw()
        for label in _labels(transcript, exchange.request_text, *OAUTH_SECRETS):
            judge.violated(
                f"{label} reached {exchange.node}",
                expected="it is for its authorization server alone",
                actual=_where(exchange, label),
                at=exchange,
            )
    for exchange in transcript.leg("idp"):
        for label in _labels(transcript, exchange.request_text, *OAUTH_SECRETS):
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
        for label in _labels(transcript, exchange.request_text, "gateway-token"):
            judge.violated(
                f"the caller's token was passed on to {exchange.node}",
                expected="a separate token, issued for the upstream",
                actual=_where(exchange, label),
                at=exchange,
            )


def _labels(transcript: Transcript, text: str, *categories: str) -> list[str]:
    return [label for label in labels_in(text) if transcript.facts.category(label) in categories]


def _where(exchange: Exchange, label: str) -> str:
    for name, value in exchange.request_headers:
        if label in labels_in(value):
            return f"{name}: {value}"
    if label in labels_in(exchange.target):
        return f"URL {exchange.target}"
    return f"in the body: {_around(exchange.request_body, label)}"


def _around(text: str, label: str) -> str:
    at = text.index(f"«{label}")
    return " ".join(text[max(at - 60, 0) : at + len(label) + 40].split())
