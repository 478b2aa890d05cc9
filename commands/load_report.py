"""`gatebench load report`, and what all load commands have in common: writing a report, showing it, its exit status."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands import status
from fixtures.errors import BenchError

if TYPE_CHECKING:
    from load.model import LoadReport

OF_CONCLUSION = {
    "ok": status.CONFORMANT,
    "not slower": status.CONFORMANT,
    "faster": status.CONFORMANT,
    "wrong-answers": status.FINDINGS,
    "cannot tell": status.BAD_INPUT,  # nothing was judged: never green
    "void": status.BAD_INPUT,
    "slower": status.BUDGET_BROKEN,
    "budget-broken": status.BUDGET_BROKEN,
}
OF_END = {  # what is incomplete, by what kept it from its end
    "gateway": status.FINDINGS,
    "machine": status.BAD_INPUT,  # nothing was judged: never green
    "bench": status.OUR_FAULT,
}


def add(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the load commands."""
    report = kinds.add_parser(
        "report",
        help="show the report of a load measurement again",
        epilog="examples:\n  gatebench load report gatebench-out/load-acme-20260728-120000-1a2b",
    )
    report.add_argument(
        "folder", type=Path, metavar="DIR", help="what a load command named as evidence, or its load.json"
    )
    report.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from reports import load_read  # noqa: PLC0415
    from reports.build import NoRunError  # noqa: PLC0415

    try:
        report = dict(load_read.read(options.folder))
    except NoRunError as error:
        raise BenchError(str(error)) from error
    folder = options.folder if options.folder.is_dir() else options.folder.parent
    whole = read(options.folder)
    _project(report, folder)
    _show(report, folder, quiet=False)
    return _status(whole)


def read(path: Path) -> "LoadReport":
    """The report in a folder, or in a file. Raises BenchError with one sentence."""
    from pydantic import ValidationError  # noqa: PLC0415

    from load.model import LoadReport  # noqa: PLC0415

    path = path / "load.json" if path.is_dir() else path
    try:
        return LoadReport.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise BenchError(
            f"{path} is no load.json of this gatebench: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from error


def _status(report: "LoadReport") -> int:
    """What it comes to; where it was kept from its end, by whom."""
    if report.ended_by == "interruption":
        return status.INTERRUPTED
    if report.conclusion == "incomplete":
        return OF_END.get(report.ended_by or "", status.OUR_FAULT)
    return OF_CONCLUSION[report.conclusion]


def finish(report: "LoadReport", folder: Path, *, quiet: bool) -> int:
    """Write load.json, load.html and load-junit.xml, show the report; returns the exit status."""
    from load import model  # noqa: PLC0415

    try:
        model.write(report, folder)
    except OSError as error:
        raise BenchError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    plain = report.model_dump(mode="json")
    _project(plain, folder)
    _show(plain, folder, quiet=quiet)
    ended = _status(report)
    if ended == status.INTERRUPTED:
        status.complain("interrupted; what was measured until then is kept", ended)
    return ended


def _project(report: dict[str, Any], folder: Path) -> None:
    from reports import load_html, load_junit  # noqa: PLC0415

    try:
        load_html.write(report, folder)
        load_junit.write(report, folder)
    except OSError as error:
        raise BenchError(f"cannot write {error.filename or folder}: {error.strerror}") from error


def _show(report: dict[str, Any], folder: Path, *, quiet: bool) -> None:
    from reports import load_terminal  # noqa: PLC0415

    (load_terminal.conclude if quiet else load_terminal.show)(report, sys.stdout)
    print(f"  evidence: {os.path.relpath(folder)}")
    print(f"  to look at: {os.path.relpath(folder / 'load.html')}")


def new_folder(out: Path | None, *names: str) -> Path:
    """A folder for the evidence that can be written to. Raises BenchError where there is none to be had."""
    import re  # noqa: PLC0415
    import secrets  # noqa: PLC0415
    import tempfile  # noqa: PLC0415
    import time  # noqa: PLC0415

    words = [re.sub(r"[^A-Za-z0-9.]+", "-", Path(name).stem).strip("-") for name in names]
    made = "-".join(["load", *words, time.strftime("%Y%m%d-%H%M%S"), secrets.token_hex(2)])
    folder = out or Path("gatebench-out") / made
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BenchError(f"cannot write to {folder}: {error.strerror}; name another folder with --out") from error
    return folder


def positive(text: str) -> float:
    """An option's value: a number above zero. Raises ArgumentTypeError."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above zero")
    return value


def seed(text: str) -> int:
    """An option's value: what random numbers begin with. Raises ArgumentTypeError."""
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 up")
    return int(text)


class Progress:
    """One line on a terminal that is written over; nothing anywhere else."""

    def __init__(self, *, quiet: bool) -> None:
        self._on = not quiet and sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        """Say what happens now."""
        if self._on:
            print(f"\r\033[K  {text[:100]}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Take the line away."""
        if self._on:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
