"""Recorded traffic, judged again: the required content of a transcript, and the errors for missing content."""

from pathlib import Path
from typing import Any

import pytest

from gatebench.conformance.evaluation import replay
from gatebench.conformance.outcomes import CheckResult, Outcome
from gatebench.conformance.requirements.registry import loaded
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.recording.secrets import SecretRegistry
from gatebench.fixtures.recording.transcript_writer import TranscriptWriter

REGISTRY = loaded()
NAME = "calls/one[user.alice-none.calculator]"
PARAMS = {"server": "calculator", "principal": "alice"}
LEAK, CLEAN = [["authorization", "Bearer «pat:alice»"]], [["accept", "*/*"]]
WORLD = {"upstreams": {"calculator": {"auth": {"model": "none"}}}}


class RecordedTranscript:
    """A transcript under construction, as a run writes it."""

    def __init__(self, path: Path, **terms: Any) -> None:
        self.path = path
        secrets = SecretRegistry()
        secrets.mint("gateway-token", "pat:alice", "pat", owner="alice")
        self.recorder = TranscriptWriter(path, secrets, run="r")
        self.recorder.note("world", sheet=WORLD)
        self.recorder.note("target", target={"launch": None})
        claims = {"features": ["upstream.none"], "deviations": terms.pop("deviations", [])}
        given = {"claims": claims, "plays_of_failures": 3, "direct_first": False, "expectations": []}
        self.recorder.note("terms", **(given | terms))
        self._numbers = iter(range(100))

    def play(self, headers: list[list[str]], **end: Any) -> None:
        """Add a scenario in which one request with these headers reaches calculator."""
        self.recorder.note("scenario", phase="begin", scenario=NAME, params=PARAMS)
        exchange = f"calculator-{next(self._numbers)}"
        facts = {"t": 0.0, "leg": "upstream", "node": "calculator", "exchange": exchange}
        self.recorder.write({**facts, "kind": "request", "method": "GET", "target": "/mcp", "headers": headers})
        self.recorder.note("scenario", phase="end", scenario=NAME)
        facts = {"scenario": NAME, "direct": False, "outcome": None, "reason": "", "seconds": 0.1}
        self.recorder.note("played", **(facts | end))

    def judged(self, requirement: str = "CRED-001", **more: Any) -> None:
        self.recorder.note("judged", requirement=requirement, scenario=NAME, **more)

    def again(self, *requirements: str) -> list[CheckResult]:
        """Close the transcript, read it back and judge it."""
        self.recorder.close(complete=True)
        return list(replay.judge(replay.Recording.load(self.path), REGISTRY, requirements or None))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "transcript.jsonl"


def test_passing_run_passes_again(path: Path) -> None:
    written = RecordedTranscript(path)
    written.play(CLEAN)
    written.judged()
    (judgement,) = written.again()
    assert (judgement.outcome, judgement.subjects, judgement.scenario) == (Outcome.PASS, 1, NAME)


@pytest.mark.parametrize(("later", "failed"), [(LEAK, 3), (CLEAN, 1)])
def test_repeated_plays_make_a_failure_stable_or_unstable(path: Path, later: list[list[str]], failed: int) -> None:
    written = RecordedTranscript(path)
    for headers in (LEAK, later, later):
        written.play(headers)
    written.judged()
    (judgement,) = written.again()
    assert (judgement.outcome, judgement.failed, judgement.played) == (Outcome.FAIL, failed, 3)
    assert judgement.unstable == (failed == 1)


def test_slow_failure_needs_one_play(path: Path) -> None:
    written = RecordedTranscript(path)
    written.play(LEAK, seconds=20.0)
    written.judged()
    (judgement,) = written.again()
    assert (judgement.outcome, judgement.played) == (Outcome.FAIL, 1)


def test_aborted_scenario_stays_untestable(path: Path) -> None:
    written = RecordedTranscript(path, plays_of_failures=1)
    written.play(CLEAN, outcome="untestable", reason="there was no URL")
    written.judged()
    (judgement,) = written.again()
    assert (judgement.outcome, judgement.reason) == (Outcome.UNTESTABLE, "there was no URL")


def test_deviations_claims_and_expectations_of_the_run_are_used(path: Path) -> None:
    link = {"reason": "they know", "link": "https://example.com/1"}
    known = {"requirement": "CRED-002", "scenario": "*", "outcome": "fail", **link}
    written = RecordedTranscript(path, deviations=["CRED-001"], plays_of_failures=1, expectations=[known])
    written.play(LEAK)
    written.judged()
    written.judged("CRED-002")
    written.judged("CRED-003", needs=["upstream.static"])
    outcomes = [judgement.outcome for judgement in written.again()]
    assert outcomes == [Outcome.DEVIATION, Outcome.KNOWN_FAILURE, Outcome.NOT_APPLICABLE]


@pytest.mark.parametrize("apart", [False, True])
def test_sweep_finds_violations_outside_judged_scenarios(path: Path, *, apart: bool) -> None:
    """Traffic after the sweep and direct traffic to the upstream do not count."""
    written = RecordedTranscript(path)
    written.play(CLEAN)
    written.judged("CRED-010")
    written.play(LEAK, direct=apart)
    written.recorder.note("sweep", requirements=["CRED-001", "CRED-010"])
    written.play(LEAK)
    first, *swept = written.again()
    assert first.outcome is Outcome.PASS
    assert [(one.requirement, one.outcome, len(one.violations)) for one in swept] == (
        [] if apart else [("CRED-001", Outcome.FAIL, 1)]
    )


def test_sweep_uses_the_expectations(path: Path) -> None:
    link = {"reason": "they know", "link": "https://example.com/1"}
    written = RecordedTranscript(
        path, expectations=[{"requirement": "CRED-001", "scenario": "*", "outcome": "fail", **link}]
    )
    written.play(LEAK)
    written.recorder.note("sweep", requirements=["CRED-001"])
    assert [one.outcome for one in written.again()] == [Outcome.KNOWN_FAILURE]


def test_requirement_that_the_run_did_not_judge(path: Path) -> None:
    written = RecordedTranscript(path)
    written.play(LEAK)
    (judgement,) = written.again("CRED-001")
    assert (judgement.outcome, judgement.scenario) == (Outcome.FAIL, replay.WHOLE)


def test_only_selected_requirements_are_judged(path: Path) -> None:
    written = RecordedTranscript(path)
    written.play(CLEAN)
    written.judged("CRED-001")
    written.judged("CRED-002")
    assert [judgement.requirement for judgement in written.again("CRED-002")] == ["CRED-002"]


def test_missing_play_is_an_error(path: Path) -> None:
    written = RecordedTranscript(path)
    written.play(LEAK)
    written.judged()
    with pytest.raises(BenchError, match=r"^transcript.jsonl has 1 run\(s\) of .*, and run 2 is needed: "):
        written.again()


def test_removed_requirement_is_an_error(path: Path) -> None:
    written = RecordedTranscript(path)
    written.judged("OLD-001")
    with pytest.raises(BenchError, match="was judged for OLD-001, which is no longer in the registry"):
        written.again()


def test_truncated_last_line_is_ignored(path: Path) -> None:
    written = RecordedTranscript(path)
    written.play(CLEAN)
    written.judged()
    written.recorder.close(complete=False)
    path.write_text(path.read_text(encoding="utf-8")[:-10], encoding="utf-8")
    assert [judgement.outcome for judgement in replay.judge(replay.Recording.load(path), REGISTRY)] == [Outcome.PASS]


HEAD = '{"seq": 1, "t": 0.0, "leg": "harness", "kind": "transcript", "format": 1, "run": "r"}\n'
EVENT = '{"seq": 2, "t": 0.1, "leg": "harness", '


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "its first line is not a transcript head with format 1"),
        ("hello\n", "line 1 is not an event of a transcript"),
        ("5\n", "line 1 is not an event of a transcript"),
        ("{}\n", "line 1 is not an event of a transcript"),
        (HEAD.replace('"format": 1', '"format": 9'), "its first line is not a transcript head with format 1"),
        (HEAD + EVENT + '"kind": "scenario"}\n', "line 2 is not an event of a transcript: it has no phase"),
        (HEAD + EVENT + '"kind": "played", "scenario": "x"}\n', "it has no direct"),
        (
            HEAD + EVENT + '"kind": "target", "target": {"dialect": {"denied": 5}}}\n',
            "line 2 is not an event of a transcript",
        ),
        (HEAD + EVENT + '"kind": "terms", "expectations": [{"requirement": "X"}]}\n', "validation error"),
        (HEAD + EVENT + '"kind": "terms", "expectations": 5}\n', "TypeError"),
        ("\udcff\n", "line 1 is not an event of a transcript"),
    ],
    ids=[
        "empty",
        "text",
        "number",
        "object",
        "format",
        "scenario",
        "played",
        "dialect",
        "expectation",
        "expectations",
        "UTF-8",
    ],
)
def test_invalid_transcript_is_refused(path: Path, text: str, why: str) -> None:
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BenchError) as caught:
        replay.Recording.load(path)
    assert why in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_transcript_is_refused(path: Path) -> None:
    with pytest.raises(BenchError, match=f"^cannot read the transcript {path}: No such file"):
        replay.Recording.load(path)
