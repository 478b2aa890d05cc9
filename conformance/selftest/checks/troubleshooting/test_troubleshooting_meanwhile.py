"""Tests of the checks of troubleshooting.toml: other servers meanwhile, executions, and recovery."""

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes, untestable
from gatebench.conformance.selftest.support.probe_steps import without_control
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.conformance.selftest.support.upstream_failures import (
    FAILED,
    failing_request,
    listed,
    page,
    runs,
    surfaced,
)

EXPECTED = {
    "troubled": ("TRB-001", "TRB-002", "TRB-003", "TRB-004", "TRB-005", "TRB-006", "TRB-007", "TRB-008"),
    "elsewhere": ("TRB-009",),
    "well again": ("TRB-010",),
    "session regained": ("TRB-014",),
    "wrong address": ("TRB-015", "TRB-016"),
    "no such tool": ("TRB-017",),
    "new tool": ("TRB-018",),
}


@untestable({name: [expect] for expect, names in EXPECTED.items() for name in names})
@pytest.mark.parametrize("lands", [False, True], ids=["refused as well", "accepted but never seen"])
def test_failures_without_a_successful_control_are_untestable(
    builder: TranscriptBuilder, value: str, lands: bool
) -> None:
    without_control(builder, value, FAILED, 502, lands=lands)


@not_observed(*(name for names in EXPECTED.values() for name in names), "TRB-011", "TRB-012", "TRB-013", "TRB-019")
def test_calls_without_failure_are_not_judged(builder: TranscriptBuilder) -> None:
    builder.call("alice", "calculator")


@passes("TRB-009")
def test_another_server_works_meanwhile(builder: TranscriptBuilder) -> int:
    before = builder.call("alice", "everything")
    hanging = failing_request(builder)
    builder.probe("elsewhere", builder.call("alice", "everything"), before, FAILED)
    surfaced(hanging, 504)
    return 1


@fails("TRB-009")
@pytest.mark.parametrize("status", [200, 502, 503])
def test_another_server_fails_as_well(builder: TranscriptBuilder, status: int) -> ClientRequest:
    before = builder.call("alice", "everything")
    surfaced(failing_request(builder))
    made = surfaced(builder.ask("alice", "everything"), status)
    return builder.probe("elsewhere", made, before, FAILED)


@fails("TRB-009")
def test_another_server_is_blocked(builder: TranscriptBuilder) -> ClientRequest:
    before = builder.call("alice", "everything")
    hanging = failing_request(builder)
    waiting = builder.ask("alice", "everything").arrives()
    surfaced(hanging, 504)
    return builder.probe("elsewhere", waiting.answered(), before, FAILED)


AFTERWARDS = {"TRB-010": ["well again"], "TRB-014": ["session regained"], "TRB-018": ["new tool"]}


@passes(AFTERWARDS)
def test_call_after_the_failure_succeeds(builder: TranscriptBuilder, value: str) -> int:
    before = builder.call("alice", "calculator")
    builder.probe(value, builder.call("alice", "calculator"), before, FAILED)
    return 1


@fails(AFTERWARDS)
@pytest.mark.parametrize("status", [200, 400, 404, 503])
def test_call_after_the_failure_fails(builder: TranscriptBuilder, value: str, status: int) -> ClientRequest:
    before = builder.call("alice", "calculator")
    return builder.probe(value, surfaced(builder.ask("alice", "calculator"), status), before, FAILED)


@passes("TRB-011")
def test_each_call_is_executed_once(builder: TranscriptBuilder) -> int:
    for _ in range(2):
        runs(builder.ask("alice", "calculator"))
    builder.ask("alice", "calculator").arrives().failed()
    return 2


@fails("TRB-011")
@pytest.mark.parametrize("again", ["", "everything"], ids=["the same", "another"])
def test_call_is_executed_twice(builder: TranscriptBuilder, again: str) -> TranscriptLine:
    made = builder.ask("alice", "calculator")
    runs(made)
    return runs(made.failed(), node=again)


@passes("TRB-011")
def test_two_calls_with_one_nonce_are_executed_twice(builder: TranscriptBuilder) -> int:
    first, second = builder.ask("alice", "calculator"), builder.ask("alice", "calculator")
    for event in builder.events:
        if event.get("exchange") == second.exchange:
            event["nonce"] = first.nonce
            event["body"] = event["body"].replace(second.nonce, first.nonce)
    runs(first)
    runs(first)
    return 2


# -- virtual servers


OTHERS = ["web-search_whoami", "mail_whoami"]


@passes("TRB-012", "TRB-013")
@pytest.mark.parametrize("also", [[], ["calculator_whoami"]])
def test_the_other_members_are_listed(builder: TranscriptBuilder, also: list[str]) -> int:
    page(listed(builder, "in trouble", OTHERS, at="workbench"), *OTHERS, *also)
    return 1


@fails("TRB-012")
@pytest.mark.parametrize("given", [[], OTHERS[:1], ["calculator_whoami"]])
def test_other_members_are_missing(builder: TranscriptBuilder, given: list[str]) -> TranscriptLine:
    return TranscriptLine(page(listed(builder, "in trouble", OTHERS, at="workbench"), *given).seq)


@fails("TRB-013")
def test_list_fails_with_a_failed_member(builder: TranscriptBuilder) -> TranscriptLine:
    return TranscriptLine(surfaced(listed(builder, "in trouble", OTHERS, at="workbench")).seq)


def test_failed_list_is_not_applicable(builder: TranscriptBuilder) -> None:
    surfaced(listed(builder, "in trouble", OTHERS, at="workbench"))
    assert builder.judged_by("TRB-012").outcome is Outcome.NOT_APPLICABLE
