"""One measured run of one profile: the bench measures itself, then the gateway, and what happened is told whole."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from typing import Any

import httpx

from fixtures.errors import BenchError
from load import bench as benches
from load import figures, summary, validity
from load import workload as workloads
from load.bench import LOST, Gateway, LoadBench
from load.callers import Crowd
from load.counters import Counted
from load.knee import Search
from load.machine import Weather
from load.measured import Measured, Task
from load.model import EndedBy, Knee, RatePoint
from load.pinning import on
from load.plan import Plan
from load.player import Player
from load.profiles import Condition, Phase, Profile
from load.resources import Watch, settle
from load.result import Result
from load.workload import Workload

SETTLES = 5.0  # seconds that sessions and connections at the upstreams get to go away after the load
INTERRUPTED = "interrupted"
STEPS = 12  # a search takes about so many

Tell = Callable[[str, dict[str, Any]], None]
"""Told once a second: what is being played, and the generator's own word on it (see `load.generator.run`)."""


class Stopped(Exception):  # noqa: N818 - it is no error of ours
    """The run ends here; what was measured is kept."""


def measure(task: Task, tell: Tell) -> Measured:
    """Run a profile against a target. Raises BenchError when it cannot begin; whatever happens later is in the answer."""
    measured = Measured(task)
    try:
        _measure(measured, tell)
    except KeyboardInterrupt:  # while everything is being ended
        if not measured.results:
            raise
        measured.ended_by = "interruption"
    except LOST as error:
        _lost(measured, error)
    return measured


def _lost(measured: Measured, error: Exception) -> None:
    """A part of the bench is gone: with nothing measured, that is all there is to tell."""
    if not measured.results:
        raise error
    if measured.stopped is None:
        measured.stopped, measured.ended_by = f"a part of the bench was lost: {error}", "bench"


def _measure(measured: Measured, tell: Tell) -> None:
    task, profile = measured.task, measured.task.profile
    crowd = Crowd(profile.crowd.users, profile.crowd.externals)
    with benches.standing(profile, stored=task.stored) as bench, ExitStack() as conditions:
        measured.redact = bench.secrets.redact
        for condition in profile.prepare:
            conditions.enter_context(held(bench, condition))
        gateway = bench.start(task.target)
        measured.gateway = f"{gateway.target.name} {gateway.target.descriptor.gateway.version}".strip()
        measured.called, left_out = workloads.choose(profile, task.able, gateway.target.descriptor.claims.revisions)
        measured.notes += [bench.pinning.said, *left_out]
        _consent(profile, gateway, {call.server for call in measured.called})
        workload = Workload(profile, measured.called, gateway, crowd)
        run = Run(bench, gateway, workload, measured, tell)
        try:
            run.everything()
        except Stopped:
            pass
        except LOST as error:
            _lost(measured, error)
        except KeyboardInterrupt:  # between two plays
            if not measured.results:
                raise
            measured.stopped, measured.ended_by = measured.stopped or INTERRUPTED, "interruption"
        finally:
            if not bench.learn_minted():
                measured.forget_exchanges()


def _consent(profile: Profile, gateway: Gateway, servers: set[str]) -> None:
    used = {member for server in servers for member in profile.members(server)}
    for server, names in profile.consents.items():
        if server in used:
            gateway.consent(names, [server])


@contextmanager
def held(bench: LoadBench, condition: Condition) -> Iterator[None]:
    """A condition for a while."""
    bench.set(condition.mock, condition.method, condition.path, condition.body)
    try:
        yield
    finally:
        if condition.undo is not None:
            with contextlib.suppress(httpx.TransportError):  # a mock that is gone has nothing to take back
                bench.set(condition.mock, condition.undo.method, condition.undo.path, condition.undo.body)


class Run:
    """The course of a run on a standing bench."""

    def __init__(self, bench: LoadBench, gateway: Gateway, workload: Workload, measured: Measured, tell: Tell) -> None:
        self._task = measured.task
        self._bench = bench
        self._gateway = gateway
        self._workload = workload
        self._measured = measured
        self._tell = tell

    def everything(self) -> None:
        """Calibrate, load, look what is left. Raises Stopped where it ends early."""
        self._calibrate()
        before, weather = self._bench.counted(), Weather.now()
        try:
            with self._watched():
                if self._task.profile.search:
                    self._search()
                else:
                    self._phases()
        except LOST as error:
            _lost(self._measured, error)  # now, as it is the reason of whatever fails when we look back
            raise
        finally:
            self._measured.weather = (weather, Weather.now())
            self._look_back(before)

    def _calibrate(self) -> None:
        result = self._play("the bench itself", self._workload.calibration(self._task.terms), keep=False)
        right = result.count(outcome="ok")
        if not right:
            said = ", ".join(sorted({cell.outcome for cell in result.cells})) or "no answer"
            raise BenchError(f"the bench cannot reach its own upstream ({said}): this is no fault of the gateway")
        self._measured.ceiling = right / result.seconds

    @contextmanager
    def _watched(self) -> Iterator[None]:
        tree = self._gateway.tree
        if tree is None:
            self._measured.notes.append("the gateway runs elsewhere: nothing is known of its CPU and memory")
            yield
            return
        self._measured.before = tree.sample()
        with Watch(tree) as watch:
            try:
                yield
            finally:
                self._measured.samples = summary.placed(watch.samples, self._measured.everything, tree.second)

    def _phases(self) -> None:
        for phase, plan in workloads.phases(self._task.profile, self._task.terms, self._workload):
            with self._conditions(phase):
                result = self._checked(phase.name or "load", plan())
            self._measured.results.append(result)
            if not phase.condition and (silent := figures.silent(result)):
                self._stop(silent, "gateway")

    @contextmanager
    def _conditions(self, phase: Phase) -> Iterator[None]:
        with ExitStack() as stack:
            for condition in phase.condition:
                stack.enter_context(held(self._bench, condition))
            yield

    def _checked(self, what: str, plan: Plan) -> Result:
        """Play; when somebody is gone afterwards, keep the result and stop. Our own part is looked at first."""
        result = self._play(what, plan)
        try:
            self._bench.far_end.require()
        except LOST as error:
            self._measured.results.append(result)
            _lost(self._measured, error)
            raise
        if not self._gateway.alive():
            self._measured.results.append(result)
            self._stop("the gateway's process ended during the load", "gateway")
        if result.ended == "gave up":
            self._measured.results.append(result)
            self._stop("the gateway stopped answering during the load", "gateway")
        if result.ended != "complete":
            self._measured.results.append(result)
            self._stop(f"the load was not played to its end: {result.ended}", "bench")
        return result

    def _play(self, what: str, plan: Plan, *, keep: bool = True) -> Result:
        """Play; of what is interrupted, `keep` what there is."""
        with on(self._bench.pinning.generator):
            player = Player(plan, lambda facts: self._tell(what, facts))
        with player:
            try:
                return player.finish()[0]
            except KeyboardInterrupt:
                with contextlib.suppress(KeyboardInterrupt):  # people press it twice; the generator is ending by then
                    player.stop()
                with contextlib.suppress(*LOST):  # it may have been stopped before there was anything to tell
                    result = player.finish()[0]
                    if keep:
                        self._measured.results.append(result)
                self._stop(INTERRUPTED, "interruption")
        raise AssertionError("a player that does not finish raises")

    def _stop(self, why: str, by: EndedBy) -> None:
        self._measured.stopped, self._measured.ended_by = why, by
        raise Stopped(why)

    # -- the search for the knee

    def _search(self) -> None:
        seconds = max(self._task.terms.seconds / STEPS, 2.0)
        search = Search(lambda rate: self._point(rate, seconds), self._task.terms.rate)
        try:
            self._measured.knee = search.run()
        finally:
            # What lies beyond the plateau is in the points; together with the rest it would be nobody's latency.
            pairs = list(zip_longest(self._measured.results, (point.plateau for point in search.points)))
            if any(plateau for _, plateau in pairs) or not self._measured.stopped:
                self._measured.results = [result for result, plateau in pairs if plateau]
                self._measured.beyond = [result for result, plateau in pairs if not plateau]
            if self._measured.knee is None and search.points:
                self._measured.knee = Knee(points=search.points, rate=None, said="the search did not come to its end")

    def _point(self, rate: float, seconds: float) -> RatePoint:
        result = self._checked(f"{rate:.0f} per second", self._workload.step(self._task.terms, rate, seconds))
        first = not self._measured.results
        self._measured.results.append(result)
        if first and (none := figures.unanswered(result)):
            self._stop(none, "gateway")
        whole = result.whole_calls()
        well = whole.total("response", arm="gateway", outcome="ok")
        p99 = well.quantile(0.99) if well.count else 0.0
        calls = whole.count() - whole.count(outcome="unfinished")
        return RatePoint(
            offered=result.counts.offered / max(result.seconds, 1e-9),
            done=figures.answered_in_time(whole) / max(result.seconds, 1e-9),
            calls=calls,
            failed=calls - whole.count(outcome="ok"),
            p50_us=well.quantile(0.5) if well.count else 0.0,
            p99_us=p99,
            plateau=False,
            void=self._void(rate, result, p99),
        )

    def _void(self, rate: float, result: Result, p99_us: float) -> str | None:
        """Why a step says nothing of the gateway."""
        lag = result.whole_calls().total("lag")
        lag_us = lag.quantile(0.99) if lag.count else 0.0
        ceiling = self._measured.ceiling or 0.0
        cpu = result.machine.cpu_seconds / max(result.machine.wall_seconds, 1e-9) / max(result.machine.processes, 1)
        if rate > validity.OF_CEILING * ceiling:
            return f"the bench itself does {ceiling:.0f}/s past the gateway: generator and upstream would be the bottleneck"
        if cpu > validity.GENERATOR_CPU:
            return f"the generator was busy ({cpu:.0%} of a core): use more workers"
        if lag_us > max(validity.LAG_P99_US, validity.LAG_SHARE * p99_us):
            return f"our own starts were {lag_us / 1e3:.1f} ms late at p99"
        return None

    # -- afterwards

    def _look_back(self, before: Counted) -> None:
        """Counters; and whether sessions, sockets, memory and CPU go back to where they were."""
        measured = self._measured
        with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C leaves out the rest of this
            tree = self._gateway.tree
            if tree is not None and measured.before is not None:
                measured.after, measured.settled = settle(tree, measured.before)
            measured.counted = self._bench.counted().since(before)
            measured.left_open = self._open_after(before)

    def _open_after(self, before: Counted) -> dict[str, int]:
        """What is still open at the upstreams; waits a while for it to go away."""
        ends = time.monotonic() + (0.0 if self._measured.ended_by == "interruption" else SETTLES)
        while True:
            left = self._bench.counted().open_since(before)
            if left["sessions"] <= 0 or time.monotonic() >= ends:
                return left
            time.sleep(0.25)
