"""The sweep reads a reduced transcript of the run, and its verdicts are the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from gatebench.conformance.evaluation import judging
from gatebench.conformance.evaluation.swept_transcript import SweptTranscript
from gatebench.conformance.events import Shared
from gatebench.conformance.execution.executor import Executor
from gatebench.conformance.requirements.registry import loaded
from gatebench.conformance.selftest.support import example_transcripts
from gatebench.conformance.transcript import Facts, Transcript, read
from gatebench.fixtures.errors import HarnessError
from gatebench.fixtures.harness.scenario import Scenario

REGISTRY = loaded()
SWEPT = sorted(one.id for one in REGISTRY.all() if one.sweep)


@pytest.mark.parametrize("kind", ["conforming", "violating"])
@pytest.mark.parametrize("requirement", SWEPT)
def test_swept_transcript_has_the_same_verdict(requirement: str, kind: str) -> None:
    events, facts = read(example_transcripts.path_of(requirement, kind))
    of_all = judging.judge(REGISTRY[requirement], "story", Transcript(events, facts))
    assert judging.judge(REGISTRY[requirement], "story", SweptTranscript(events, facts)) == of_all


def test_responses_of_mocks_are_dropped() -> None:
    events, facts = read(example_transcripts.path_of("CRED-001", "violating"))
    whole = SweptTranscript(events, facts)
    assert {exchange.leg for exchange in whole.exchanges.values() if exchange.chunks} <= {"client"}
    assert all(event["kind"] not in ("request", "chunk") for event in whole.events)


def test_equal_strings_and_headers_are_one_object() -> None:
    shared = Shared()
    line = json.dumps({"kind": "request", "leg": "client", "exchange": "client-1", "headers": [["Host", "gateway"]]})
    one, other = (shared.event(json.loads(line)) for _ in range(2))
    assert one["headers"][0] is other["headers"][0]
    assert all(next(a for a in other if a == key) is key for key in one)
    assert one["exchange"] is other["exchange"]


async def _call(scenario: Scenario) -> None:
    client = await scenario.client("alice", "calculator", "2025-11-25")
    await client.connect()


def test_only_the_current_scenario_is_in_memory(tmp_path: Path) -> None:
    run = Executor("reference", tmp_path, REGISTRY, smoke_first=False)
    try:
        for name in ("one", "two", "three"):
            params: dict[str, Any] = {"principal": "alice", "server": "calculator"}
            assert run.judge(name, params, _call, REGISTRY["CRED-001"]).outcome == "pass"
            assert {event["scenario"] for event in run.events if event["kind"] == "scenario"} == {name}
        assert [event["what"] for event in run.timing] == ["world", "gateway"]
        assert run.sweep({"CRED-001"}) == []
        assert run.bench().world.control("calculator", "GET", "journal")["events"] == []
        (tmp_path / "transcript.jsonl").rename(tmp_path / "moved.jsonl")
        with pytest.raises(HarnessError, match="cannot read the transcript"):
            run.sweep({"CRED-001"})
    finally:
        run.close()
    events, _ = read(tmp_path / "moved.jsonl")
    assert [event["scenario"] for event in events if event["kind"] == "played"] == ["one", "two", "three"]
    assert isinstance(run.facts, Facts)
