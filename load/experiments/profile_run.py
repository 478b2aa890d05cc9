"""Run one profile: measure the ceiling of the bench, generate the load, record resources and counters."""

import contextlib
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx

from gatebench.fixtures.errors import BenchError
from gatebench.load.analysis import summary
from gatebench.load.experiments import workload as workloads
from gatebench.load.experiments.phase_run import INTERRUPTED, PhaseRun, ProgressCallback, RunStopped
from gatebench.load.experiments.profile_data import LoadRunRequest, ProfileData
from gatebench.load.experiments.workload import Workload
from gatebench.load.profiles.profiles import Condition, Phase
from gatebench.load.results.generator_result import Result
from gatebench.load.testbed import bench as benches
from gatebench.load.testbed.bench import LOST, LoadBench, LoadedGateway
from gatebench.load.testbed.callers import CallerPool
from gatebench.load.testbed.host import HostCpuSample
from gatebench.load.testbed.process_stats import ResourceSampler, settle
from gatebench.load.testbed.upstream_counters import UpstreamCounters

SETTLES = 5.0  # seconds within which sessions and connections at the upstreams must close after the load


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
    crowd = CallerPool(profile.crowd.users, profile.crowd.externals, profile.crowd.strangers)
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


class ProfileRun(PhaseRun):
    """One profile run on a running bench."""

    def __init__(
        self,
        bench: LoadBench,
        gateway: LoadedGateway,
        workload: Workload,
        measured: ProfileData,
        on_progress: ProgressCallback,
    ) -> None:
        super().__init__(workload, measured, on_progress, bench.pinning.generator)
        self._bench = bench
        self._gateway = gateway
        self._calibration = workload.calibration

    def everything(self) -> None:
        """Measure the ceiling, generate the load, check released resources. Raises RunStopped if it ends early."""
        self._calibrate()
        before, host_before = self._bench.counted(), HostCpuSample.now()
        try:
            with self._watched():
                self.load()
        except LOST as error:
            _lost(self._measured, error)  # now, because it causes whatever fails in `_check_release`
            raise
        finally:
            self._measured.host_samples = (host_before, HostCpuSample.now())
            self._check_release(before)

    def _calibrate(self) -> None:
        result = self.play("ceiling of the bench", self._calibration(self._task.options), keep=False)
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

    @contextmanager
    def in_phase(self, phase: Phase) -> Iterator[None]:
        """Set the conditions of a phase while the block runs."""
        with ExitStack() as stack:
            for condition in phase.condition:
                stack.enter_context(in_condition(self._bench, condition))
            yield

    def require(self, result: Result) -> None:
        """Stop if a process has ended; those of the bench are checked first. If the bench is lost, keep the result and raise."""
        try:
            self._bench.backend.require()
            alive = self._gateway.alive()
        except LOST as error:
            self._measured.results.append(result)
            _lost(self._measured, error)
            raise
        if not alive:
            self._measured.results.append(result)
            self.stop("the gateway's process ended during the load", "gateway")

    # -- afterwards

    def _check_release(self, before: UpstreamCounters) -> None:
        """Read counters, and check that sessions, sockets, memory and CPU are released."""
        measured = self._measured
        with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C skips the rest
            tree = self._gateway.tree
            peak = max((result.machine.in_flight_peak for result in measured.everything), default=0)
            if tree is not None and measured.before is not None:
                measured.after, measured.settled = settle(tree, measured.before, pooled=peak)
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
