"""Tests of TRB-024: whose answer a call gets after an upstream has answered another one too late."""

from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import assert_no_violation
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder

CASE = "after-a-late-answer"


def given_up(builder: TranscriptBuilder, *attempts: ClientRequest, late: ClientRequest | None = None) -> ClientRequest:
    """Record the case: a call was answered 504, and these followed."""
    first = late or builder.ask("alice", "calculator").arrives().answered(504)
    return builder.case(CASE, *attempts, control=builder.call("alice", "calculator"), late=first.exchange)


def with_the_answer_of(late: ClientRequest, made: ClientRequest, **changed: Any) -> ClientRequest:
    """Answer a request with the late answer to another one."""
    return made.arrives().answered(200, {**late.reply("calculator"), **changed})


def assert_reported(builder: TranscriptBuilder, made: ClientRequest) -> None:
    """Assert that TRB-024 fails, and that it points at this call."""
    judgement = builder.judged_by("TRB-024")
    assert judgement.outcome is Outcome.FAIL
    assert [(one.seq, one.control) for one in judgement.violations] == [(made.seq, made.control)]


def test_each_later_call_gets_its_own_answer(builder: TranscriptBuilder) -> None:
    given_up(builder, builder.call("alice", "calculator"), builder.call("bob", "calculator"))
    judgement = builder.judged_by("TRB-024")
    assert (judgement.outcome, judgement.subjects) == (Outcome.PASS, 2)


@pytest.mark.parametrize("principal", ["alice", "bob"])
@pytest.mark.parametrize("changed", [{}, {"id": 7}], ids=["as it came", "under the id of the call"])
def test_late_answer_is_given_to_the_next_call(
    builder: TranscriptBuilder, principal: str, changed: dict[str, Any]
) -> None:
    late = builder.ask("alice", "calculator").arrives().answered(504)
    made = with_the_answer_of(late, builder.ask(principal, "calculator", rpc_id=7), **changed)
    assert_reported(builder, given_up(builder, made, late=late))


def test_late_error_of_a_tool_is_given_to_the_next_call(builder: TranscriptBuilder) -> None:
    late = builder.ask("alice", "calculator").arrives().answered(504)
    result = late.reply("calculator", isError=True)["result"]
    made = with_the_answer_of(late, builder.ask("alice", "calculator"), id=1, result=result)
    assert_reported(builder, given_up(builder, made, late=late))


def test_without_a_successful_control(builder: TranscriptBuilder) -> None:
    control = builder.ask("alice", "calculator").arrives().answered(502)
    builder.case(CASE, builder.call("alice", "calculator"), control=control)
    assert builder.judged_by("TRB-024").outcome is Outcome.UNTESTABLE


def test_gateway_may_end_the_session_and_refuse_the_next_calls(builder: TranscriptBuilder) -> None:
    refused = [
        builder.ask("alice", "calculator").failed(),
        builder.ask("alice", "calculator").answered(404),
        builder.ask("alice", "calculator").refused("the connection was closed", 502),
        builder.ask("bob", "calculator").refused("the server calculator answered another request", 200),
    ]
    given_up(builder, *refused)
    assert builder.judged_by("TRB-024").outcome is Outcome.NOT_APPLICABLE
    assert_no_violation(builder.judged_by(requirement.id) for requirement in REGISTRY.all() if requirement.sweep)


@pytest.mark.parametrize("first", [502, 504, "a JSON-RPC error", "nothing"])
def test_gateway_may_answer_the_call_that_it_gives_up_in_its_own_way(
    builder: TranscriptBuilder, first: int | str
) -> None:
    late = builder.ask("alice", "calculator").arrives()
    if isinstance(first, int):
        late.answered(first)
    elif first == "nothing":
        late.failed(detail="ReadTimeout")
    else:
        late.refused("the server calculator did not answer within 2 seconds", 200)
    given_up(builder, builder.ask("alice", "calculator").answered(404), builder.call("bob", "calculator"), late=late)
    assert builder.judged_by("TRB-024").outcome is Outcome.PASS
    assert_no_violation(builder.judged_by(requirement.id) for requirement in REGISTRY.all() if requirement.sweep)
