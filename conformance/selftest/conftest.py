"""Fixtures of the tests of checks: each test starts with a transcript without traffic."""

from typing import Any

import pytest

from gatebench.conformance.selftest.kill_matrix.notice import notice
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "dialect(**words): the gateway of the transcript has this dialect")


@pytest.fixture
def builder(request: pytest.FixtureRequest) -> TranscriptBuilder:
    """Return a builder with the standard world at its start."""
    spoken = request.node.get_closest_marker("dialect")
    return TranscriptBuilder(**spoken.kwargs) if spoken else TranscriptBuilder()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print a notice if the kill matrix is older than the tree; not a failure, because renewing it takes an hour."""
    text = "" if hasattr(config, "workerinput") else notice()
    for line in text.splitlines():
        terminalreporter.write_line(line, red=True, bold=True)
