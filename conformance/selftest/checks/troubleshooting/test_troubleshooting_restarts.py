"""Tests of the check that the gateway does not end by itself."""

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, passes
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder


@passes("TRB-021")
def test_restart_by_a_scenario_is_allowed(builder: TranscriptBuilder) -> int:
    builder.call("alice", "calculator")
    builder.recorder.note("restart", why="scenario", scenario="story")
    return 1


@fails("TRB-021")
def test_gateway_that_ended_by_itself_is_a_violation(builder: TranscriptBuilder) -> ClientRequest:
    made = builder.ask("alice", "calculator").failed()
    why = "the gateway ended with status 70"
    builder.recorder.note("restart", why=why, scenario="story", number=1, failure="")
    return made
