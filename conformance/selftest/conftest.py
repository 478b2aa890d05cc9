"""Every test of a check begins with a story in which nothing has happened yet."""

import pytest

from conformance.selftest.story import Story


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "dialect(**words): the gateway of the story speaks this dialect")


@pytest.fixture
def story(request: pytest.FixtureRequest) -> Story:
    """The standard world at its start."""
    spoken = request.node.get_closest_marker("dialect")
    return Story(**spoken.kwargs) if spoken else Story()
