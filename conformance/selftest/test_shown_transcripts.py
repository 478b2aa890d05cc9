"""Every check passes its conforming transcript and fails its violating one: files, read without any server."""

import pytest

from conformance import replay
from conformance.selftest import shown
from conformance.selftest.story import REGISTRY
from conformance.verdict import Outcome

CHECKED = [requirement.id for requirement in REGISTRY.all() if requirement.check]
EXPECTED = {"conforming": {Outcome.PASS}, "violating": {Outcome.FAIL, Outcome.WARN}}
REMEDY = "run `make transcripts` and commit what it writes"


@pytest.mark.parametrize("kind", list(EXPECTED))
@pytest.mark.parametrize("requirement", CHECKED)
def test_a_transcript_shows_what_it_says(requirement: str, kind: str) -> None:
    path = shown.path_of(requirement, kind)
    assert path.exists(), REMEDY
    (judgement,) = replay.judge(replay.Recording.load(path), REGISTRY)
    assert (judgement.requirement, judgement.scenario) == (requirement, shown.SCENARIO)
    assert judgement.outcome in EXPECTED[kind], f"{judgement}; if that is meant, {REMEDY}"
    assert judgement.subjects
    lines = path.read_text(encoding="utf-8").splitlines()
    assert all(violation.seq is None or 0 < violation.seq <= len(lines) for violation in judgement.violations)


def test_there_are_no_others() -> None:
    known = {shown.path_of(requirement, kind) for requirement in CHECKED for kind in EXPECTED}
    assert set(shown.FOLDER.iterdir()) == known, REMEDY
