"""`gatebench report` and `gatebench compare`: the report of a run, built and shown again, and two of them side by side."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from commands import status
from fixtures.errors import BenchError

FORMATS = ("html", "markdown", "sarif", "badge", "junit")  # modules of reports/, each with a `write`


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
    report = commands.add_parser(
        "report",
        help="build and show the report of a run again",
        epilog="examples:\n  gatebench report gatebench-out/acme-20260728-120000-1a2b\n"
        "  gatebench report evidence --json | jq .totals",
    )
    report.add_argument("folder", type=Path, metavar="DIR", help="what `gatebench run` named as evidence")
    report.add_argument("--json", action="store_true", help="print report.json instead of words")
    report.set_defaults(command=_report)

    compare = commands.add_parser(
        "compare",
        help="what changed between two runs",
        description="What changed between two reports. Exit status 1 when something got worse.",
        epilog="examples:\n  gatebench compare before/report.json after/report.json\n"
        "  gatebench compare gatebench-out/acme-1.4 gatebench-out/acme-1.5 --json",
    )
    compare.add_argument("before", type=Path, metavar="BEFORE", help="a report.json, or the folder of a run")
    compare.add_argument("after", type=Path, metavar="AFTER", help="the same of the later one")
    compare.add_argument("--json", action="store_true", help="the changes as JSON")
    compare.set_defaults(command=_compare)


def written(folder: Path) -> dict[str, Any]:
    """Build the report of a run and all its projections. Raises BenchError where the folder cannot be written to."""
    from importlib import import_module  # noqa: PLC0415

    from reports import build  # noqa: PLC0415

    report = build.build(folder)
    try:
        for name in FORMATS:
            import_module(f"reports.{name}").write(report, folder)
        build.write(report, folder)
    except OSError as error:
        raise BenchError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    return report


def show(report: dict[str, Any], folder: Path, *, quiet: bool) -> None:
    """Tell a report on the terminal; `quiet`: only its conclusion."""
    from reports import terminal  # noqa: PLC0415

    (terminal.conclude if quiet else terminal.show)(report, sys.stdout)
    print(f"  evidence: {os.path.relpath(folder)}")
    print(f"  to look at: {os.path.relpath(folder / 'report.html')}")


def _report(options: argparse.Namespace) -> int:
    from reports.build import NoRunError  # noqa: PLC0415

    try:
        report = written(options.folder)
    except NoRunError as error:
        raise BenchError(str(error)) from error
    if options.json:
        print(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        show(report, options.folder, quiet=False)
    return status.OF_CONCLUSION[report["conclusion"]]


def _compare(options: argparse.Namespace) -> int:
    from reports import build, compare  # noqa: PLC0415

    try:
        changes = compare.compare(build.read(options.before), build.read(options.after))
    except build.NoRunError as error:
        raise BenchError(str(error)) from error
    if options.json:
        print(json.dumps(changes, ensure_ascii=False, indent=1))
    else:
        print("\n".join(compare.lines(changes)))
    return status.FINDINGS if changes["regressed"] else status.CONFORMANT
