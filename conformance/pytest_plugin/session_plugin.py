"""The plugin of one session: it collects the scenarios, judges them, and writes the results."""

import datetime as dt
import os
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gatebench.conformance.execution.executor import Executor
from gatebench.conformance.execution.results_log import ResultsLog
from gatebench.conformance.outcomes import FAILURES, UNJUDGED, CheckResult
from gatebench.conformance.pytest_plugin import preselection
from gatebench.conformance.pytest_plugin.arguments import is_scenario_file, narrowing_of
from gatebench.conformance.pytest_plugin.collection import collect_scenarios
from gatebench.conformance.pytest_plugin.items import REQUIREMENT_ID, ScenarioItem, explanation
from gatebench.conformance.pytest_plugin.sample import omitted_scenarios
from gatebench.conformance.requirements.expectations import Expectations
from gatebench.conformance.requirements.features import features_of
from gatebench.conformance.requirements.registry import loaded
from gatebench.conformance.text import SafeStream, visible, visible_lines
from gatebench.fixtures.clients import fastmcp_client
from gatebench.fixtures.errors import BenchError, HarnessError
from gatebench.fixtures.protocol.messages import as_object

if TYPE_CHECKING:  # allure is an extra
    from gatebench.conformance.pytest_plugin.allure import AllureReporter


class ConformancePlugin:
    """The state of one pytest session (under xdist: the controller's, and each worker's own)."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.worker: str | None = getattr(config, "workerinput", {}).get("workerid")
        self._run: Executor | None = None
        self._results: ResultsLog | None = None
        self._allure: AllureReporter | None = None
        self._selected: set[str] = set()
        self._timing: list[dict[str, Any]] = []
        self._expected: list[str] = []

    @property
    def folder(self) -> Path:
        """Evidence folder of this run; the controller chooses it for its workers."""
        given: Path | None = self.config.getoption("--out")
        if self.worker:
            given = Path(self.config.workerinput["gatebench_out"])  # type: ignore[attr-defined]
        if given is None:
            stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%d-%H%M%S")
            name = f"{Path(self.config.getoption('--target')).stem}-{stamp}-{uuid.uuid4().hex[:4]}"
            given = Path("gatebench-out") / name
            self.config.option.out = given
        return given

    @property
    def run(self) -> Executor:
        """The run, created on first use: sessions without scenarios do not start it. Ends the session on invalid input."""
        if self._run is None:
            name = f"transcript-{self.worker}.jsonl" if self.worker else "transcript.jsonl"
            try:
                registry = loaded()
                expected: Path | None = self.config.getoption("--expectations")
                self._run = Executor(
                    self.config.getoption("--target"),
                    self.folder,
                    registry,
                    self.config.getoption("--sheet"),
                    transcript_name=name,
                    expectations=Expectations.load(expected, registry) if expected else Expectations(),
                    plays_of_failures=max(1, self.config.getoption("--plays-of-failures")),
                    direct_first=self.config.getoption("--direct"),
                    smoke_first=not self.config.getoption("--no-smoke"),
                    world=self.config.getoption("--world"),
                    upstream=self.config.getoption("--upstream"),
                    budget_seconds=self.config.getoption("--budget"),
                )
            except BenchError as error:
                self._stop(error)
        assert self._run is not None  # noqa: S101 - _stop does not return
        return self._run

    @property
    def results(self) -> ResultsLog:
        """The results of this session (controller only)."""
        if self._results is None:
            try:
                self._results = ResultsLog(self.folder, self.run)
            except OSError as error:
                why = f"cannot write to {self.folder}: {error.strerror}; choose another folder with --out"
                self._stop(BenchError(why))
        assert self._results is not None  # noqa: S101 - _stop does not return
        return self._results

    def _stop(self, error: BenchError) -> None:
        self.config.stash[STOPPED] = str(error)
        pytest.exit(visible(f"gatebench: {error}"), returncode=2)

    def _fail(self, error: HarnessError) -> None:
        self.config.stash[FAILED] = str(error)
        pytest.exit(visible(f"gatebench: {error}"), returncode=3)

    # -- collection

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Deselect invalid combinations, mark each item with its requirement's group, and order the items by module."""
        kept: list[pytest.Item] = []
        items.sort(key=lambda item: item.path.name if ScenarioItem.of(item) else "")  # the folders do not count
        scenarios = [ScenarioItem.of(item) for item in items]
        if not any(scenarios):
            return
        early = preselection.of(self.config)
        every = early.scenarios() if early else {one.name: one for one in scenarios if one}.values()
        unplayed = omitted_scenarios(every, self.run.claims)  # which ones does not depend on what is selected
        for item, scenario in zip(items, scenarios, strict=True):
            if scenario is None:
                kept.append(item)
            elif scenario.wanted() and self.run.claims.reach(scenario.name) and scenario.name not in unplayed:
                kept.append(item)
                for mark in self._marks(scenario):
                    item.add_marker(mark)
        items[:] = kept

    def _marks(self, scenario: ScenarioItem) -> Iterator[pytest.MarkDecorator]:
        if scenario.requirement not in self.run.registry:
            raise pytest.UsageError(
                f"{scenario.name} is judged by {scenario.requirement}, which is not in the registry"
            )
        requirement = self.run.registry[scenario.requirement]
        yield getattr(pytest.mark, requirement.group)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Record what was selected: only that can be missing."""
        scenarios = [scenario for item in session.items if (scenario := ScenarioItem.of(item))]
        self._selected = {scenario.requirement for scenario in scenarios}
        if scenarios:
            self.run.expect(len({scenario.name for scenario in scenarios}), worlds=_worlds())
            _write_safely(self.config)
        if scenarios and not self.worker and not self.config.option.collectonly:
            self.results.begin(self._selected, len(scenarios), collect_scenarios(), narrowing_of(self.config))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Record the same if xdist's workers collect (all of them the same items), until the first result comes."""
        # The id of an ordinary test may end as a scenario's does; its file distinguishes them.
        scenarios = {file for file in {name.partition("::")[0] for name in ids} if is_scenario_file(self.config, file)}
        named = [name for name in ids if name.partition("::")[0] in scenarios]
        self._expected = [match[1] for name in named if (match := REQUIREMENT_ID.search(name))]
        if self._expected:
            _write_safely(self.config)
        if self._expected and self._results is None:
            self._selected = set(self._expected)
            self.results.begin(self._selected, len(self._expected), collect_scenarios(), narrowing_of(self.config))

    # -- execution

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Evaluate instead of calling: the function is the scenario's traffic."""
        scenario = ScenarioItem.of(pyfuncitem)
        if scenario is None:
            return None
        judgement = self._judge(scenario, pyfuncitem)
        pyfuncitem.stash[JUDGEMENT] = judgement
        self._narrate(judgement)
        if judgement.outcome in FAILURES:
            pytest.fail(explanation(judgement), pytrace=False)
        if judgement.outcome == "harness-error":
            raise HarnessError(visible(judgement.reason))
        if judgement.outcome in UNJUDGED:
            pytest.skip(visible(f"{judgement.outcome}: {judgement.reason}"))
        return True

    def _narrate(self, judgement: CheckResult) -> None:
        """Report to Allure, if its plugin is active."""
        if not self.config.getoption("allure_report_dir", None):
            return
        if self._allure is None:
            from gatebench.conformance.pytest_plugin.allure import AllureReporter  # noqa: PLC0415 - optional dependency

            listener: Any = self.config.pluginmanager.get_plugin("allure_listener")
            self._allure = AllureReporter(self.run, listener.allure_logger)
        self._allure.add(judgement)

    def _judge(self, scenario: ScenarioItem, item: pytest.Function) -> CheckResult:
        requirement = self.run.registry[scenario.requirement]
        needed = features_of(scenario.params) | set(scenario.needs)
        not_applicable = self.run.not_claimed(requirement, scenario.name, needed)
        if not_applicable:
            return not_applicable

        async def traffic(context: Any) -> None:
            await item.obj(scenario=context, **scenario.params)

        if "mode" in scenario.params:
            fastmcp_client.load()
        try:
            return self.run.judge(scenario.name, scenario.params, traffic, requirement)
        except BenchError as error:
            self._stop(error)
        except HarnessError as error:
            self._fail(error)
        raise AssertionError("pytest.exit does not return")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the result to the report, which xdist's workers send to the controller."""
        report = yield
        if ScenarioItem.of(item) is not None:  # libraries log a gateway's responses
            report.sections = [(title, visible_lines(text)) for title, text in report.sections]
        judgement = item.stash.get(JUDGEMENT, None)
        if judgement is not None and call.when == "call":
            vars(report)["gatebench"] = self._to_json(judgement)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write each result as it comes."""
        judgement = getattr(report, "gatebench", None)
        if judgement and not self.worker:
            try:
                self.results.add(judgement)
            except BenchError as error:
                self._stop(error)
            except HarnessError as error:
                self._fail(error)

    # -- the end

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Sweep the whole transcript, stop the bench, write the footer."""
        if self._run is None:
            return
        try:
            swept = self._run.sweep(self._selected)
        except HarnessError as error:
            swept, session.exitstatus = [], 3
            self.config.stash[FAILED] = str(error)
        timing = self._timing + self._run.timing
        self._run.close(whole=session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED))
        if self.worker:
            output = self.config.workeroutput  # type: ignore[attr-defined]
            output["gatebench"] = [self._to_json(judgement) for judgement in swept]
            output["gatebench_stopped"] = self.config.stash.get(STOPPED, None)
            output["gatebench_failed"] = self.config.stash.get(FAILED, None)
            output["gatebench_timing"] = timing
            return
        if self._results is None:
            return
        for judgement in swept:
            self._results.add(self._to_json(judgement))
        stopped = self.config.stash.get(STOPPED, None) or self.config.stash.get(FAILED, None)
        cache = getattr(self.config, "cache", None)  # None without pytest's cacheprovider
        counts = cache.get(FLAKY, {}) if cache else {}
        narrowed = narrowing_of(self.config) is not None
        counts = self._results.finish(stopped=stopped, timing=timing, narrowed=narrowed, counts=as_object(counts))
        if cache and counts:
            cache.set(FLAKY, counts)
        allure_folder = self.config.getoption("allure_report_dir", None)
        if allure_folder:
            from gatebench.conformance.pytest_plugin.allure import write_environment  # noqa: PLC0415 - optional dependency

            write_environment(Path(allure_folder), self.run.target_name, self._results.totals())
        if self._results.red and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if not self._results.judged and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED

    def _to_json(self, judgement: CheckResult) -> dict[str, Any]:
        """Return the written form of a result, with the transcript that its line numbers refer to."""
        return {**judgement.to_json(), "transcript": self.run.transcript_name}

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send the evidence folder to an xdist worker."""
        node.workerinput["gatebench_out"] = str(self.folder.resolve())

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Collect the results of a worker's sweep, and the start-up time of its world."""
        output = getattr(node, "workeroutput", {})
        for judgement in output.get("gatebench", []):
            self.results.add(judgement)
        self._timing += output.get("gatebench_timing", [])
        if output.get("gatebench_stopped"):
            self._stop(BenchError(output["gatebench_stopped"]))
        if output.get("gatebench_failed"):
            self._fail(HarnessError(output["gatebench_failed"]))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print where the evidence is."""
        if self._results is not None and not self.worker:
            terminalreporter.section("gatebench")
            counts = "  ".join(f"{name} {count}" for name, count in self._results.totals().items() if count)
            terminalreporter.write_line(f"requirements: {counts}")
            terminalreporter.write_line(f"evidence: {os.path.relpath(self.folder)}")


JUDGEMENT = pytest.StashKey[CheckResult]()
STOPPED = pytest.StashKey[str]()
FAILED = pytest.StashKey[str]()  # an error of the bench
FLAKY = "gatebench/flaky"  # in pytest's cache: how often the flaky entries of expectations were played, and failed


def _worlds() -> int:
    """Return how many worlds share the scenarios: one for each worker of xdist."""
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def _write_safely(config: pytest.Config) -> None:
    """Escape everything that pytest prints from here on: a gateway's text is no command to a terminal or CI runner."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    writer = getattr(reporter, "_tw", None)  # pytest has no public access to it
    stream = getattr(writer, "_file", None)
    if writer is not None and stream is not None and not isinstance(stream, SafeStream):
        writer._file = SafeStream(stream, colours=bool(writer.hasmarkup))  # noqa: SLF001
