"""Every check passes its conforming example transcript and fails its violating one; the files are read without a server."""

import pytest

from gatebench.conformance.evaluation import replay
from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support import example_transcripts
from gatebench.conformance.selftest.support.cases import check_each
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY

CHECKED = [requirement.id for requirement in REGISTRY.all() if requirement.check]
EXPECTED = {"conforming": {Outcome.PASS}, "violating": {Outcome.FAIL, Outcome.WARN}}
BY_TIME = {"ASM-002", "RFR-029", "RFR-061"}  # they compare instants, and the clock of these transcripts is constant
REMEDY = "run `make transcripts` and commit what it writes"


@pytest.mark.parametrize("kind", list(EXPECTED))
def test_example_transcript_has_its_outcome(kind: str) -> None:
    check_each(
        [name for name in CHECKED if name not in BY_TIME], lambda requirement: _assert_outcome(requirement, kind)
    )


def _assert_outcome(requirement: str, kind: str) -> None:
    path = example_transcripts.path_of(requirement, kind)
    assert path.exists(), REMEDY
    (judgement,) = replay.judge(replay.Recording.load(path), REGISTRY)
    assert (judgement.requirement, judgement.scenario) == (requirement, example_transcripts.SCENARIO)
    assert judgement.outcome in EXPECTED[kind], f"{judgement}; if that is meant, {REMEDY}"
    assert judgement.subjects
    lines = path.read_text(encoding="utf-8").splitlines()
    assert all(violation.seq is None or 0 < violation.seq <= len(lines) for violation in judgement.violations)


def test_no_transcript_of_an_unknown_requirement() -> None:
    known = {example_transcripts.path_of(requirement, kind) for requirement in CHECKED for kind in EXPECTED}
    assert set(example_transcripts.FOLDER.iterdir()) == known, REMEDY
