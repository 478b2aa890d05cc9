"""Every test of a check begins with a story in which nothing has happened yet."""

import pytest

from conformance.selftest.story import Story


@pytest.fixture
def story() -> Story:
    """The standard world at its start."""
    return Story()
