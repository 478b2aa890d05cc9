"""These tests need a container engine and our images, take minutes, and run with `make containers` only."""

import os
from pathlib import Path

import pytest

WANTED = os.environ.get("GATEBENCH_CONTAINERS") == "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip these tests unless they are requested; then a missing engine is an error."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and not WANTED:
            item.add_marker(pytest.mark.skip(reason="NOT RUN: needs a container engine and images; `make containers`"))
