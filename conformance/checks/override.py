"""Checks of override.toml: headers that a request brings along for its upstream."""

from collections.abc import Iterator
from typing import Any

from conformance.checks.auth_models import follows_its_model
from conformance.checks.probes import accepted, outcome_of, probes
from conformance.transcript import Exchange, Transcript
from conformance.verdict import Judge
from fixtures.dialects import is_override


def _overrides(transcript: Transcript, what: str) -> Iterator[tuple[dict[str, Any], Exchange]]:
    for note in transcript.notes("observation"):
        if note["what"] == what:
            yield note, transcript.exchanges[note["exchange"]]


def flat_overrides_arrive(judge: Judge, transcript: Transcript) -> None:
    """OVR-001."""
    for note, call in _overrides(transcript, "flat-override"):
        for arrival in _arrivals(judge, transcript, note, call):
            _compare(judge, arrival, note["headers"])


def _arrivals(judge: Judge, transcript: Transcript, note: dict[str, Any], call: Exchange) -> list[Exchange]:
    """Where a call with an override arrived; that it arrives at all is part of the rule."""
    judge.saw()
    arrivals = transcript.landed(call.nonce)
    if not arrivals:
        judge.violated(
            f"{call.describe()} with an override did not reach {note['server']}",
            expected="the call arrives with the headers that it should have",
            actual=outcome_of(call),
            at=call,
        )
    return arrivals


def _compare(judge: Judge, arrival: Exchange, headers: dict[str, str]) -> None:
    for name, value in headers.items():
        if arrival.header(name) != [value]:
            judge.violated(
                f"the overriding {name} did not arrive at {arrival.node} in place of the configured one",
                expected=f"{name}: {value}, once",
                actual=f"{name}: {', '.join(arrival.header(name)) or 'nothing'}",
                at=arrival,
            )


def nested_overrides_stay_apart(judge: Judge, transcript: Transcript) -> None:
    """OVR-002: `headers` maps each member to what it must get; what is meant for one must not be seen by another."""
    for note, call in _overrides(transcript, "nested-override"):
        for arrival in _arrivals(judge, transcript, note, call):
            _compare(judge, arrival, note["headers"].get(arrival.node, {}))
            for member, headers in note["headers"].items():
                if member != arrival.node:
                    _absent(judge, arrival, headers, member)
            follows_its_model(judge, transcript, arrival)


def _absent(judge: Judge, arrival: Exchange, headers: dict[str, str], member: str) -> None:
    for name, value in headers.items():
        if value in arrival.header(name):
            judge.violated(
                f"{arrival.node} got the override that was meant for {member}",
                expected="each member sees its own entry only",
                actual=f"{name}: {value}",
                at=arrival,
            )


def bad_overrides_are_refused(judge: Judge, transcript: Transcript) -> None:
    """OVR-003."""
    for probe in probes(transcript, "bad override"):
        if not accepted(judge, transcript, probe):
            continue
        judge.saw()
        landed = transcript.landed(probe.attempt.nonce)
        if probe.attempt.status != 400 or landed:
            judge.violated(
                f"an override with {probe.attribute} was not refused at {probe.server}",
                expected="status 400, and nothing at the upstream",
                actual=outcome_of(probe.attempt) + (f"; it reached {landed[0].node}" if landed else ""),
                at=landed[0] if landed else probe.attempt,
                control=probe.control,
            )


def overrides_do_not_stick(judge: Judge, transcript: Transcript) -> None:
    """OVR-004: `headers` are those of an override that this call did not bring, and that arrived when it was brought."""
    for note, call in _overrides(transcript, "without-override"):
        if not any(
            value in arrival.header(name) for arrival in transcript.upstream for name, value in note["headers"].items()
        ):
            judge.blocked("the override never arrived when it was sent, so that it does not come back proves nothing")
            continue
        for arrival in transcript.landed(call.nonce):
            judge.saw()
            for name, value in note["headers"].items():
                if value in arrival.header(name):
                    judge.violated(
                        f"a call of {note['principal']} without an override got the one of an earlier call",
                        expected="the configured auth",
                        actual=f"{name}: {value}",
                        at=arrival,
                    )
            follows_its_model(judge, transcript, arrival)


def the_override_header_stays(judge: Judge, transcript: Transcript) -> None:
    """OVR-005: judged where a caller sent one; nobody but a gateway can have put it on an upstream request."""
    for call in transcript.client:
        if any(_is_override(transcript, name) for name, _ in call.request_headers):
            judge.saw(len(transcript.landed(call.nonce)))
    for arrival in transcript.upstream:
        passed_on = [(name, value) for name, value in arrival.request_headers if _is_override(transcript, name)]
        if passed_on:
            name, value = passed_on[0]
            judge.violated(
                f"the header {name} was passed on to {arrival.node}",
                expected="the gateway keeps it",
                actual=f"{name}: {value}",
                at=arrival,
            )


def _is_override(transcript: Transcript, name: str) -> bool:
    return is_override(transcript.facts.spoken, name)
