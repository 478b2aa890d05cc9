"""Tests of the checks of endpoint.toml about the Origin header."""

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes, untestable
from gatebench.conformance.selftest.support.probe_steps import attempt, without_control
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

# -- END-007 and END-008

ORIGIN, EVIL = "foreign origin", "https://evil.example"
BOTH = {"END-007": [EVIL, "null"], "END-008": [EVIL, "null"]}


@passes(BOTH)
def test_a_foreign_origin_is_refused(builder: TranscriptBuilder, value: str) -> int:
    attempt(builder, ORIGIN, value, 403)
    return 1


@passes(BOTH)
def test_foreign_origin_is_refused_by_the_upstream(builder: TranscriptBuilder, value: str) -> int:
    control = builder.call("alice", "calculator")
    made = builder.ask("alice", "calculator", also=[("Origin", value)]).arrives(also=[("origin", value)], status=403)
    builder.probe(ORIGIN, made.answered(403), control, value)
    return 1


@passes("END-007")
@pytest.mark.parametrize("status", [400, 401, 404, 421, 500])
def test_foreign_origin_is_refused_with_any_status(builder: TranscriptBuilder, status: int) -> int:
    attempt(builder, ORIGIN, EVIL, status)
    return 1


@passes("END-007")
def test_foreign_origin_is_refused_with_a_jsonrpc_error(builder: TranscriptBuilder) -> int:
    control = builder.call("alice", "calculator")
    builder.probe(ORIGIN, builder.ask("alice", "calculator").refused("a foreign origin", status=200), control, EVIL)
    return 1


@fails(BOTH)
def test_foreign_origin_is_served(builder: TranscriptBuilder, value: str) -> ClientRequest:
    return attempt(builder, ORIGIN, value, 200, lands=True)


@fails("END-008")
@pytest.mark.parametrize("status", [400, 401, 404, 421, 500])
def test_foreign_origin_is_refused_with_another_status(builder: TranscriptBuilder, status: int) -> ClientRequest:
    return attempt(builder, ORIGIN, EVIL, status)


@untestable(BOTH)
@pytest.mark.parametrize("lands", [False, True])
def test_foreign_origin_is_untestable_if_the_control_fails(builder: TranscriptBuilder, value: str, lands: bool) -> None:
    without_control(builder, ORIGIN, value, 403, lands=lands)


@not_observed(BOTH)
def test_foreign_origin_without_response_is_not_judged(builder: TranscriptBuilder, value: str) -> None:
    control = builder.call("alice", "calculator")
    builder.probe(ORIGIN, builder.ask("alice", "calculator").failed(), control, value)
