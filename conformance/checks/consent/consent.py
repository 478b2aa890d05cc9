"""Checks of consent.toml: how a user authorises an upstream."""

import json
import re
from collections.abc import Iterator
from typing import Any

from gatebench.conformance.checks.consent.consent_shapes import ConsentResponse, usable
from gatebench.conformance.checks.probes import Probe, consent_urls, lacks_its_session, outcome_of, probes
from gatebench.conformance.checks.token_endpoint import form_fields, same_resource, token_requests
from gatebench.conformance.events import Event
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.gateways.dialects import can_ask
from gatebench.fixtures.protocol.urls import split_url
from gatebench.fixtures.recording.labels import parse_with_labels


def _observed(transcript: Transcript, what: str) -> Iterator[Event]:
    return (note for note in transcript.notes("observation") if note["what"] == what)


def the_guides_client_finds_the_url(context: CheckContext, transcript: Transcript) -> None:
    """CONS-001."""
    for note in _observed(transcript, "guide-consent"):
        context.examined()
        if len(note["urls"]) != note["missing"] or not all(map(usable, note["urls"])):
            context.violation(
                f"the guide's client, mode {note['mode']}, did not find the way to consent for {note['server']}",
                expected=f"{note['missing']} authorization URL(s) on connecting",
                actual=f"{note['urls'] or 'no URL'}; it ended with {note['error']}",
            )


def the_consent_error_is_parseable(context: CheckContext, transcript: Transcript) -> None:
    """CONS-002."""
    for probe in probes(transcript, "consent"):
        if not can_ask(transcript.facts.spoken, probe.attempt.rpc_method) or lacks_its_session(
            transcript, probe.attempt
        ):
            continue
        context.examined()
        shape = ConsentResponse(transcript.facts.spoken, probe.attempt, int(probe.attribute))
        if shape.wrong:
            context.violation(
                f"{probe.attempt.describe()} without consent for {probe.server} did not get the declared response: {shape.wrong}",
                expected=shape.expected,
                actual=f"{outcome_of(probe.attempt)}; {shape.seen}",
                at=probe.attempt,
            )


def only_missing_consents_are_asked_for(context: CheckContext, transcript: Transcript) -> None:
    """CONS-003: the number of URLs, and the authorization servers that they lead to."""
    for probe in probes(transcript, "consent"):
        if lacks_its_session(transcript, probe.attempt):
            continue
        context.examined()
        urls = consent_urls(transcript, probe.attempt)
        if len(urls) != int(probe.attribute):
            context.violation(
                f"{probe.server} asks for {len(urls)} consent(s) where {probe.attribute} are missing",
                expected=f"{probe.attribute} URL(s)",
                actual=str(urls),
                at=probe.attempt,
            )
    issuers = [_issuer(transcript, note["urls"]) for note in _observed(transcript, "consent-visit")]
    if None in issuers or len(set(issuers)) != len(issuers):
        context.violation(
            "different consents did not lead to different authorization servers",
            expected="each member's own authorization server",
            actual=", ".join(str(issuer) for issuer in issuers),
        )


def _issuer(transcript: Transcript, urls: list[str]) -> str | None:
    for name, issuer in transcript.facts.world["issuers"].items():
        if any(url.startswith(issuer["issuer"] + "/") for url in urls):
            return str(name)
    return None


def authorization_requests_are_sound(context: CheckContext, transcript: Transcript) -> None:
    """CONS-004: as the authorization server received them."""
    by_issuer: dict[str, list[dict[str, Any]]] = {}
    for up in transcript.facts.world["upstreams"].values():
        if up["auth"]["model"] == "oauth":
            by_issuer.setdefault(up["auth"]["issuer"], []).append(up["auth"])
    for exchange in transcript.leg("idp"):
        auths = by_issuer.get(exchange.node)
        path, _, query = exchange.target.partition("?")
        if auths is None:
            continue
        if exchange.method == "GET" and path.endswith("/authorize"):
            context.examined()
            fields = form_fields(query)
            auth = _meant(auths, fields)
            _compare(context, exchange, "authorization request", fields, _authorization(transcript, auth))
        elif exchange.method == "POST" and path.endswith("/token"):
            fields = form_fields(exchange.request_body)
            if fields.get("grant_type") == "authorization_code":
                context.examined()
                auth = _meant(auths, fields)
                _compare(context, exchange, "redemption of the code", fields, _redemption(transcript, auth, fields))


def _meant(auths: list[dict[str, Any]], fields: dict[str, str]) -> dict[str, Any]:
    """Return the settings of the upstream, of several with one issuer, that a request is for: by its client, or resource."""
    named = (one for key in ("client_id", "resource") for one in auths if key in one and fields.get(key) == one[key])
    return next(named, auths[0])


Wanted = dict[str, str | None]  # parameter -> exact value, or None for any value


def _authorization(transcript: Transcript, auth: dict[str, Any]) -> Wanted:
    callback = transcript.facts.world["gateway"]["callback_url"]
    exact = {"redirect_uri": callback, "resource": auth["resource"], "code_challenge_method": "S256"}
    return {**exact, "code_challenge": None, "state": None}


def _redemption(transcript: Transcript, auth: dict[str, Any], fields: dict[str, str]) -> Wanted:
    """Return the expected token request. OAuth 2.1 has dropped the redirect URI; it is compared if it is sent."""
    wanted: Wanted = {"resource": auth["resource"], "code_verifier": None}
    callback = transcript.facts.world["gateway"]["callback_url"]
    return {**wanted, "redirect_uri": callback} if "redirect_uri" in fields else wanted


def _equal(name: str, wanted: str, sent: str) -> bool:
    return same_resource(wanted, sent) if name == "resource" else sent == wanted


def _compare(context: CheckContext, at: Exchange, what: str, fields: dict[str, str], wanted: Wanted) -> None:
    for name, value in wanted.items():
        if not fields.get(name) or (value is not None and not _equal(name, value, fields[name])):
            context.violation(
                f"the {what} at {at.node} has the wrong {name}",
                expected=f"{name}={value or 'something'}",
                actual=f"{name}={fields.get(name, '(missing)')}",
                at=at,
            )


def the_retry_after_consent_succeeds(context: CheckContext, transcript: Transcript) -> None:
    """CONS-005: the control is the request before consent, which must have been refused."""
    for probe in probes(transcript, "granted", {"consent given"}):
        if probe.control.succeeded:
            context.blocked(f"{probe.principal} had access to {probe.server} before any consent")
            continue
        context.examined()
        if not probe.attempt.succeeded:
            context.violation(
                f"the request after consent still fails ({probe.principal} at {probe.server})",
                expected="the call succeeds",
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def consent_is_personal(context: CheckContext, transcript: Transcript) -> None:
    """CONS-006: the control is the call of the user who consented, which must have succeeded."""
    for probe in probes(transcript, "still asked"):
        if not can_ask(transcript.facts.spoken, probe.attempt.rpc_method) or lacks_its_session(
            transcript, probe.attempt
        ):
            continue
        if not probe.control.succeeded:
            context.blocked(f"the call of the user who consented failed ({outcome_of(probe.control)})")
            continue
        context.examined()
        served = _served(transcript, probe)
        if served or not consent_urls(transcript, probe.attempt):
            context.violation(
                f"{probe.principal}, who has not consented, was not asked at {probe.server}",
                expected="the consent error, and nothing at the upstream",
                actual=outcome_of(probe.attempt) + (f"; it reached {served[0].node}" if served else ""),
                at=served[0] if served else probe.attempt,
                control=probe.control,
            )


def _served(transcript: Transcript, probe: Probe) -> list[Exchange]:
    """Return the attempt's requests that a per-user upstream accepted, or with a credential. (A bare 401 is discovery.)"""
    return [
        x
        for x in transcript.landed(probe.attempt.nonce)
        if transcript.facts.auth_model(x.node) == "oauth" and (x.status != 401 or transcript.labels(x.request_text))
    ]


def users_see_their_own_data(context: CheckContext, transcript: Transcript) -> None:
    """CONS-007."""
    for call in transcript.client:
        if call.rpc_method != "tools/call" or "owner" not in call.structured:
            continue
        context.examined()
        principal, owner = call.tags.get("principal"), call.structured["owner"]
        if owner != principal:
            context.violation(
                f"{principal} was shown the data of {owner}",
                expected=f"the mailbox of {principal}",
                actual=f"the mailbox of {owner}",
                at=call,
            )


def virtual_accounts_are_refused_clearly(context: CheckContext, transcript: Transcript) -> None:
    """CONS-008: the wording is free; the check looks for the usual names of the alternatives."""
    if not all(note["possible"] for note in _observed(transcript, "new-token")):
        context.inapplicable("the adapter issues no tokens for virtual accounts while the gateway runs")
    for probe in probes(transcript, "no user"):
        if not can_ask(transcript.facts.spoken, probe.attempt.rpc_method) or lacks_its_session(
            transcript, probe.attempt
        ):
            continue
        if not probe.control.succeeded:
            context.blocked(f"a user's call at {probe.server} failed as well ({outcome_of(probe.control)})")
            continue
        context.examined()
        wrong = [
            words
            for words, holds in (
                ("it succeeded", probe.attempt.succeeded),
                ("it offers a URL", bool(consent_urls(transcript, probe.attempt))),
                ("it names no way out", not _names_a_way_out(probe.attempt)),
                ("it reached the upstream", bool(_served(transcript, probe))),
            )
            if holds
        ]
        if wrong:
            context.violation(
                f"the virtual account {probe.principal} was not refused clearly at {probe.server}: {', '.join(wrong)}",
                expected="a refusal that names a user's token or a static header as the alternative, and no URL",
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


_PERSON = "(?:user|person|people|human|individual)"
WAYS_OUT = re.compile(
    rf"\b(?:personal|{_PERSON}(?:['’]?s|s['’])?)[ -](?:(?:own|access|bearer|gateway|api)[ -])*(?:token|credential|key|jwt)"
    rf"|\b(?:token|credential)s? (?:of|from|issued to|that belongs? to) (?:an?|the|your|any|some) (?:\w+ )?{_PERSON}"
    rf"|\b(?:jwt|single sign-?on|sso|(?:sign|signed|log|logged)[ -]in (?:as|with|{_PERSON}))\b"
    r"|\b(?:static|fixed|shared|service|configured|common|stored)[ -](?:\w+[ -]){0,2}(?:header|api[ -]?key|credential)"
    r"|\b(?:use|using|with|configure|set) (?:an? )?api[ -]?key",
    re.IGNORECASE,
)


def _names_a_way_out(exchange: Exchange) -> bool:
    # Some libraries escape the apostrophe in JSON, so the check also reads the decoded text.
    return WAYS_OUT.search(exchange.body + json.dumps(exchange.messages, ensure_ascii=False)) is not None


def callbacks_need_their_state(context: CheckContext, transcript: Transcript) -> None:
    """CONS-011: checked at the token endpoint, during the callback request or, with the code that it carried, later."""
    for note in _observed(transcript, "bad-callback"):
        context.examined()
        brought = _codes_brought(transcript, note)
        for x in token_requests(transcript, "authorization_code"):
            late = x.seq > note["from"] and form_fields(x.request_body).get("code") in brought
            if late or note["from"] < x.seq < note["to"]:
                context.violation(
                    f"a callback with {note['attribute']} made the gateway redeem a code",
                    expected="an error page, and no request to the token endpoint",
                    actual=f"a token request at {x.node}; the page answered {note['status']}",
                    at=x,
                )


def _codes_brought(transcript: Transcript, note: Event) -> set[str | None]:
    visits = [x for x in transcript.leg("client") if note["from"] < x.seq < note["to"]]
    return {form_fields(parse_with_labels(x.target, split_url).query).get("code") for x in visits} - {None}


def callbacks_need_their_browser(context: CheckContext, transcript: Transcript) -> None:
    """CONS-012: code and state are valid; only the browser differs."""
    for note in _observed(transcript, "foreign-callback"):
        context.examined()
        brought = _codes_brought(transcript, note)
        redeemed = [x for x in token_requests(transcript, "authorization_code") if x.seq > note["from"]]
        for x in redeemed:
            if form_fields(x.request_body).get("code") in brought:
                context.violation(
                    f"an authorization that {note['principal']} had begun was completed in another browser",
                    expected="an error page, and no request to the token endpoint",
                    actual=f"the code was redeemed at {x.node}; the page answered {note['status']}",
                    at=x,
                )
