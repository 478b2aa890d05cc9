"""Checks of override.toml: upstream headers that a caller sends with a request."""

from collections.abc import Iterator
from typing import Any

from gatebench.conformance.checks.auth_models import follows_its_model
from gatebench.conformance.checks.probes import accepted, consent_urls, outcome_of, probes
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.gateways.dialects import is_override


def _overrides(transcript: Transcript, what: str) -> Iterator[tuple[dict[str, Any], Exchange]]:
    for note in transcript.notes("observation"):
        if note["what"] == what:
            yield note, transcript.exchanges[note["exchange"]]


def flat_overrides_arrive(context: CheckContext, transcript: Transcript) -> None:
    """OVR-001: also if the gateway sent the upstream another request before the call, and the upstream refused it."""
    for note, call in _overrides(transcript, "flat-override"):
        landed = transcript.landed(call.nonce)
        others = [x for x in transcript.upstream if x.node == note["server"] and x not in landed]
        overridden = [x for x in others if _holds(x, note["headers"])]
        if not landed and not overridden and _refused_for_lack_of_a_user(transcript, note["server"], call):
            context.inapplicable("the gateway refuses a virtual account at a per-user server before it reads overrides")
            continue
        for arrival in landed or overridden or _arrivals(context, transcript, note, call):
            context.examined()
            _compare(context, arrival, note["headers"])
        for arrival in overridden:
            mentioned = {name: value for name, value in note["headers"].items() if value in arrival.header(name)}
            _compare(context, arrival, mentioned)


def _refused_for_lack_of_a_user(transcript: Transcript, server: str, call: Exchange) -> bool:
    """Return whether a call of a virtual account at a server with users' tokens was refused, as CONS-008 demands."""
    caller = transcript.facts.world["principals"][call.tags["principal"]]
    without_user = caller["kind"] == "virtual-account" and transcript.facts.auth_model(server) == "oauth"
    return without_user and not call.succeeded and call.status is not None and not consent_urls(transcript, call)


def _holds(arrival: Exchange, headers: dict[str, str]) -> bool:
    return any(value in arrival.header(name) for name, value in headers.items())


def _arrivals(context: CheckContext, transcript: Transcript, note: dict[str, Any], call: Exchange) -> list[Exchange]:
    """Return the requests at upstreams for a call with an override; a call that does not arrive is a violation."""
    context.examined()
    arrivals = transcript.landed(call.nonce)
    if not arrivals:
        context.violation(
            f"{call.describe()} with an override did not reach {note['server']}",
            expected="the call arrives with the headers that it should have",
            actual=outcome_of(call),
            at=call,
        )
    return arrivals


def _compare(context: CheckContext, arrival: Exchange, headers: dict[str, str]) -> None:
    for name, value in headers.items():
        if arrival.header(name) != [value]:
            context.violation(
                f"the overriding {name} did not arrive at {arrival.node} in place of the configured one",
                expected=f"{name}: {value}, once",
                actual=f"{name}: {', '.join(arrival.header(name)) or 'nothing'}",
                at=arrival,
            )


def nested_overrides_stay_apart(context: CheckContext, transcript: Transcript) -> None:
    """OVR-002: `headers` maps each member to the headers that it must get; no other member may receive them."""
    for note, call in _overrides(transcript, "nested-override"):
        for arrival in _arrivals(context, transcript, note, call):
            _compare(context, arrival, note["headers"].get(arrival.node, {}))
            for member, headers in note["headers"].items():
                if member != arrival.node:
                    _absent(context, arrival, headers, member)
            follows_its_model(context, transcript, arrival)


def _absent(context: CheckContext, arrival: Exchange, headers: dict[str, str], member: str) -> None:
    for name, value in headers.items():
        if value in arrival.header(name):
            context.violation(
                f"{arrival.node} got the override that was meant for {member}",
                expected="each member sees its own entry only",
                actual=f"{name}: {value}",
                at=arrival,
            )


def bad_overrides_are_refused(context: CheckContext, transcript: Transcript) -> None:
    """OVR-003."""
    for probe in probes(transcript, "bad override"):
        if not accepted(context, transcript, probe):
            continue
        context.examined()
        landed = transcript.landed(probe.attempt.nonce)
        if probe.attempt.status != 400 or landed:
            context.violation(
                f"an override with {probe.attribute} was not refused at {probe.server}",
                expected="status 400, and nothing at the upstream",
                actual=outcome_of(probe.attempt) + (f"; it reached {landed[0].node}" if landed else ""),
                at=landed[0] if landed else probe.attempt,
                control=probe.control,
            )


def overrides_do_not_stick(context: CheckContext, transcript: Transcript) -> None:
    """OVR-004: `headers` are those of an override that arrived with an earlier call and that this call did not send."""
    for note, call in _overrides(transcript, "without-override"):
        if not any(_holds(arrival, note["headers"]) for arrival in transcript.upstream):
            context.blocked("the override never arrived when it was sent, so its absence later proves nothing")
            continue
        for arrival in transcript.landed(call.nonce):
            context.examined()
            for name, value in note["headers"].items():
                if value in arrival.header(name):
                    context.violation(
                        f"a call of {note['principal']} without an override got the one of an earlier call",
                        expected="the configured auth",
                        actual=f"{name}: {value}",
                        at=arrival,
                    )
            follows_its_model(context, transcript, arrival)


def the_override_header_stays(context: CheckContext, transcript: Transcript) -> None:
    """OVR-005: checked if a caller sent an override; only a gateway can have added it to an upstream request."""
    for call in transcript.client:
        if any(_is_override(transcript, name) for name, _ in call.request_headers):
            context.examined(len(transcript.landed(call.nonce)))
    for arrival in transcript.upstream:
        passed_on = [(name, value) for name, value in arrival.request_headers if _is_override(transcript, name)]
        if passed_on:
            name, value = passed_on[0]
            context.violation(
                f"the header {name} was passed on to {arrival.node}",
                expected="the gateway keeps it",
                actual=f"{name}: {value}",
                at=arrival,
            )


def _is_override(transcript: Transcript, name: str) -> bool:
    return is_override(transcript.facts.spoken, name)
