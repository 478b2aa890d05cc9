"""The load of a profile, phase by phase or step by step, on any gateway."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

from gatebench.fixtures.errors import BenchError, HarnessError
from gatebench.fixtures.processes.child import pinned_to
from gatebench.load.analysis import metrics, validity
from gatebench.load.analysis.saturation import SaturationSearch
from gatebench.load.experiments import workload as workloads
from gatebench.load.experiments.profile_data import ProfileData
from gatebench.load.experiments.workload import Plans
from gatebench.load.generator.process import GeneratorProcess
from gatebench.load.plan.plan import Plan
from gatebench.load.profiles.profiles import Phase
from gatebench.load.results.generator_result import Result
from gatebench.load.results.report_model import EndedBy, Knee, RatePoint

INTERRUPTED = "interrupted"
STEPS = 12  # typical number of steps of a search
MIN_STEP = 2.0  # seconds

ProgressCallback = Callable[[str, dict[str, Any]], None]
"""Called once a second with the current phase and the progress of the generator (see `gatebench.load.generator.main`)."""


class RunStopped(Exception):  # noqa: N818 - control flow, not an error
    """End the run and keep the results so far."""


class PhaseRun:
    """The phases or the search of one profile; results go to `measured`. `cores`: the CPUs of the generator (None: any)."""

    def __init__(
        self, plans: Plans, measured: ProfileData, on_progress: ProgressCallback, cores: tuple[int, ...] | None = None
    ) -> None:
        self._task = measured.task
        self._workload = plans
        self._measured = measured
        self._on_progress = on_progress
        self._cores = cores

    def load(self) -> None:
        """Generate the load. Raises RunStopped if it ends early."""
        if self._task.profile.search:
            self._search()
        else:
            self._phases()

    @contextmanager
    def in_phase(self, phase: Phase) -> Iterator[None]:  # noqa: ARG002 - for subclasses
        """Set the conditions of a phase while the block runs; without upstreams of gatebench, there are none."""
        yield

    def require(self, result: Result) -> None:
        """Stop if a process has ended that is needed for the next phase; `result` is that of the last phase."""

    def _phases(self) -> None:
        for phase, plan in workloads.phases(self._task.profile, self._task.options, self._workload):
            with self.in_phase(phase):
                result = self._checked(phase.name or "load", plan())
            self._measured.results.append(result)
            if not phase.condition and (silent := metrics.silent(result)):
                self.stop(silent, "gateway")

    def _checked(self, what: str, plan: Plan) -> Result:
        """Run a plan; if it or a process has ended meanwhile, keep the result and stop."""
        result = self.play(what, plan)
        self.require(result)
        if result.ended == "gave up":
            self._measured.results.append(result)
            self.stop(metrics.unanswered(result) or "the gateway stopped responding during the load", "gateway")
        if result.ended != "complete":
            self._measured.results.append(result)
            self.stop(f"the load did not complete: {result.ended}", "bench")
        return result

    def play(self, what: str, plan: Plan, *, keep: bool = True) -> Result:
        """Run a plan; with `keep`, an interrupted one keeps its results so far."""
        with pinned_to(self._cores):
            generator = GeneratorProcess(plan, lambda facts: self._on_progress(what, facts))
        with generator:
            try:
                return generator.finish()[0]
            except KeyboardInterrupt:
                with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C; the generator is already stopping
                    generator.stop()
                with contextlib.suppress(BenchError, HarnessError):  # it may have stopped without any result
                    result = generator.finish()[0]
                    if keep:
                        self._measured.results.append(result)
                self.stop(INTERRUPTED, "interruption")
        raise AssertionError("a generator that does not finish raises an error")

    def stop(self, why: str, by: EndedBy) -> None:
        """End the run and keep the results so far."""
        self._measured.stopped, self._measured.ended_by = why, by
        raise RunStopped(why)

    # -- the search for the knee

    def _search(self) -> None:
        seconds = max(self._task.options.seconds / STEPS, MIN_STEP)
        search = SaturationSearch(lambda rate: self._point(rate, seconds), self._task.options.rate)
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
        result = self._checked(f"{rate:.0f} per second", self._workload.step(self._task.options, rate, seconds))
        first = not self._measured.results
        self._measured.results.append(result)
        if first and (none := metrics.unanswered(result)):
            self.stop(none, "gateway")
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
        ceiling = self._measured.ceiling
        cpu = result.machine.cpu_seconds / max(result.machine.wall_seconds, 1e-9) / max(result.machine.processes, 1)
        if ceiling is not None and rate > validity.OF_CEILING * ceiling:
            return f"the ceiling of the bench is {ceiling:.0f}/s: generator and upstream would be the bottleneck"
        if cpu > validity.GENERATOR_CPU:
            return f"the generator was CPU-bound ({cpu:.0%} of a core): use more workers"
        if lag_us > max(validity.LAG_P99_US, validity.LAG_SHARE * p99_us):
            return f"scheduling lag was {lag_us / 1e3:.1f} ms at p99"
        return None
