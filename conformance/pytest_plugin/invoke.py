"""Running pytest from a program: in this process, with its output in a log and its progress on a terminal."""

import datetime as dt
import os
import re
import uuid
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO, cast

import pytest

from gatebench.conformance.execution.results_log import ResultsLog
from gatebench.conformance.outcomes import FAILURES, Outcome
from gatebench.conformance.pytest_plugin.session_plugin import FAILED, STOPPED
from gatebench.conformance.requirements.registry import loaded
from gatebench.conformance.text import SafeStream
from gatebench.fixtures.errors import BenchError, HarnessError, StorageError
from gatebench.fixtures.extensions import catalog
from gatebench.fixtures.recording import files

LOG = "pytest.log"
MAX_DEPTH, MAX_WORDS = 50, 500  # of an expression that selects scenarios
_WORD = re.compile(r"[()]|[^\s()]+")
PLUGIN = "gatebench.conformance.pytest_plugin.plugin"
STARTED = "started.jsonl"  # exists during a run, or after one that was killed: see ResultsLog.announce
_ARTEFACTS = (STARTED, "verdicts.jsonl", "transcript*.jsonl", "report.*", "junit.xml", "badge.svg", LOG)


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """Target, selection (default: everything) and options of a run, in pytest's terms. `folder` receives the evidence."""

    target: str
    folder: Path
    sheet: Path | None = None
    world: str | None = None  # which program runs the mocks: a value of `--world`
    expectations: Path | None = None
    variants: Path | None = None  # the user's own variants
    upstream: Path | None = None  # the file that describes the user's own server
    direct: bool = False  # test the upstream alone first
    keyword: str | None = None
    mark: str | None = None
    first: bool = False  # stop at the first failure
    again: bool = False  # only what failed in the last run
    allure: Path | None = None  # folder for Allure's result files
    workers: int | None = None
    budget: float | None = None  # seconds; None: the default, 0: no limit

    @property
    def selection(self) -> dict[str, str]:
        """Return the expressions that narrow the run. Raises BenchError for a blank one."""
        given = {option: text for option, text in (("-k", self.keyword), ("-m", self.mark)) if text is not None}
        for option, text in given.items():
            if not text.strip():
                raise BenchError(f"the expression of {option} is blank; omit {option} to judge everything")
            if _is_too_deep(text):
                raise BenchError(
                    f"the expression of {option} has more than {MAX_WORDS} words, or more than {MAX_DEPTH} parentheses or `not` "
                    "within each other; write a shorter one"
                )
        return given

    def arguments(self) -> list[str]:
        """Return the arguments for pytest."""
        options: dict[str, object] = {
            "--target": self.target,
            "--out": self.folder.resolve(),
            "--sheet": self.sheet,
            "--world": self.world,
            "--expectations": self.expectations,
            "--variants": self.variants and self.variants.resolve(),
            "--upstream": self.upstream and self.upstream.resolve(),
            "-n": self.workers,
            "--budget": self.budget,
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
        """Return pytest's cache folder, beside the evidence folder, one for each target."""
        return self.folder.resolve().parent / ".gatebench-cache" / re.sub(r"[^\w.-]+", "-", self.target).strip("-.")


def plugins(*others: str | None) -> list[str]:
    """Return arguments that load this plugin, the given ones and no other: importing one takes up to a second.

    Two parts of pytest that a run does not need are disabled as well: assertion rewriting (scenarios have no
    assertions), and the repeated garbage collection at the end that looks for exceptions in destructors.
    """
    named = [argument for name in (PLUGIN, "no:unraisableexception", *others) if name for argument in ("-p", name)]
    return ["--disable-plugin-autoload", "--assert=plain", *named]


class Display(Protocol):
    """Shows progress."""

    def show(self, done: int, total: int, findings: int, now: str) -> None:
        """Show that `done` of `total` results are there, `findings` of them not good, and what runs now."""

    def end(self) -> None:
        """End the display."""


class SessionMonitor:
    """A pytest plugin that passes the progress to a display, and records how the session ended."""

    def __init__(self, display: Display | None = None) -> None:
        self.interrupted = False
        self.stopped: str | None = None  # the sentence of a BenchError
        self.failed: str | None = None  # the sentence of a HarnessError
        self.lost: set[str] = set()  # workers that ended abnormally
        self._display = display
        self._total = self._done = self._findings = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """See pytest."""
        self._total = len(session.items)
        self._progress("starting the world and the gateway")

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """See pytest-xdist: its controller does not collect."""
        self._total = len(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """See pytest-xdist."""
        if error:
            self.lost.add(str(node.gateway.id))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """See pytest."""
        judgement = getattr(report, "gatebench", None)
        if judgement:
            self._done += 1
            self._findings += judgement["outcome"] in {*FAILURES, Outcome.HARNESS_ERROR}
            self._progress(judgement["scenario"])

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """See pytest: called for pytest.exit() as well."""
        self.interrupted = isinstance(excinfo.value, KeyboardInterrupt)
        # A signal may arrive between two lines of the interpreter, for which pytest's own report raises an error.
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


def _is_too_deep(expression: str) -> bool:
    """Return whether pytest's parser, which is recursive, would fail on an expression."""
    depth = negations = deepest = 0
    words = _WORD.findall(expression)
    for word in words:
        depth += {"(": 1, ")": -1}.get(word, 0)
        negations = negations + 1 if word == "not" else negations if word == "(" else 0
        deepest = max(deepest, depth + negations)
    return deepest > MAX_DEPTH or len(words) > MAX_WORDS


def _has_line(entry: Any) -> bool:
    try:
        return bool(entry.lineno >= 0)
    except TypeError:
        return False


def new_folder(target: str) -> Path:
    """Return a new evidence folder below the current directory."""
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%d-%H%M%S")
    return Path("gatebench-out") / f"{Path(target).stem}-{stamp}-{uuid.uuid4().hex[:4]}"


def prepare(folder: Path) -> None:
    """Create the folder, or delete the files of an earlier run in it. Raises BenchError on failure."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for pattern in _ARTEFACTS:
            for path in folder.glob(pattern):
                path.unlink()
        (folder / LOG).touch()
    except OSError as error:
        raise BenchError(f"cannot write to {folder}: {error.strerror}; choose another folder with --out") from error


def run_pytest(task: RunRequest, watch: SessionMonitor) -> None:
    """Run a target's scenarios; verdicts and transcript are then in the folder. Also returns after an interruption.

    Configuration files in the current directory and pytest's environment variables are ignored. Raises BenchError if
    nothing could be evaluated, with the message for the user; HarnessError if the bench itself failed.
    """
    scenarios, log_path = str(Path(__file__).parents[1] / "scenarios"), task.folder / LOG
    arguments = [
        scenarios,
        *(str(one.scenarios.absolute()) for one in catalog.foreign() if one.scenarios),
        "--noconftest",  # conftest.py of a folder above an extension is not ours to run
        *plugins("allure_pytest.plugin" if task.allure else None, "xdist.plugin" if task.workers else None),
        "--rootdir",
        scenarios,
        "-c",
        os.devnull,
        "-o",
        f"cache_dir={task.cache}",
        "-q",
        "--tb=short",
    ]
    # Library logs about a gateway's responses are not kept: two hundred thousand of them take gigabytes.
    arguments += [
        "--show-capture=no",
        "-p",
        "no:logging",
        *task.arguments(),
    ]
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        os.environ.pop(name, None)
    os.environ["PYTHONSAFEPATH"] = "1"  # xdist's workers import no module from the current folder
    _announce(task)
    try:
        status = _played(arguments, watch, log_path)
    finally:
        (task.folder / STARTED).unlink(missing_ok=True)
    if watch.stopped:
        raise BenchError(watch.stopped)
    if watch.failed:
        raise StorageError(watch.failed) if watch.failed.startswith("cannot write") else HarnessError(watch.failed)
    if status == pytest.ExitCode.NO_TESTS_COLLECTED and not (task.folder / "verdicts.jsonl").exists():
        if task.again and not task.selection:
            raise BenchError(f"nothing failed in the last run of {task.target}; omit --lf to judge everything")
        given = " ".join(f"{option} {text!r}" for option, text in task.selection.items())
        raise BenchError(
            f"nothing was selected by {given}; `gatebench list` shows the names of requirements and groups"
        )
    if status == pytest.ExitCode.USAGE_ERROR:
        raise BenchError(_complaint(log_path))
    ended = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
    if status not in ended and not watch.interrupted:
        if watch.lost:
            names = ", ".join(sorted(watch.lost))
            raise HarnessError(f"the run ended because the worker {names} was killed; see {log_path}")
        raise HarnessError(f"pytest ended with status {status}; see {log_path}")


def _announce(task: RunRequest) -> None:
    try:
        ResultsLog.announce(task.folder / STARTED, task.target, loaded())
    except OSError as error:
        raise files.write_error(error, task.folder) from error


def _played(arguments: list[str], watch: SessionMonitor, log_path: Path) -> int:
    with log_path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        log = cast("TextIO", SafeStream(file))
        with redirect_stdout(log), redirect_stderr(log):
            return int(pytest.main(arguments, plugins=[watch]))


def _complaint(log: Path) -> str:
    lines = log.read_text(encoding="utf-8").splitlines()
    return next((line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")), f"see {log}")
