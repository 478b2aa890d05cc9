"""The report of a load measurement: reading, writing, showing, and its exit status."""

import contextlib
import re
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gatebench import exit_codes
from gatebench.commands.layout import shortest
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.recording import files
from gatebench.load.results import report_model
from gatebench.load.results.report_model import LoadReport
from gatebench.reports.load import html as load_html
from gatebench.reports.load import junit as load_junit
from gatebench.reports.load import openmetrics, table
from gatebench.reports.load import terminal as load_terminal
from gatebench.reports.rendering.text import shorten

OF_CONCLUSION = {
    "ok": exit_codes.CONFORMANT,
    "not slower": exit_codes.CONFORMANT,
    "faster": exit_codes.CONFORMANT,
    "wrong-answers": exit_codes.FINDINGS,
    "cannot tell": exit_codes.BAD_INPUT,  # no decision: never a success
    "void": exit_codes.BAD_INPUT,
    "slower": exit_codes.BUDGET_BROKEN,
    "budget-broken": exit_codes.BUDGET_BROKEN,
}
OF_END = {  # of an incomplete report, by its cause
    "gateway": exit_codes.FINDINGS,
    "machine": exit_codes.BAD_INPUT,  # no result: never a success
    "bench": exit_codes.OUR_FAULT,
}


def read(path: Path) -> LoadReport:
    """Return the report of a folder or file. Raises BenchError with one sentence."""
    path = path / "load.json" if path.is_dir() else path
    try:
        return LoadReport.model_validate_json(files.read_bytes(path))
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise BenchError(
            f"{path} is not a load.json of this version of gatebench: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from error


def status(report: LoadReport) -> int:
    """Return the exit status of a report; for an incomplete one, by its cause."""
    if report.ended_by == "interruption":
        return exit_codes.INTERRUPTED
    if report.conclusion == "incomplete":
        return OF_END.get(report.ended_by or "", exit_codes.OUR_FAULT)
    return OF_CONCLUSION[report.conclusion]


def finish(report: LoadReport, folder: Path, *, quiet: bool) -> int:
    """Write load.json and everything that is made from it, print the report, and return the exit status."""
    try:
        report_model.write(report, folder)
    except OSError as error:
        raise files.write_error(error, folder) from error
    plain = report.model_dump(mode="json")
    project(plain, folder)
    show(plain, folder, quiet=quiet)
    ended = status(report)
    if ended == exit_codes.INTERRUPTED:
        exit_codes.complain("interrupted; results so far are kept", ended)
    return ended


def project(report: dict[str, Any], folder: Path) -> None:
    """Write load.html, load-junit.xml, load.prom, load.csv and load-seconds.csv."""
    try:
        load_html.write(report, folder)
        load_junit.write(report, folder)
        openmetrics.write(report, folder)
        table.write(report, folder)
    except OSError as error:
        raise files.write_error(error, folder) from error


def show(report: dict[str, Any], folder: Path, *, quiet: bool) -> None:
    """Print a report to the terminal; `quiet`: only its conclusion."""
    (load_terminal.conclude if quiet else load_terminal.show)(report, sys.stdout)
    print(f"  evidence: {shortest(folder)}")
    print(f"  report: {shortest(folder / 'load.html')}")


def new_folder(out: Path | None, *names: str) -> Path:
    """Return a writable folder for the evidence. Raises BenchError if there is none."""
    words = [re.sub(r"[^A-Za-z0-9.]+", "-", Path(name).stem).strip("-") for name in names]
    made = "-".join(["load", *words, time.strftime("%Y%m%d-%H%M%S"), secrets.token_hex(2)])
    folder = out or Path("gatebench-out") / made
    try:
        files.require_writable(folder)
    except OSError as error:
        raise BenchError(f"cannot write to {folder}: {error.strerror}; use another folder with --out") from error
    return folder


class LoadProgress:
    """A status line on a terminal, nothing elsewhere; with `folder`, load.prom for `target` and `profile` while the load runs."""

    def __init__(self, *, quiet: bool, folder: Path | None = None, target: str = "", profile: str = "") -> None:
        self._on = not quiet and sys.stderr.isatty()
        self._folder, self._target, self._profile = folder, target, profile

    def report(self, text: str, facts: dict[str, Any]) -> None:
        """Show a text, and write the facts of the generator for readers of metrics."""
        self(text)
        if self._folder is not None:
            with contextlib.suppress(OSError):  # a full disk ends the report, not the load
                openmetrics.write_running(facts, self._target, self._profile, self._folder)

    def __call__(self, text: str) -> None:
        """Show a text."""
        if self._on:
            print(f"\r\033[K  {shorten(text, 100)}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Clear the line."""
        if self._on:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
