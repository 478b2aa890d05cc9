"""The committed transcripts are those of today's stories. Part of `make trial`."""

import pytest

from conformance.selftest import shown
from conformance.selftest.test_shown_transcripts import CHECKED, EXPECTED, REMEDY


@pytest.mark.parametrize("kind", list(EXPECTED))
@pytest.mark.parametrize("requirement", CHECKED)
def test_a_transcript_is_its_story(requirement: str, kind: str) -> None:
    assert shown.path_of(requirement, kind).read_text(encoding="utf-8") == shown.written(requirement, kind), REMEDY
