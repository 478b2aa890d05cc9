"""The report of a run: built in all formats, and shown on the terminal."""

import sys
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from gatebench import exit_codes
from gatebench.commands.layout import shortest
from gatebench.conformance.pytest_plugin import validation
from gatebench.fixtures.extensions import catalog
from gatebench.fixtures.extensions.manifest import Extension
from gatebench.fixtures.harness import gc_pauses
from gatebench.fixtures.recording import files
from gatebench.reports.conformance import model
from gatebench.reports.conformance.formats import html, terminal
from gatebench.reports.errors import NoRunError
from gatebench.reports.load import html as load_html


@gc_pauses.held_back()  # a report is many objects that live until its end: collections take a quarter of its time
def build(folder: Path, *, foreign: bool = False) -> dict[str, Any]:
    """Build the report of a run in the formats of all extensions and return it; `foreign`: the evidence may be damaged.

    Raises NoRunError if the folder contains no run, BenchError or StorageError if it is not writable, BenchError if a format of
    another extension fails, after the others are written.
    """
    report = model.rebuild(folder) if foreign else model.build(folder)
    formats = validation.formats()
    try:
        for name, (extension, place) in formats.items():
            if extension.name == catalog.OWN:
                extension.load(f"formats.{name}", place)(report, folder)
    except (*model.DAMAGED, TemplateError) as error:
        if not foreign:
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise NoRunError(
            f"{folder} contains evidence that is damaged or from another version of gatebench ({what})"
        ) from error
    except OSError as error:
        raise files.write_error(error, folder) from error
    for name, (extension, place) in formats.items():
        if extension.name != catalog.OWN:
            _write_foreign(report, folder, name, extension, place)
    return report


def write_page(report: dict[str, Any], folder: Path) -> Path:
    """Write report.html, with the load measurement of the folder if it holds one that can be read, and return its path."""
    try:
        load = load_html.section(folder)
    except NoRunError as error:
        exit_codes.complain(f"report.html does not show the load: {error}", exit_codes.CONFORMANT)
        load = None
    return html.write(report, folder, load)


def _write_foreign(report: dict[str, Any], folder: Path, name: str, extension: Extension, place: str) -> None:
    write = extension.load(f"formats.{name}", place)
    try:
        write(report, folder)
    except (Exception, SystemExit) as error:  # third-party code may raise anything
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise extension.error(f"formats.{name}", f"failed ({what}); the other formats are in {folder}") from error


def show(report: dict[str, Any], folder: Path, *, quiet: bool, verbose: bool = False) -> None:
    """Print a report to the terminal; `quiet`: only its conclusion; `verbose`: each finding in full."""
    if quiet:
        terminal.conclude(report, sys.stdout)
    else:
        terminal.show(report, sys.stdout, in_full=len(report["findings"]) if verbose else terminal.IN_FULL)
    print(f"  evidence: {shortest(folder)}")
    print(f"  report: {shortest(folder / 'report.html')}")
