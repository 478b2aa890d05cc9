"""Scenarios are called by the plugin, which hands them the `scenario`; pytest only needs to know the name."""

import pytest

collect_ignore: list[str] = []


@pytest.fixture
def scenario() -> None:
    """Replaced by the plugin when the scenario is played."""
