"""The committed example transcripts match the tests that generate them. Part of `make trial`."""

import pytest

from gatebench.conformance.selftest.example_transcripts.test_example_transcripts import CHECKED, EXPECTED, REMEDY
from gatebench.conformance.selftest.support import example_transcripts

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", list(EXPECTED))
@pytest.mark.parametrize("requirement", CHECKED)
def test_a_transcript_is_its_story(requirement: str, kind: str) -> None:
    assert example_transcripts.path_of(requirement, kind).read_text(
        encoding="utf-8"
    ) == example_transcripts.write_examples(requirement, kind), REMEDY
