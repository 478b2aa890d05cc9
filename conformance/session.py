"""Judging from a program: pytest in this process, its output in a log, its progress on a terminal."""

import datetime as dt
import os
import re
import uuid
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from conformance.plugin import FAILED, STOPPED
from fixtures.errors import BenchError, HarnessError

LOG = "pytest.log"
_ARTEFACTS = ("verdicts.jsonl", "transcript*.jsonl", "report.*", "junit.xml", "badge.svg", LOG)
_BAD = {"fail", "untestable", "harness-error"}


@dataclass(frozen=True, kw_only=True)
class Task:
    """What to judge and how, in pytest's words; everything where nothing is said. `folder` receives the evidence."""

    target: str
    folder: Path
    sheet: Path | None = None
    world: str | None = None  # who serves the mocks, in the words of `--world`
    expectations: Path | None = None
    direct: bool = False  # ask the upstream alone first
    keyword: str | None = None
    mark: str | None = None
    first: bool = False  # stop at the first finding
    again: bool = False  # only what failed the last time
    allure: Path | None = None  # folder for the results that Allure reads
    workers: int | None = None

    @property
    def selection(self) -> dict[str, str]:
        """The expressions that narrow it. Raises BenchError for one that is blank."""
        given = {option: text for option, text in (("-k", self.keyword), ("-m", self.mark)) if text is not None}
        for option, text in given.items():
            if not text.strip():
                raise BenchError(f"the expression of {option} is blank; leave {option} out to judge everything")
        return given

    def arguments(self) -> list[str]:
        """For pytest's command line."""
        options: dict[str, object] = {
            "--target": self.target,
            "--out": self.folder.resolve(),
            "--sheet": self.sheet,
            "--world": self.world,
            "--expectations": self.expectations,
            "-n": self.workers,
            "--alluredir": self.allure and self.allure.resolve(),
            **self.selection,
        }
        pairs = [str(part) for pair in options.items() if pair[1] is not None for part in pair]
        flags = {
            "-x": self.first,
            "--direct": self.direct,
            "--lf": self.again,
            "--last-failed-no-failures=none": self.again,
        }
        return [*pairs, *(flag for flag, given in flags.items() if given)]

    @property
    def cache(self) -> Path:
        """Where pytest remembers what failed, beside the folder of the evidence, for each target apart."""
        return self.folder.resolve().parent / ".gatebench-cache" / re.sub(r"[^\w.-]+", "-", self.target).strip("-.")


class Display(Protocol):
    """Where progress is shown."""

    def show(self, done: int, total: int, findings: int, now: str) -> None:
        """So many of so many judgements are done, so many of them not good; and what is being done now."""

    def end(self) -> None:
        """It is over."""


class Watch:
    """A plugin of pytest that tells a display of the progress, and remembers how the session ended."""

    def __init__(self, display: Display | None = None) -> None:
        self.interrupted = False
        self.stopped: str | None = None  # the sentence of a BenchError
        self.failed: str | None = None  # that of a HarnessError
        self._display = display
        self._total = self._done = self._findings = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """See pytest."""
        self._total = len(session.items)
        self._progress("standing up the world and the gateway")

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """See pytest-xdist: its controller collects nothing itself."""
        self._total = len(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """See pytest."""
        judgement = getattr(report, "gatebench", None)
        if judgement:
            self._done += 1
            self._findings += judgement["outcome"] in _BAD
            self._progress(judgement["scenario"])

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """See pytest: called for pytest.exit() as well."""
        self.interrupted = isinstance(excinfo.value, KeyboardInterrupt)
        # A signal may come where the interpreter knows no line, and pytest's own report then fails on that.
        excinfo.traceback = excinfo.traceback.filter(_has_line)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """See pytest."""
        self.stopped = config.stash.get(STOPPED, None)
        self.failed = config.stash.get(FAILED, None)
        if self._display:
            self._display.end()

    def _progress(self, now: str) -> None:
        if self._display:
            self._display.show(self._done, self._total, self._findings, now)


def _has_line(entry: Any) -> bool:
    try:
        return bool(entry.lineno >= 0)
    except TypeError:
        return False


def new_folder(target: str) -> Path:
    """A folder for the evidence of a run, below the current one, that no other run has."""
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%d-%H%M%S")
    return Path("gatebench-out") / f"{Path(target).stem}-{stamp}-{uuid.uuid4().hex[:4]}"


def prepare(folder: Path) -> None:
    """Make the folder, or empty it of what an earlier run left. Raises BenchError when that cannot be done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for pattern in _ARTEFACTS:
            for path in folder.glob(pattern):
                path.unlink()
        (folder / LOG).touch()
    except OSError as error:
        raise BenchError(f"cannot write to {folder}: {error.strerror}; choose another folder with --out") from error


def judge(task: Task, watch: Watch) -> None:
    """Judge a target; verdicts and transcript are in the folder afterwards. Returns also when the run was interrupted.

    Nothing of the current folder or of pytest's environment variables has a say in it. Raises BenchError when nothing
    could be judged, with what is to be told; HarnessError when we could not do our part;
    RuntimeError when pytest ended as it should not.
    """
    scenarios, log_path = str(Path(__file__).parent / "scenarios"), task.folder / LOG
    arguments = [
        scenarios,
        "--rootdir",
        scenarios,
        "-c",
        os.devnull,
        "-o",
        f"cache_dir={task.cache}",
        "-q",
        "--tb=short",
    ]
    arguments += ["--show-capture=no", "-W", "ignore::pytest.PytestAssertRewriteWarning", *task.arguments()]
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        os.environ.pop(name, None)
    with log_path.open("w", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        status = int(pytest.main(arguments, plugins=[watch]))
    if watch.stopped:
        raise BenchError(watch.stopped)
    if watch.failed:
        raise HarnessError(watch.failed)
    if status == pytest.ExitCode.NO_TESTS_COLLECTED and not (task.folder / "verdicts.jsonl").exists():
        if task.again and not task.selection:
            raise BenchError(f"nothing failed in the last run of {task.target}; leave --lf out to judge everything")
        given = " ".join(f"{option} {text!r}" for option, text in task.selection.items())
        raise BenchError(
            f"nothing was selected by {given}; `gatebench list` shows the names of requirements and groups"
        )
    if status == pytest.ExitCode.USAGE_ERROR:
        raise BenchError(_complaint(log_path))
    ended = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
    if status not in ended and not watch.interrupted:
        raise RuntimeError(f"pytest ended with status {status}; see {log_path}")


def _complaint(log: Path) -> str:
    lines = log.read_text(encoding="utf-8").splitlines()
    return next((line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")), f"see {log}")
