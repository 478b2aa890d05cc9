"""Pairings: complete ones with delay proxies, starts in turn, and the CPU of each turn."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np
import pytest

from gatebench.fixtures.errors import BenchError
from gatebench.load.analysis import overhead
from gatebench.load.analysis.rounds import CpuLog
from gatebench.load.experiments import overhead_run
from gatebench.load.experiments.regression_run import RunningGateway
from gatebench.load.generator.process import GeneratorProcess
from gatebench.load.testbed.cpu_affinity import CpuLayout
from tests.support.load.delay_proxy import relay, running
from tests.support.load.http_server import TinyServer


@pytest.mark.usefixtures("no_disturbances")
def test_pairing_measures_the_delay() -> None:
    @contextmanager
    def start_gateways() -> Iterator[Mapping[str, RunningGateway]]:
        with relay(far, 5) as (ports, pid):
            yield {"direct": running(far.port), "gateway": running(ports[0], pid)}

    with TinyServer() as far:
        measurement = overhead_run.OverheadRun(overhead_run.OverheadOptions(seconds=1, starts=2, rate=80), CpuLayout())
        measurement.run(start_gateways, lambda _: None)
    found = measurement.overhead().quantiles[0].overhead_us
    assert 4_500 < found.value < 30_000, "five milliseconds, and the noise of a busy machine"
    resources = measurement.resources()
    assert resources is not None
    assert resources.cpu_us_per_call is not None
    assert resources.cpu_us_per_call.value > 10
    assert [sample.at for sample in resources.samples] == sorted(sample.at for sample in resources.samples)


@pytest.fixture
def no_disturbances(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every half second, however busy the machine is."""
    monkeypatch.setattr(overhead, "LATE_US", np.inf)
    monkeypatch.setattr(overhead, "DISTURBED", np.inf)


@pytest.fixture
def two_turns_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each start two turns."""
    monkeypatch.setattr(overhead_run, "MIN_ROUNDS", 2)


@pytest.fixture
def default_sigint() -> Iterator[None]:
    """Restore the default handler of SIGINT, which a background shell may ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class DelayedStarts:
    """Starts of delay proxies with a delay of 5 ms; more than `most` at the same time fail."""

    def __init__(self, far: TinyServer, most: int = 100) -> None:
        self.far, self.most, self.up, self.at_once = far, most, 0, 0

    @contextmanager
    def __call__(self) -> Iterator[Mapping[str, RunningGateway]]:
        if self.up >= self.most:
            raise BenchError("acme.toml: no more of them")
        with relay(self.far, 5) as (ports, pid):
            self.up += 1
            self.at_once = max(self.at_once, self.up)
            try:
                yield {"direct": running(self.far.port), "gateway": running(ports[0], pid)}
            finally:
                self.up -= 1


@pytest.mark.usefixtures("no_disturbances", "two_turns_each")
def test_starts_run_together_and_take_turns() -> None:
    with TinyServer() as far:
        starts = DelayedStarts(far)
        measurement = overhead_run.OverheadRun(overhead_run.OverheadOptions(seconds=1, starts=3, rate=120), CpuLayout())
        measurement.run(starts, lambda _: None)
    assert (starts.at_once, starts.up) == (3, 0), "all of them have ended"
    assert measurement.results[0].arms == ["direct", "gateway"]
    assert {cell.arm for cell in measurement.results[0].cells} == {"direct", "gateway"}
    assert len(measurement.cpu_us) == 3
    resources = measurement.resources()
    assert resources is not None
    assert 0 < resources.cpu_share < 1
    for number, start in enumerate(measurement.samples):
        assert set(start["arm"]) == {0, 1}
        assert set((start["intended"] / overhead_run.SLOT).astype(int) % 3) == {number}
        assert (start["intended"] % overhead_run.SLOT).min() >= overhead_run.COLD, (
            "the beginning of each turn is left out"
        )
    assert measurement.overhead().starts == 3


@pytest.mark.usefixtures("no_disturbances", "two_turns_each")
def test_failed_start_keeps_the_other_starts() -> None:
    with TinyServer() as far:
        measurement = overhead_run.OverheadRun(overhead_run.OverheadOptions(seconds=1, starts=5, rate=120), CpuLayout())
        said = "no more of them; only 2 of 5 starts could run at the same time: use --starts 2"
        with pytest.raises(BenchError, match=said):
            measurement.run(DelayedStarts(far, most=2), lambda _: None)
        assert measurement.overhead().starts == 2
        with pytest.raises(BenchError, match="no more of them"):
            overhead_run.OverheadRun(overhead_run.OverheadOptions(seconds=1, starts=5, rate=120), CpuLayout()).run(
                DelayedStarts(far, most=0), lambda _: None
            )


@pytest.mark.usefixtures("no_disturbances", "default_sigint")
def test_interruption_keeps_the_measurements() -> None:
    said: list[str] = []

    def interrupt(what: str) -> None:
        said.append(what)
        if len(said) == 6:  # two starts, then one line per second
            signal.raise_signal(signal.SIGINT)

    with TinyServer() as far:
        starts = DelayedStarts(far)
        measurement = overhead_run.OverheadRun(
            overhead_run.OverheadOptions(seconds=30, starts=2, rate=160), CpuLayout()
        )
        with pytest.raises(KeyboardInterrupt):
            measurement.run(starts, interrupt)
    assert starts.up == 0
    assert measurement.results[0].ended == "interrupted"
    assert 2 <= measurement.results[0].seconds < 10
    assert measurement.overhead().starts == 2
    assert len(measurement.cpu_us) == 2
    assert all(10 < one < 100_000 for one in measurement.cpu_us)


def interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def test_interruption_after_the_load_keeps_the_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overhead_run, "settle", interrupt)
    with TinyServer() as far:
        measurement = overhead_run.OverheadRun(overhead_run.OverheadOptions(seconds=1, starts=2, rate=120), CpuLayout())
        with pytest.raises(KeyboardInterrupt):
            measurement.run(DelayedStarts(far), lambda _: None)
    resources = measurement.resources()
    assert resources is not None
    assert (resources.before, resources.after) == (resources.samples[0], resources.samples[-1])
    assert len(measurement.cpu_us) == 2


def test_interruption_before_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator has no result then, which is no error."""
    finish, finished = GeneratorProcess.finish, []

    def first_interrupted(generator: GeneratorProcess) -> Any:
        finished.append(generator)
        return interrupt() if len(finished) == 1 else finish(generator)

    monkeypatch.setattr(GeneratorProcess, "finish", first_interrupted)
    with TinyServer() as far:
        starts = DelayedStarts(far)
        measurement = overhead_run.OverheadRun(
            overhead_run.OverheadOptions(seconds=30, starts=2, rate=120), CpuLayout()
        )
        with pytest.raises(KeyboardInterrupt):
            measurement.run(starts, lambda _: None)
    assert (len(finished), starts.up) == (2, 0)


class ScriptedCpuClock:
    """A CPU clock that uses half a core in the turns of one start, and nothing otherwise; `now` is set by the test."""

    def __init__(self, number: int, starts: int) -> None:
        self.number, self.starts, self.now = number, starts, 0.0

    def cpu_seconds(self) -> float:
        whole, into = divmod(self.now / overhead_run.SLOT - self.number, self.starts)
        return 0.5 * overhead_run.SLOT * float(whole + min(into, 1.0))


@pytest.mark.parametrize("starts", [1, 2, 8])
def test_cpu_is_assigned_to_turns_from_few_samples(starts: int) -> None:
    clockworks = [ScriptedCpuClock(number, starts) for number in range(starts)]
    log = CpuLog({str(one.number): one for one in clockworks})
    random = np.random.default_rng(1)
    rounds = 6
    span = rounds * starts * overhead_run.SLOT
    for second in np.sort(random.uniform(-0.5, span + 0.5, int((span + 1) / CpuLog.PERIOD * 1.5))):
        for one in clockworks:
            one.now = second
        log.look(int(second * 1e9))
    edges = (np.arange(rounds * starts + 1) * overhead_run.SLOT * 1e9).astype(np.int64)
    for one in clockworks:
        used = overhead_run.in_its_turns(log, str(one.number), edges, one.number, starts)
        assert used == pytest.approx(0.5 * overhead_run.SLOT * rounds, rel=0.01)
