"""The public interface for extensions: what their checks, scenarios, adapters, formats and tests import.

An extension is a Python package with an `extension.toml`, which `gatebench.fixtures.extensions.manifest.Manifest` documents;
docs/how-to/extensions.md shows how to write one. Names that are not here may change in any version.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.pytest_plugin import validation
from gatebench.conformance.scenarios.marks import (
    in_each_era,
    in_each_revision,
    in_one_with_sessions,
    judged_by,
    judged_by_cases,
)
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.extensions import folders
from gatebench.fixtures.gateways.adapter import Adapter, UnsupportedVerbError
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import PRINCIPALS, REVISIONS, UPSTREAMS, VIRTUAL_SERVERS

__all__ = [
    "PRINCIPALS",
    "REVISIONS",
    "UPSTREAMS",
    "VIRTUAL_SERVERS",
    "Adapter",
    "CheckContext",
    "Exchange",
    "McpClient",
    "McpResponse",
    "Report",
    "Scenario",
    "Transcript",
    "UnsupportedVerbError",
    "in_each_era",
    "in_each_revision",
    "in_one_with_sessions",
    "judged_by",
    "judged_by_cases",
    "outcomes",
    "validate",
]

Report = Mapping[str, Any]
"""A report as in report.json (`reports/conformance/report.schema.json`), which a format gets with the folder of the run."""


def validate(folder: Path) -> None:
    """Check the extension in a folder, and that it fits to the others. Raise BenchError, one sentence, if not."""
    restore = folders.use([folder])
    try:
        validation.check()
    finally:
        restore()


def outcomes(target: str, folder: Path, out: Path, *, keyword: str) -> dict[str, str]:
    """Run the scenarios that a keyword of `-k` selects on a target, with the extension in a folder; return the outcomes by id.

    `out` receives the evidence: report.json and all other formats. Raise RuntimeError with the output of a run without a report.
    """
    command = [
        sys.executable,
        "-m",
        "gatebench",
        "run",
        target,
        "--no-config",
        "--extension",
        str(folder),
        "-k",
        keyword,
    ]
    done = subprocess.run(  # noqa: S603 - our own program
        [*command, "--out", str(out)], capture_output=True, encoding="utf-8", check=False
    )
    report = out / "report.json"
    if not report.is_file():
        raise RuntimeError(f"gatebench run ended with status {done.returncode}: {done.stdout}{done.stderr}")
    requirements = json.loads(report.read_text(encoding="utf-8"))["requirements"]
    return {requirement["id"]: requirement["outcome"] for requirement in requirements}
