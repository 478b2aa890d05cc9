"""Every check passes its conforming transcript and fails its violating one: files, read without a server."""

import pytest

from gatebench.conformance.evaluation import replay
from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support import example_transcripts
from gatebench.conformance.selftest.support.cases import check_each
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY

CHECKED = [requirement.id for requirement in REGISTRY.all() if requirement.check]
EXPECTED = {"conforming": {Outcome.PASS}, "violating": {Outcome.FAIL, Outcome.WARN}}
BY_TIME = {"ASM-002", "RFR-029"}  # they compare instants, and the clock of these transcripts stands still
REMEDY = "run `make transcripts` and commit what it writes"


@pytest.mark.parametrize("kind", list(EXPECTED))
def test_a_transcript_shows_what_it_says(kind: str) -> None:
    check_each([name for name in CHECKED if name not in BY_TIME], lambda requirement: _shows(requirement, kind))


def _shows(requirement: str, kind: str) -> None:
    path = example_transcripts.path_of(requirement, kind)
    assert path.exists(), REMEDY
    (judgement,) = replay.judge(replay.Recording.load(path), REGISTRY)
    assert (judgement.requirement, judgement.scenario) == (requirement, example_transcripts.SCENARIO)
    assert judgement.outcome in EXPECTED[kind], f"{judgement}; if that is meant, {REMEDY}"
    assert judgement.subjects
    lines = path.read_text(encoding="utf-8").splitlines()
    assert all(violation.seq is None or 0 < violation.seq <= len(lines) for violation in judgement.violations)


def test_there_are_no_others() -> None:
    known = {example_transcripts.path_of(requirement, kind) for requirement in CHECKED for kind in EXPECTED}
    assert set(example_transcripts.FOLDER.iterdir()) == known, REMEDY
