"""`gatebench compare`: what changed between two runs."""

from pathlib import Path
from typing import Any

import click

from gatebench import exit_codes
from gatebench.commands.command import command
from gatebench.commands.options import PATH
from gatebench.conformance.text import json_text
from gatebench.fixtures.errors import BenchError
from gatebench.reports.conformance import compare as conformance
from gatebench.reports.conformance import model
from gatebench.reports.errors import NoRunError
from gatebench.reports.official import compare as official
from gatebench.reports.official import model as official_model

EXAMPLES = """\b
examples:
  gatebench compare before/report.json after/report.json
  gatebench compare gatebench-out/acme-1.4 gatebench-out/acme-1.5 --json"""


@command(epilog=EXAMPLES)
@click.argument("before", type=PATH)
@click.argument("after", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="print the changes as JSON")
def compare(before: Path, after: Path, *, as_json: bool, quiet: bool) -> int:
    """Compare the reports of two runs: report.json (or official.json) or folder of the run BEFORE and of the run AFTER.

    Exit status 1 if something got worse.
    """
    kind: Any = official if _is_official(before) else conformance
    reader: Any = official_model if kind is official else model
    try:
        changes = kind.compare(reader.read(before), reader.read(after))
    except NoRunError as error:
        raise BenchError(str(error)) from error
    except model.DAMAGED as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise BenchError(f"{before} or {after} is damaged ({what}); use unchanged files of a run") from error
    if as_json:
        print(json_text(changes, indent=1))
    else:
        lines = list(kind.lines(changes))
        print("\n".join(lines[-1:] if quiet else lines))
    return exit_codes.FINDINGS if changes["regressed"] else exit_codes.CONFORMANT


def _is_official(path: Path) -> bool:
    return path.name == official_model.NAME or (path / official_model.NAME).is_file()
