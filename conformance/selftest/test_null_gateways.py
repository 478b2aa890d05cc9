"""Gateways that decide nothing: what they pass, a harness has not tested."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCENARIOS = Path(__file__).parent.parent / "scenarios"
GROUPS = "authentication or access or sessions or override or consent"


def outcomes(kind: str, folder: Path, *options: str) -> dict[str, str]:
    """The outcome of every requirement that was selected, for a null gateway."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(SCENARIOS),
        "-q",
        "-p",
        "no:cacheprovider",
        "--plays-of-failures",
        "1",
    ]
    subprocess.run(  # noqa: S603 - our own command
        [*command, "--target", f"null:{kind}", "-m", GROUPS, "-k", "2025-11-25", "--out", str(folder), *options],
        check=False,
        capture_output=True,
        timeout=240,
    )
    lines = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()]
    selected = set(lines[0]["selected"])
    return {name: outcome for name, outcome in lines[-1]["outcomes"].items() if name in selected}


def passed(kind: str, folder: Path) -> set[str]:
    """What a null gateway passes when it is judged without smoke."""
    return {name for name, outcome in outcomes(kind, folder, "--no-smoke").items() if outcome == "pass"}


def test_a_gateway_that_denies_everything_passes_no_refusal(tmp_path: Path) -> None:
    """Every refusal needs an accepted request beside it, and there is none. (Its challenges are challenges, all the same.)"""
    assert passed("deny-all", tmp_path) <= {"AUTH-009"}


def test_a_gateway_that_lets_everybody_in_passes_no_access_rule(tmp_path: Path) -> None:
    """It passes what asks for access to be given (and two rules that a relay keeps), nothing that asks for a refusal."""
    assert passed("allow-all", tmp_path) <= {"ACC-004", "AUTH-007", "OVR-005", "SES-002"}


@pytest.mark.parametrize("kind", ["deny-all"])
def test_what_never_reaches_an_upstream_is_not_judged_at_all(kind: str, tmp_path: Path) -> None:
    """No smoke, no verdicts."""
    assert set(outcomes(kind, tmp_path).values()) <= {"not-observed"}
