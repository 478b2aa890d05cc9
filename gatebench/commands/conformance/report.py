"""`gatebench report`: rebuild and show the report of a run."""

import sys
from pathlib import Path

import click

from gatebench import exit_codes
from gatebench.commands.command import command, settings
from gatebench.commands.conformance import report_files
from gatebench.commands.options import PATH
from gatebench.conformance.text import json_text
from gatebench.fixtures.errors import BenchError
from gatebench.reports.conformance.formats import annotations as github_annotations
from gatebench.reports.errors import NoRunError

EXAMPLES = """\b
examples:
  gatebench report gatebench-out/acme-20260728-120000-1a2b
  gatebench report evidence --json | jq .totals
  gatebench report evidence --annotations     # in a job of GitHub Actions"""


@command(epilog=EXAMPLES)
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="print report.json instead of text")
@click.option(
    "--annotations", is_flag=True, help="print findings as workflow commands of GitHub Actions instead of text"
)
def report(folder: Path, *, as_json: bool, annotations: bool, quiet: bool) -> int:
    """Rebuild and show the report of a run; DIR is its evidence folder."""
    try:
        built = report_files.build(folder, foreign=True)
    except NoRunError as error:
        raise BenchError(str(error)) from error
    if as_json:
        print(json_text(built, indent=1))
    elif annotations:
        sys.stdout.flush()
        # The stream of text would escape the commands themselves; in them, all text of a gateway is escaped.
        sys.stdout.buffer.write(
            "".join(f"{line}\n" for line in github_annotations.lines(built)).encode(errors="replace")
        )
        sys.stdout.buffer.flush()
    else:
        report_files.show(built, folder, quiet=quiet, verbose=settings().verbose)
    return exit_codes.OF_CONCLUSION[built["conclusion"]]
