"""Gateways that we did not write, judged again: what is published of them must still come out.

A whole run of nginx, and of fastmcp the scenarios that show most of what is published of it in half a minute. Left out here:
waiting for upstreams that fail, and gateways with installs of their own; `make real` runs all.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gatebench.fixtures.gateways.launch import installer
from gatebench.reports.published_matrix import index as published_index

pytestmark = pytest.mark.real

PUBLISHED = Path(published_index.__file__).parents[1] / "published"
QUICK = (
    "bad_jwt and 2025-11-25",
    "whole_life",
    "each_member",
    "foreign_session",
    "ended_session",
    "whole_answers",
    "progress",
)
LANES = {"nginx": None, "fastmcp": " or ".join(QUICK)}
JUDGED = {"pass", "fail", "warn", "untestable", "deviation"}
SECONDS = 600  # a bound for a busy machine


@pytest.mark.parametrize(("target", "scenarios"), LANES.items(), ids=list(LANES))
def test_published_findings_are_reproduced(target: str, scenarios: str | None, tmp_path: Path) -> None:
    recipe = installer.recipe(target)
    if installer.find(recipe) is None:
        pytest.fail(f"{recipe.name} is not there; `gatebench install {recipe.name}` says what to do")
    command = [sys.executable, "-m", "gatebench", "run", target, "--quiet", "-n", "2", "--out", str(tmp_path / "run")]
    selection = ["-k", scenarios] if scenarios else []
    done = subprocess.run(  # noqa: S603 - ours
        [*command, *selection], capture_output=True, text=True, timeout=SECONDS, cwd=tmp_path, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    fresh = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    assert fresh["complete"]
    (folder,) = PUBLISHED.glob(f"{target}-[0-9]*")
    stored = outcomes(published_index.read(folder).report)
    # What was not judged when it was published may be judged by now: prerequisites have become narrower.
    judged = {name: outcome for name, outcome in outcomes(fresh).items() if stored.get(name) in JUDGED}
    assert len(judged) > 20
    assert judged == {name: stored[name] for name in judged}


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {r["id"]: r["outcome"] for r in report["requirements"] if r["selected"]}
