"""The committed example transcripts match the tests that generate them (14 seconds of CPU)."""

import pytest

from gatebench.conformance.selftest.example_transcripts.test_example_transcripts import CHECKED, EXPECTED, REMEDY
from gatebench.conformance.selftest.support import example_transcripts
from gatebench.conformance.selftest.support.cases import check_each


@pytest.mark.parametrize("kind", list(EXPECTED))
def test_example_transcript_matches_its_test(kind: str) -> None:
    def check(requirement: str) -> None:
        committed = example_transcripts.path_of(requirement, kind).read_text(encoding="utf-8")
        assert committed == example_transcripts.write_examples(requirement, kind), REMEDY

    check_each(CHECKED, check)
