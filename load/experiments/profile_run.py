"""Run one profile: measure the ceiling of the bench, generate the load, record resources and counters."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from typing import Any

import httpx

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.processes.child import pinned_to
from gatebench.load.analysis import metrics, summary, validity
from gatebench.load.analysis.saturation import SaturationSearch
from gatebench.load.experiments import workload as workloads
from gatebench.load.experiments.profile_data import LoadRunRequest, ProfileData
from gatebench.load.experiments.workload import Workload
from gatebench.load.generator.process import GeneratorProcess
from gatebench.load.plan.plan import Plan
from gatebench.load.profiles.profiles import Condition, Phase
from gatebench.load.results.generator_result import Result
from gatebench.load.results.report_model import EndedBy, Knee, RatePoint
from gatebench.load.testbed import bench as benches
from gatebench.load.testbed.bench import LOST, LoadBench, LoadedGateway
from gatebench.load.testbed.callers import CallerPool
from gatebench.load.testbed.host import HostCpuSample
from gatebench.load.testbed.process_stats import ResourceSampler, settle
from gatebench.load.testbed.upstream_counters import UpstreamCounters

SETTLES = 5.0  # seconds within which sessions and connections at the upstreams must close after the load
INTERRUPTED = "interrupted"
STEPS = 12  # typical number of steps of a search
MIN_STEP = 2.0  # seconds

ProgressCallback = Callable[[str, dict[str, Any]], None]
"""Called once a second with the current phase and the progress of the generator (see `gatebench.load.generator.main`)."""


class RunStopped(Exception):  # noqa: N818 - control flow, not an error
    """End the run and keep the results so far."""


def measure(task: LoadRunRequest, on_progress: ProgressCallback) -> ProfileData:
    """Run a profile against a target. Raises BenchError if it cannot begin; later failures are in the returned data."""
    measured = ProfileData(task)
    try:
        _measure(measured, on_progress)
    except KeyboardInterrupt:  # during shutdown
        if not measured.results:
            raise
        measured.ended_by = "interruption"
    except LOST as error:
        _lost(measured, error)
    return measured


def _lost(measured: ProfileData, error: Exception) -> None:
    """Record that a part of the bench is lost. Raises the error if there are no results."""
    if not measured.results:
        raise error
    if measured.stopped is None:
        measured.stopped, measured.ended_by = f"a part of the bench was lost: {error}", "bench"


def _measure(measured: ProfileData, on_progress: ProgressCallback) -> None:
    task, profile = measured.task, measured.task.profile
    crowd = CallerPool(profile.crowd.users, profile.crowd.externals)
    with benches.running_load_bench(profile, stored=task.stored) as bench, ExitStack() as conditions:
        measured.redact = bench.secrets.redact
        for condition in profile.prepare:
            conditions.enter_context(in_condition(bench, condition))
        gateway = bench.start(task.target)
        measured.gateway = f"{gateway.target.name} {gateway.target.descriptor.gateway.version}".strip()
        measured.called, left_out = workloads.choose_operations(
            profile, task.able, gateway.target.descriptor.claims.revisions
        )
        measured.notes += [bench.pinning.note, *left_out]
        for server, names in workloads.consents_of(profile, measured.called).items():
            gateway.consent(names, [server])
        workload = Workload(profile, measured.called, gateway, crowd)
        run = ProfileRun(bench, gateway, workload, measured, on_progress)
        try:
            run.everything()
        except RunStopped:
            pass
        except LOST as error:
            _lost(measured, error)
        except KeyboardInterrupt:  # between two load phases
            if not measured.results:
                raise
            measured.stopped, measured.ended_by = measured.stopped or INTERRUPTED, "interruption"
        finally:
            if not bench.learn_minted():
                measured.forget_exchanges()


@contextmanager
def in_condition(bench: LoadBench, condition: Condition) -> Iterator[None]:
    """Apply a condition while the block runs."""
    bench.set(condition.mock, condition.method, condition.path, condition.body)
    try:
        yield
    finally:
        if condition.undo is not None:
            with contextlib.suppress(httpx.TransportError):  # a mock that has ended has nothing to undo
                bench.set(condition.mock, condition.undo.method, condition.undo.path, condition.undo.body)


class ProfileRun:
    """One profile run on a running bench."""

    def __init__(
        self,
        bench: LoadBench,
        gateway: LoadedGateway,
        workload: Workload,
        measured: ProfileData,
        on_progress: ProgressCallback,
    ) -> None:
        self._task = measured.task
        self._bench = bench
        self._gateway = gateway
        self._workload = workload
        self._measured = measured
        self._on_progress = on_progress

    def everything(self) -> None:
        """Measure the ceiling, generate the load, check released resources. Raises RunStopped if it ends early."""
        self._calibrate()
        before, weather = self._bench.counted(), HostCpuSample.now()
        try:
            with self._watched():
                if self._task.profile.search:
                    self._search()
                else:
                    self._phases()
        except LOST as error:
            _lost(self._measured, error)  # now, because it causes whatever fails in `_look_back`
            raise
        finally:
            self._measured.weather = (weather, HostCpuSample.now())
            self._look_back(before)

    def _calibrate(self) -> None:
        result = self._play("ceiling of the bench", self._workload.calibration(self._task.terms), keep=False)
        right = result.count(outcome="ok")
        if not right:
            said = ", ".join(sorted({cell.outcome for cell in result.cells})) or "no response"
            raise BenchError(f"the bench cannot reach its own upstream ({said}); the gateway is not the cause")
        self._measured.ceiling = right / result.seconds

    @contextmanager
    def _watched(self) -> Iterator[None]:
        tree = self._gateway.tree
        if tree is None:
            self._measured.notes.append("the gateway does not run on this machine: its CPU and memory are not measured")
            yield
            return
        self._measured.before = tree.sample()
        with ResourceSampler(tree) as watch:
            try:
                yield
            finally:
                self._measured.samples = summary.placed(watch.samples, self._measured.everything, tree.second)

    def _phases(self) -> None:
        for phase, plan in workloads.phases(self._task.profile, self._task.terms, self._workload):
            with self._conditions(phase):
                result = self._checked(phase.name or "load", plan())
            self._measured.results.append(result)
            if not phase.condition and (silent := metrics.silent(result)):
                self._stop(silent, "gateway")

    @contextmanager
    def _conditions(self, phase: Phase) -> Iterator[None]:
        with ExitStack() as stack:
            for condition in phase.condition:
                stack.enter_context(in_condition(self._bench, condition))
            yield

    def _checked(self, what: str, plan: Plan) -> Result:
        """Run a plan; if a process has ended meanwhile, keep the result and stop. Checks processes of the bench first."""
        result = self._play(what, plan)
        try:
            self._bench.far_end.require()
        except LOST as error:
            self._measured.results.append(result)
            _lost(self._measured, error)
            raise
        if not self._alive(result):
            self._measured.results.append(result)
            self._stop("the gateway's process ended during the load", "gateway")
        if result.ended == "gave up":
            self._measured.results.append(result)
            self._stop("the gateway stopped responding during the load", "gateway")
        if result.ended != "complete":
            self._measured.results.append(result)
            self._stop(f"the load did not complete: {result.ended}", "bench")
        return result

    def _alive(self, result: Result) -> bool:
        """Return True if the gateway runs. If the bench itself is lost, keep the result and raise."""
        try:
            return self._gateway.alive()
        except LOST as error:
            self._measured.results.append(result)
            _lost(self._measured, error)
            raise

    def _play(self, what: str, plan: Plan, *, keep: bool = True) -> Result:
        """Run a plan; with `keep`, an interrupted one keeps its results so far."""
        with pinned_to(self._bench.pinning.generator):
            player = GeneratorProcess(plan, lambda facts: self._on_progress(what, facts))
        with player:
            try:
                return player.finish()[0]
            except KeyboardInterrupt:
                with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C; the generator is already stopping
                    player.stop()
                with contextlib.suppress(*LOST):  # it may have stopped without any result
                    result = player.finish()[0]
                    if keep:
                        self._measured.results.append(result)
                self._stop(INTERRUPTED, "interruption")
        raise AssertionError("a player that does not finish raises")

    def _stop(self, why: str, by: EndedBy) -> None:
        self._measured.stopped, self._measured.ended_by = why, by
        raise RunStopped(why)

    # -- the search for the knee

    def _search(self) -> None:
        seconds = max(self._task.terms.seconds / STEPS, MIN_STEP)
        search = SaturationSearch(lambda rate: self._point(rate, seconds), self._task.terms.rate)
        try:
            self._measured.knee = search.run()
        finally:
            # Steps beyond the plateau are reported as points only: mixed into the latencies, they would describe no real load.
            pairs = list(zip_longest(self._measured.results, (point.plateau for point in search.points)))
            if any(plateau for _, plateau in pairs) or not self._measured.stopped:
                self._measured.results = [result for result, plateau in pairs if plateau]
                self._measured.beyond = [result for result, plateau in pairs if not plateau]
            if self._measured.knee is None and search.points:
                self._measured.knee = Knee(points=search.points, rate=None, said="the search did not complete")

    def _point(self, rate: float, seconds: float) -> RatePoint:
        result = self._checked(f"{rate:.0f} per second", self._workload.step(self._task.terms, rate, seconds))
        first = not self._measured.results
        self._measured.results.append(result)
        if first and (none := metrics.unanswered(result)):
            self._stop(none, "gateway")
        whole = result.whole_calls()
        well = whole.total("response", arm="gateway", outcome="ok")
        p99 = well.quantile(0.99) if well.count else 0.0
        calls = whole.count() - whole.count(outcome="unfinished")
        return RatePoint(
            offered=result.counts.offered / max(result.seconds, 1e-9),
            done=metrics.answered_in_time(whole) / max(result.seconds, 1e-9),
            calls=calls,
            failed=calls - whole.count(outcome="ok"),
            p50_us=well.quantile(0.5) if well.count else 0.0,
            p99_us=p99,
            plateau=False,
            void=self._void(rate, result, p99),
        )

    def _void(self, rate: float, result: Result, p99_us: float) -> str | None:
        """Return why a step is void; None if it is valid."""
        lag = result.whole_calls().total("lag")
        lag_us = lag.quantile(0.99) if lag.count else 0.0
        ceiling = self._measured.ceiling or 0.0
        cpu = result.machine.cpu_seconds / max(result.machine.wall_seconds, 1e-9) / max(result.machine.processes, 1)
        if rate > validity.OF_CEILING * ceiling:
            return f"the ceiling of the bench is {ceiling:.0f}/s: generator and upstream would be the bottleneck"
        if cpu > validity.GENERATOR_CPU:
            return f"the generator was CPU-bound ({cpu:.0%} of a core): use more workers"
        if lag_us > max(validity.LAG_P99_US, validity.LAG_SHARE * p99_us):
            return f"scheduling lag was {lag_us / 1e3:.1f} ms at p99"
        return None

    # -- afterwards

    def _look_back(self, before: UpstreamCounters) -> None:
        """Read counters, and check that sessions, sockets, memory and CPU are released."""
        measured = self._measured
        with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C skips the rest
            tree = self._gateway.tree
            if tree is not None and measured.before is not None:
                measured.after, measured.settled = settle(tree, measured.before)
            measured.counted = self._bench.counted().since(before)
            measured.left_open = self._open_after(before)

    def _open_after(self, before: UpstreamCounters) -> dict[str, int]:
        """Return the sessions and connections still open at the upstreams; waits up to SETTLES seconds for them to close."""
        ends = time.monotonic() + (0.0 if self._measured.ended_by == "interruption" else SETTLES)
        while True:
            left = self._bench.counted().open_since(before)
            if left["sessions"] <= 0 or time.monotonic() >= ends:
                return left
            time.sleep(0.25)
