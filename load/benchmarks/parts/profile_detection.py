"""Benchmark: every profile detects its defect and passes the reference gateway."""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from gatebench.fixtures.gateways.doubles.load_defects import BAD_DAYS, STRAINS
from gatebench.load.benchmarks import markdown
from gatebench.load.benchmarks.markdown import Part, Section, conditions
from gatebench.load.profiles import profiles

LONGER = {
    "catalogue": 24.0,
    "payload": 30.0,
    "slow-upstream": 16.0,
    "fan-out": 16.0,
    "saturation": 40.0,
    "slow-members": 18.0,
}
"""Seconds for profiles with many phases, rare calls or a search."""
SECONDS = 10.0
ROW = re.compile(r"^\| `(?P<profile>[^`]+)` \| .*$", re.MULTILINE)
NAME = "profiles"

DEFECTS = {profile: strain for strain, (profile, _) in STRAINS.items() if strain not in BAD_DAYS}
IN_ORDER = [name for name in profiles.load() if name != "single-call"]  # the profile of `gate` and `overhead`


def measure(_rounds: int, _seconds: float, only: Iterable[str] = ()) -> Section:
    """Run profiles (default: all) with their defects and with the reference gateway; other rows of the page are kept."""
    rows = {found["profile"]: found[0] for found in ROW.finditer(markdown.known(NAME))}
    missed: list[str] = []
    for profile in only or IN_ORDER:
        row, more = _row(profile)
        print(row, flush=True)  # a row takes half a minute
        rows[profile] = row
        missed += more
    lines = [
        "## Defects found by profiles",
        "",
        "Each profile with a gateway that has its defect: the broken budgets, and the values of the same budgets with the",
        "reference gateway.",
        conditions(1, SECONDS),
        "",
        "| profile | defect | broken | with the reference |",
        "| --- | --- | --- | --- |",
        *(rows[profile] for profile in IN_ORDER if profile in rows),
    ]
    return Section("\n".join(lines), missed)


def parts() -> dict[str, Part]:
    """Return a part for each single profile, by its name on the command line."""
    return {f"{NAME}:{profile}": partial(measure, only=[profile]) for profile in IN_ORDER}


def _row(profile: str) -> tuple[str, list[str]]:
    """Return the row of the page, and a sentence for each missed goal."""
    right = _play("reference", profile)
    blamed = _broken(right)
    missed = (
        [f"{profile} breaks budgets with the reference gateway: {', '.join(map(_spoken, blamed))}"] if blamed else []
    )
    defect = DEFECTS.get(profile)
    if defect is None:
        return f"| `{profile}` | none: it only measures | | {_all(blamed) or 'nothing broken'} |", missed
    found = _broken(_play(f"strained:{defect}", profile))
    if not found:
        missed.append(f"{profile} finds nothing with strained:{defect}")
    measures = {one["measure"] for one in found} | {one["measure"] for one in blamed}
    same = [one for one in right["budgets"] if one["measure"] in measures]
    return f"| `{profile}` | `strained:{defect}` | {_all(found) or 'nothing'} | {_all(same)} |", missed


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
        subprocess.run([*command, "--seconds", seconds], stdout=subprocess.DEVNULL, check=False)  # noqa: S603 - this interpreter
        return dict(json.loads((Path(folder) / "load.json").read_text(encoding="utf-8")))


def _broken(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the broken budgets, without those that are void."""
    return [one for one in report["budgets"] if one["outcome"] in ("broken", "not measured")]


def _all(budgets: Iterable[dict[str, Any]]) -> str:
    return ", ".join(map(_spoken, budgets))


def _spoken(budget: dict[str, Any]) -> str:
    if budget["measured"] is None:
        return f"{budget['measure']} not measured"
    limit = f"at most {budget['max']:g}" if budget["max"] is not None else f"at least {budget['min']:g}"
    void = ", void" if budget["outcome"] == "void" else ""
    return f"{budget['measure']} {budget['measured']:.3g} ({limit}{void})"
