"""The report of a run: built in all formats, and shown on the terminal."""

import os
import sys
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from gatebench.fixtures.harness import gc_pauses
from gatebench.fixtures.recording import files
from gatebench.reports.conformance import model
from gatebench.reports.conformance.formats import badge, har, html, junit, markdown, sarif, terminal
from gatebench.reports.errors import NoRunError
from gatebench.reports.load import html as load_html

FORMATS = (markdown, sarif, badge, junit, har)


@gc_pauses.held_back()  # a report is many objects that live until its end: collections take a quarter of its time
def build(folder: Path, *, foreign: bool = False) -> dict[str, Any]:
    """Build the report of a run in all formats and return it; `foreign`: the evidence may be damaged.

    Raises NoRunError if the folder contains no run, BenchError or StorageError if it is not writable.
    """
    report = model.rebuild(folder) if foreign else model.build(folder)
    try:
        html.write(report, folder, load_html.section(folder))
        for one in FORMATS:
            one.write(report, folder)
        model.write(report, folder)
    except (*model.DAMAGED, TemplateError) as error:
        if not foreign:
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise NoRunError(
            f"{folder} contains evidence that is damaged or from another version of gatebench ({what})"
        ) from error
    except OSError as error:
        raise files.write_error(error, folder) from error
    return report


def show(report: dict[str, Any], folder: Path, *, quiet: bool, verbose: bool = False) -> None:
    """Print a report to the terminal; `quiet`: only its conclusion; `verbose`: each finding in full."""
    if quiet:
        terminal.conclude(report, sys.stdout)
    else:
        terminal.show(report, sys.stdout, in_full=len(report["findings"]) if verbose else terminal.IN_FULL)
    print(f"  evidence: {os.path.relpath(folder)}")
    print(f"  report: {os.path.relpath(folder / 'report.html')}")
