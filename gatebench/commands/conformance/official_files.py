"""The report of a run of the official suite: built in all formats, and shown on the terminal."""

import shutil
import sys
from pathlib import Path
from typing import Any

from gatebench.commands.layout import shortest
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.recording import files
from gatebench.reports.official import html, junit, markdown, model, terminal

_ARTEFACTS = ("official.*", "official-junit.xml", "transcript*.jsonl")


def prepare(folder: Path) -> None:
    """Create the folder, or delete the files of an earlier run in it. Raise BenchError on failure."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for pattern in _ARTEFACTS:
            for path in folder.glob(pattern):
                path.unlink()
        shutil.rmtree(folder / "suite", ignore_errors=True)
        (folder / "suite").mkdir()
    except OSError as error:
        raise BenchError(f"cannot write to {folder}: {error.strerror}; choose another folder with --out") from error


def build(report: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write the report in all formats, and return it with its traffic. Raise BenchError or StorageError if that fails."""
    try:
        model.write(report, folder)
        whole = model.with_traffic(report, folder)
        html.write(whole, folder)
        for one in (markdown, junit):
            one.write(report, folder)
    except OSError as error:
        raise files.write_error(error, folder) from error
    return whole


def show(report: dict[str, Any], folder: Path, *, quiet: bool) -> None:
    """Print a report to the terminal; `quiet`: only its conclusion."""
    (terminal.conclude if quiet else terminal.show)(report, sys.stdout)
    print(f"  evidence: {shortest(folder)}")
    print(f"  report: {shortest(folder / 'official.html')}")
