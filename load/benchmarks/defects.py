"""Does every profile find the defect that it is there to find, and leave the reference gateway alone?"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from fixtures.gateways.strained import BAD_DAYS, STRAINS
from load.benchmarks.page import Section, conditions

LONGER = {
    "catalogue": 24.0,
    "payload": 30.0,
    "slow-upstream": 16.0,
    "fan-out": 16.0,
}  # seconds; many phases, rare calls
SECONDS = 10.0


def measure(_rounds: int, _seconds: float) -> Section:
    """Every profile with its defect, and with the reference gateway."""
    rows, missed = [], []
    for name, (profile, _) in STRAINS.items():
        if name in BAD_DAYS:
            continue
        faulty, right = _play(f"strained:{name}", profile), _play("reference", profile)
        found, blamed = _broken(faulty), _broken(right)
        rows.append(
            f"| `{profile}` | `strained:{name}` | {', '.join(found) or 'nothing'} | {', '.join(blamed) or 'nothing'} |"
        )
        if not found:
            missed.append(f"{profile} finds nothing wrong with strained:{name}")
        if blamed:
            missed.append(f"{profile} finds fault with the reference gateway: {', '.join(blamed)}")
    lines = [
        "## Profiles and what they find",
        "",
        "Each profile against a gateway with the defect that it is there to find, and against the reference; budgets that broke.",
        conditions(1, SECONDS),
        "",
        "| profile | defect | broken | with the reference |",
        "| --- | --- | --- | --- |",
        *rows,
    ]
    return Section("\n".join(lines), missed)


def _play(target: str, profile: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="gatebench-") as folder:
        command = [
            sys.executable,
            "-m",
            "gatebench",
            "load",
            "run",
            target,
            "--profile",
            profile,
            "-q",
            "--out",
            folder,
        ]
        seconds = str(LONGER.get(profile, SECONDS))
        subprocess.run([*command, "--seconds", seconds], stdout=subprocess.DEVNULL, check=False)  # noqa: S603 - ours
        return dict(json.loads((Path(folder) / "load.json").read_text(encoding="utf-8")))


def _broken(report: dict[str, Any]) -> list[str]:
    """The measures whose budgets broke; those that a void measurement spoils are none."""
    return [one["measure"] for one in report["budgets"] if one["outcome"] in ("broken", "not measured")]
