"""The pytest plugin: `pytest conformance/scenarios --target TARGET`, with every habit of pytest (-k, -x, --junitxml, -n).

One item is one requirement judged on one scenario; a scenario's traffic is made once, when its first item runs.
"""

import datetime as dt
import os
import re
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance.items import PARAMETER, ScenarioItem, explanation
from fixtures.errors import BenchError, HarnessError

if TYPE_CHECKING:
    from conformance.allure_story import Narrator
    from conformance.results import Results
    from conformance.run import Run
    from conformance.verdict import Judgement

_REQUIREMENT = re.compile(r"-([A-Z]{3,4}-\d{3})\]$")  # the last part of a scenario item's id
SCENARIOS = Path(__file__).parent / "scenarios"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a run."""
    group = parser.getgroup("gatebench", "gatebench: MCP gateway conformance")
    group.addoption(
        "--target", default="reference", help="gateway under test: a shipped name or the path of a descriptor"
    )
    group.addoption("--sheet", type=Path, default=None, help="stand up the world of this stored setup sheet")
    group.addoption(
        "--world",
        choices=("embedded", "lean", "containers", "existing"),
        default=None,
        help="who serves the mocks: this process (lean: with the server of load), containers, or whoever --sheet speaks of",
    )
    group.addoption("--expectations", type=Path, default=None, help="file of known failures and skips, with reasons")
    group.addoption(
        "--plays-of-failures", type=int, default=3, help="how often a failing scenario is played in all, to classify it"
    )
    group.addoption(
        "--no-smoke", action="store_true", help="judge even what fails smoke: only to put the bench on trial"
    )
    group.addoption("--direct", action="store_true", help="ask the upstream alone first, where a requirement allows it")
    group.addoption(
        "--out", type=Path, default=None, help="folder for the transcript and the verdicts (default: a new one)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "judged_by(wanted, needs): the requirements that a scenario's traffic is judged by"
    )
    for path in sorted((Path(__file__).parent / "requirements").glob("*.toml")):
        config.addinivalue_line("markers", f"{path.stem}: requirements of the group {path.stem}")
    config.pluginmanager.register(Conformance(config), "gatebench-conformance")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """One stored world cannot stand twice."""
    if getattr(config.option, "numprocesses", None) and config.option.sheet:
        raise pytest.UsageError("--sheet describes one world, and -n needs one for each worker; leave one of them out")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Under xdist, the items of a scenario stay on one worker, so that its traffic is made once.

    (Not by xdist's own groups: xdist 3.8 writes them into an attribute that pytest 9.2 no longer reads.)
    """
    if not any(Path(argument.partition("::")[0]).resolve().is_relative_to(SCENARIOS) for argument in config.args):
        return None
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # noqa: PLC0415

    class ScenarioScheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return _REQUIREMENT.sub("", nodeid)

    return ScenarioScheduling(config, log)


class Conformance:
    """The state of one pytest session (under xdist: the controller's, and each worker's own)."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.worker: str | None = getattr(config, "workerinput", {}).get("workerid")
        self._run: Run | None = None
        self._results: Results | None = None
        self._narrator: Narrator | None = None
        self._selected: set[str] = set()
        self._timing: list[dict[str, Any]] = []
        self._expected: list[str] = []

    @property
    def folder(self) -> Path:
        """Where this run writes; the controller chooses it for its workers."""
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
    def run(self) -> "Run":
        """The run; made on first use, so that sessions without scenarios pay nothing. Ends the session on bad input."""
        if self._run is None:
            # Imported here because this plugin is loaded into every pytest session of an environment.
            from conformance.expectations import Expectations  # noqa: PLC0415
            from conformance.registry import Registry  # noqa: PLC0415
            from conformance.run import Run  # noqa: PLC0415

            name = f"transcript-{self.worker}.jsonl" if self.worker else "transcript.jsonl"
            try:
                registry = Registry()
                expected: Path | None = self.config.getoption("--expectations")
                self._run = Run(
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
                )
            except BenchError as error:
                self._stop(error)
        assert self._run is not None  # noqa: S101 - _stop does not return
        return self._run

    @property
    def results(self) -> "Results":
        """The verdicts of this session (controller only)."""
        if self._results is None:
            from conformance.results import Results  # noqa: PLC0415

            try:
                self._results = Results(self.folder, self.run)
            except OSError as error:
                why = f"cannot write to {self.folder}: {error.strerror}; choose another folder with --out"
                self._stop(BenchError(why))
        assert self._results is not None  # noqa: S101 - _stop does not return
        return self._results

    def _stop(self, error: BenchError) -> None:
        self.config.stash[STOPPED] = str(error)
        pytest.exit(f"gatebench: {error}", returncode=2)

    def _fail(self, error: HarnessError) -> None:
        self.config.stash[FAILED] = str(error)
        pytest.exit(f"gatebench: {error}", returncode=3)

    # -- collection

    def pytest_make_parametrize_id(self, val: object, argname: str) -> str | None:
        """Principals and servers show what they stand for: `user.alice`, `oauth.mail`, `virtual.workbench`."""
        from fixtures import standard  # noqa: PLC0415

        if argname in ("principal", "other", "control") and val in standard.PRINCIPALS:
            return f"{standard.PRINCIPALS[str(val)].kind}.{val}"
        if argname == "server" and val in standard.UPSTREAMS:
            return f"{standard.UPSTREAMS[str(val)].model}.{val}"
        if argname == "server" and val in standard.VIRTUAL_SERVERS:
            return f"virtual.{val}"
        return f"fastmcp.{val}" if argname == "mode" else None

    @pytest.hookimpl(trylast=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One item for each requirement of a scenario."""
        mark = metafunc.definition.get_closest_marker("judged_by")
        if mark:
            metafunc.fixturenames.append(PARAMETER)
            metafunc.parametrize(PARAMETER, list(mark.kwargs["wanted"]))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Drop combinations that make no sense, and mark each item with its requirement's group."""
        kept: list[pytest.Item] = []
        for item in items:
            scenario = ScenarioItem.of(item)
            if scenario is None:
                kept.append(item)
            elif scenario.wanted() and self.run.claims.reach(scenario.name):
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
        """Remember what was selected: only that can be missed."""
        scenarios = [scenario for item in session.items if (scenario := ScenarioItem.of(item))]
        self._selected = {scenario.requirement for scenario in scenarios}
        if scenarios and not self.worker and not self.config.option.collectonly:
            self.results.begin(self._selected, len(scenarios))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Remember the same where xdist's workers collect (all of them the same), until the first judgement comes."""
        self._expected = [match[1] for name in ids if (match := _REQUIREMENT.search(name))]

    # -- running

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Judge instead of calling: the function is the scenario's traffic."""
        scenario = ScenarioItem.of(pyfuncitem)
        if scenario is None:
            return None
        judgement = self._judge(scenario, pyfuncitem)
        pyfuncitem.stash[JUDGEMENT] = judgement
        self._narrate(judgement)
        if judgement.outcome in ("fail", "untestable"):
            pytest.fail(explanation(judgement), pytrace=False)
        if judgement.outcome == "harness-error":
            raise HarnessError(judgement.reason)
        if judgement.outcome in ("not-applicable", "not-observed", "skipped"):
            pytest.skip(f"{judgement.outcome}: {judgement.reason}")
        return True

    def _narrate(self, judgement: "Judgement") -> None:
        """Tell Allure, where its plugin has been asked for a report."""
        if not self.config.getoption("allure_report_dir", None):
            return
        if self._narrator is None:
            from conformance.allure_story import Narrator  # noqa: PLC0415

            self._narrator = Narrator(self.run)
        self._narrator.tell(judgement)

    def _judge(self, scenario: ScenarioItem, item: pytest.Function) -> "Judgement":
        from conformance.features import features_of  # noqa: PLC0415

        requirement = self.run.registry[scenario.requirement]
        needed = features_of(scenario.params) | set(scenario.needs)
        not_applicable = self.run.not_claimed(requirement, scenario.name, needed)
        if not_applicable:
            return not_applicable

        async def traffic(context: Any) -> None:
            await item.obj(scenario=context, **scenario.params)

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
        """Attach the judgement to the report, so that it crosses from xdist's workers to the controller."""
        report = yield
        judgement = item.stash.get(JUDGEMENT, None)
        if judgement is not None and call.when == "call":
            vars(report)["gatebench"] = self._told(judgement)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write each judgement down as it comes."""
        judgement = getattr(report, "gatebench", None)
        if judgement and not self.worker:
            if self._results is None:
                self._selected = set(self._expected)
                self.results.begin(self._selected, len(self._expected))
            self.results.add(judgement)

    # -- the end

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Sweep the whole transcript, stop the bench, conclude."""
        if self._run is None:
            return
        swept = self._run.sweep(self._selected)
        timing = self._timing + [event for event in self._run.events if event["kind"] == "timing"]
        self._run.close(whole=session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED))
        if self.worker:
            output = self.config.workeroutput  # type: ignore[attr-defined]
            output["gatebench"] = [self._told(judgement) for judgement in swept]
            output["gatebench_stopped"] = self.config.stash.get(STOPPED, None)
            output["gatebench_failed"] = self.config.stash.get(FAILED, None)
            output["gatebench_timing"] = timing
            return
        if self._results is None:
            return
        for judgement in swept:
            self._results.add(self._told(judgement))
        stopped = self.config.stash.get(STOPPED, None) or self.config.stash.get(FAILED, None)
        self._results.finish(stopped=stopped, timing=timing, narrowed=self._narrowed())
        if self._results.red and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if not self._results.judged and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED

    def _told(self, judgement: "Judgement") -> dict[str, Any]:
        """A judgement as it is written down, with the transcript that its line numbers mean."""
        return {**judgement.to_json(), "transcript": self.run.transcript_name}

    def _narrowed(self) -> bool:
        """True when less than everything was asked for: then silence proves nothing about an expectation."""
        option = self.config.option
        asked = {Path(argument).resolve() for argument in self.config.args}
        return bool(option.keyword or option.markexpr or getattr(option, "lf", False) or asked != {SCENARIOS})

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of xdist where the run writes."""
        node.workerinput["gatebench_out"] = str(self.folder.resolve())

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Collect what a worker's sweep found, and how long its world took to start."""
        output = getattr(node, "workeroutput", {})
        for judgement in output.get("gatebench", []):
            self.results.add(judgement)
        self._timing += output.get("gatebench_timing", [])
        if output.get("gatebench_stopped"):
            self._stop(BenchError(output["gatebench_stopped"]))
        if output.get("gatebench_failed"):
            self._fail(HarnessError(output["gatebench_failed"]))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say where the evidence is."""
        if self._results is not None and not self.worker:
            terminalreporter.section("gatebench")
            counts = "  ".join(f"{name} {count}" for name, count in self._results.totals().items() if count)
            terminalreporter.write_line(f"requirements: {counts}")
            terminalreporter.write_line(f"evidence: {os.path.relpath(self.folder)}")


JUDGEMENT = pytest.StashKey["Judgement"]()
STOPPED = pytest.StashKey[str]()
FAILED = pytest.StashKey[str]()  # by our own fault
