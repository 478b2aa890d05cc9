"""Checks of authorization_servers.toml that are no rows of a shape."""

import base64
from collections.abc import Iterator
from typing import Any

from gatebench.conformance.checks.token_endpoint import form_fields
from gatebench.conformance.events import Event
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

# Addresses of metadata in the order in which a client tries them, by the beginning and the end of the path.
WELL_KNOWN = (
    ("/.well-known/oauth-authorization-server/", ""),
    ("/.well-known/openid-configuration/", ""),
    ("/", "/.well-known/openid-configuration"),
)
RESOURCE_METADATA = ("resource-metadata-of-another-issuer", "resource-metadata-of-another-resource")
MAX_ATTEMPTS, MAX_TOKEN_REQUESTS = 3, 2
VERIFIER_CHARACTERS = 43  # at least (RFC 7636 section 4.1)
NOTHING_SENT = "the gateway sent nothing to an upstream or an issuer during the scenario"


def _cases(transcript: Transcript, *names: str) -> Iterator[tuple[Event, list[Exchange]]]:
    """Yield the recorded cases of these names, each with the requests to its server's authorization servers during it."""
    for note in transcript.notes("case"):
        if note["case"] in names:
            issuers = transcript.facts.issuers(note["server"])
            sent = [x for x in transcript.leg("idp") if note["begin"] <= x.seq <= note["seq"]]
            yield note, [x for x in sent if x.node in issuers]


def well_known_addresses_are_tried_in_order(context: CheckContext, transcript: Transcript) -> None:
    """ASM-002: requests that overlap are in no order. A gateway of 2025-06-18 alone need not know OpenID Connect."""
    if _claims_2025_06_18_alone(transcript):
        context.inapplicable("MCP 2025-06-18 demands RFC 8414 only")
        return
    by_issuer: dict[str, list[tuple[int, Exchange]]] = {}
    for exchange in transcript.leg("idp"):
        path = exchange.target.partition("?")[0]
        for place, (begin, end) in enumerate(WELL_KNOWN):
            if path.startswith(begin) and path.endswith(end):
                by_issuer.setdefault(exchange.node, []).append((place, exchange))
                break
    if not by_issuer and any(transcript.notes("case")):
        context.inapplicable("the gateway read no metadata during the scenario")
    for issuer, tried in by_issuer.items():
        context.examined()
        firsts: dict[int, Exchange] = {}
        for place, exchange in tried:
            firsts.setdefault(place, exchange)
        for place, earlier in firsts.items():
            late = [other for rank, other in firsts.items() if rank < place and _ended(earlier) < other.t]
            for other in late[:1]:
                context.violation(
                    f"the gateway tried the addresses of the metadata of {issuer} in another order",
                    expected="RFC 8414 before OpenID Connect, inserted before appended",
                    actual=f"{earlier.target}, and then {other.target}",
                    at=other,
                )


def _claims_2025_06_18_alone(transcript: Transcript) -> bool:
    return bool(transcript.facts.target.get("claims", {}).get("revisions") == ["2025-06-18"])


def _ended(exchange: Exchange) -> float:
    return exchange.chunks[-1][0] if exchange.chunks else exchange.t


def foreign_errors_are_not_shown(context: CheckContext, transcript: Transcript) -> None:
    """ASM-014: the text of an error response whose `iss` is wrong appears in no response of the gateway."""
    for note in transcript.notes("observation"):
        if note["what"] != "foreign-error":
            continue
        context.examined()
        for exchange in transcript.leg("client"):
            if note["from"] < exchange.seq < note["to"] and note["text"] in exchange.body:
                context.violation(
                    "the gateway showed the text of an error response that came from another authorization server",
                    expected="an error of its own",
                    actual=exchange.body[:200],
                    at=exchange,
                )


def scopes_are_joined(context: CheckContext, transcript: Transcript) -> None:
    """ASM-026: an authorization for more scopes names those of before as well. MCP 2025-06-18 has no step-up authorization."""
    if _claims_2025_06_18_alone(transcript):
        context.inapplicable("MCP 2025-06-18 has no step-up authorization")
        return
    for note, requests in _cases(transcript, "scope-granted"):
        for exchange in requests:
            if not exchange.target.partition("?")[0].endswith("/authorize"):
                continue
            context.examined()
            asked = set(form_fields(exchange.target.partition("?")[2]).get("scope", "").split())
            if lacking := sorted(set(note["scopes"]) - asked):
                context.violation(
                    f"the authorization request after a demand for more scopes lacks {' '.join(lacking)}",
                    expected=f"scope={' '.join(note['scopes'])}",
                    actual=f"scope={' '.join(sorted(asked)) or '(missing)'}",
                    at=exchange,
                )
    demanded = [note for note, _ in _cases(transcript, "scope-demanded")]
    if not context.subjects and any(_landed(transcript, note) for note in demanded):
        context.inapplicable("the gateway answers a demand for more scopes with an error")


def demands_are_not_repeated(context: CheckContext, transcript: Transcript) -> None:
    """ASM-027: a 403 for lack of a scope is neither tried again without end nor answered by refreshing."""
    for note, requests in _cases(transcript, "scope-demanded"):
        landed = _landed(transcript, note)
        if not landed:
            context.blocked("the call that lacks a scope did not reach the upstream")
            continue
        context.examined()
        tokens = [x for x in requests if x.target.partition("?")[0].endswith("/token")]
        for what, found, most in (
            ("requests to the upstream", landed, MAX_ATTEMPTS),
            ("token requests", tokens, MAX_TOKEN_REQUESTS),
        ):
            if len(found) > most:
                context.violation(
                    f"the gateway made {len(found)} {what} for one call that lacks a scope",
                    expected=f"at most {most}",
                    actual=str(len(found)),
                    at=found[most],
                )


def _landed(transcript: Transcript, note: Event) -> list[Exchange]:
    return transcript.landed(transcript.exchanges[note["attempts"][-1]].nonce)


def _sent_something(transcript: Transcript, note: Event) -> bool:
    """Return whether the gateway sent any request for a case: one that does nothing cannot send a credential astray."""
    made = [*transcript.leg("upstream"), *transcript.leg("idp")]
    return any(note["begin"] <= exchange.seq <= note["seq"] for exchange in made)


def client_credentials_stay_with_their_issuer(context: CheckContext, transcript: Transcript) -> None:
    """ASM-028: the client secret and the client id that belong to one issuer are sent to no other.

    A gateway that does not go on is right as well.
    """
    for note, _ in _cases(transcript, *RESOURCE_METADATA):
        if _sent_something(transcript, note):
            context.examined()
        else:
            context.inapplicable(NOTHING_SENT)
    upstreams: dict[str, dict[str, Any]] = transcript.facts.world["upstreams"]
    issuers = {name: up["auth"] for name, up in upstreams.items() if up["auth"]["model"] == "oauth"}
    for exchange in transcript.leg("idp"):
        if not exchange.target.partition("?")[0].endswith(("/authorize", "/token", "/register")):
            continue
        fields = {**form_fields(exchange.target.partition("?")[2]), **form_fields(exchange.request_body)}
        labels = transcript.labels("\n".join(text for _, text in exchange.parts))
        for name, auth in issuers.items():
            if exchange.node == auth["issuer"]:
                continue
            if f"client-secret:{name}" in labels or fields.get("client_id") == auth.get("client_id", "none"):
                context.examined()
                context.violation(
                    f"the gateway used its client credentials of {auth['issuer']} at {exchange.node}",
                    expected=f"they are sent to {auth['issuer']} only",
                    actual=f"{exchange.method} {exchange.target[:200]}",
                    at=exchange,
                )


def the_resource_stays_the_configured_one(context: CheckContext, transcript: Transcript) -> None:
    """ASM-029: a gateway that does not go on is right as well."""
    for note, requests in _cases(transcript, *RESOURCE_METADATA):
        if not _sent_something(transcript, note):
            context.inapplicable(NOTHING_SENT)
            continue
        context.examined()
        for exchange in requests:
            path, _, query = exchange.target.partition("?")
            if not path.endswith(("/authorize", "/token")):
                continue
            fields = form_fields(exchange.request_body if exchange.method == "POST" else query)
            if fields.get("resource") != note["expected"]:
                context.violation(
                    f"the gateway asked {exchange.node} for a token for another resource",
                    expected=f"resource={note['expected']}",
                    actual=f"resource={fields.get('resource', '(missing)')}",
                    at=exchange,
                )


def verifiers_are_fresh(context: CheckContext, transcript: Transcript) -> None:
    """ASM-023: the code verifiers of different codes differ."""
    codes: dict[str, str] = {}
    for exchange in transcript.leg("idp"):
        fields = form_fields(exchange.request_body)
        code, verifier = fields.get("code"), fields.get("code_verifier")
        if exchange.method != "POST" or not code or not verifier:
            continue
        context.examined()
        if codes.setdefault(verifier, code) != code:
            context.violation(
                f"the gateway redeemed two codes at {exchange.node} with the same code verifier",
                expected="a new verifier for each authorization request",
                actual="the one of an earlier request",
                at=exchange,
            )


def verifiers_are_secret(context: CheckContext, transcript: Transcript) -> None:
    """ASM-046: no authorization request has a parameter `code_verifier`, or a redeemed verifier in the value of another one.

    A state that is signed, and not encrypted, shows what it holds: its parts are compared decoded, too.
    """
    redeemed = {
        form_fields(x.request_body).get("code_verifier", "") for x in transcript.leg("idp") if x.method == "POST"
    }
    verifiers = {verifier for verifier in redeemed if len(verifier) >= VERIFIER_CHARACTERS}
    for exchange in transcript.leg("idp"):
        path, _, query = exchange.target.partition("?")
        if not path.endswith("/authorize"):
            continue
        context.examined()
        for name, value in form_fields(query).items():
            if name == "code_verifier" or any(verifier in text for verifier in verifiers for text in _readable(value)):
                context.violation(
                    f"the authorization request to {exchange.node} shows the code verifier",
                    expected="the challenge of a verifier that only the gateway knows",
                    actual=f"the verifier in the parameter {name}",
                    at=exchange,
                )


def _readable(value: str) -> Iterator[str]:
    """Yield a value, and what its parts say if they are Base64."""
    yield value
    for part in value.split("."):
        if len(part) >= VERIFIER_CHARACTERS and part.isascii():
            padded = part + "=" * (-len(part) % 4)
            try:
                yield base64.urlsafe_b64decode(padded).decode("latin-1")
            except ValueError:  # not Base64
                continue
