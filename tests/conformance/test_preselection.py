"""`-k` and `-m` select the same items whether they are asked before items are made or, as pytest does, afterwards."""

import os
import subprocess
import sys

import pytest

from gatebench.conformance.pytest_plugin.arguments import SCENARIOS
from gatebench.conformance.pytest_plugin.invoke import plugins

FOLDERS = [path for path in SCENARIOS.iterdir() if path.is_dir() and path.name != "__pycache__"]
EXPRESSIONS = {
    "of an item and of its group": ["-k", "(CONS-005 or test_Revoked or virtual.) and 2026", "-m", "not identity"],
    "of what is in none": ["-k", "not judged_by or (parametrize and not user.)"],
    "of a group": ["-m", "consent or session", "-k", "not test_consent.py"],
    "that is no expression": ["-k", "consent and or"],
}


def collected(*arguments: object) -> tuple[int, list[str]]:
    """Return pytest's status, and the ids of the selected items."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--noconftest", "-c", os.devnull, *plugins()]
    done = subprocess.run(  # noqa: S603 - our own command
        [*command, "--rootdir", str(SCENARIOS), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=230,
    )
    return done.returncode, [line for line in done.stdout.splitlines() if "::" in line]


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_preselection_is_that_of_pytest(expression: list[str]) -> None:
    early = collected(*expression, SCENARIOS)
    # Of folders within the scenarios, pytest makes every item.
    assert collected(*expression, *sorted(FOLDERS)) == early
    assert early[1]
