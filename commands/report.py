"""`gatebench report`: the report of a run, built and shown again."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from commands import status
from fixtures.errors import BenchError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
    report = commands.add_parser("report", help="build and show the report of a run again")
    report.add_argument("folder", type=Path, metavar="DIR", help="what `gatebench run` named as evidence")
    report.set_defaults(command=_report)


def written(folder: Path) -> dict[str, Any]:
    """Build the report of a run and all its projections."""
    from reports import build, html, junit  # noqa: PLC0415

    report = build.build(folder)
    for projection in (html, junit):
        projection.write(report, folder)
    build.write(report, folder)
    return report


def show(report: dict[str, Any], folder: Path, *, quiet: bool) -> None:
    """Tell a report on the terminal; `quiet`: only its conclusion."""
    from reports import terminal  # noqa: PLC0415

    (terminal.conclude if quiet else terminal.show)(report, sys.stdout)
    print(f"  evidence: {os.path.relpath(folder)}")


def _report(options: argparse.Namespace) -> int:
    from reports.build import NoRunError  # noqa: PLC0415

    try:
        report = written(options.folder)
    except NoRunError as error:
        raise BenchError(str(error)) from error
    show(report, options.folder, quiet=False)
    return status.OF_CONCLUSION[report["conclusion"]]
