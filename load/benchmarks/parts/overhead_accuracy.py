"""Benchmark: accuracy of the measured overhead, with injected delays of known length as arms of one run."""

import json
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np

from gatebench.fixtures.processes import child
from gatebench.load.analysis.overhead import overhead
from gatebench.load.benchmarks import servers
from gatebench.load.benchmarks.markdown import Section, conditions
from gatebench.load.generator.process import run_generator
from gatebench.load.plan.plan import Plan, PlannedArm, PlannedCall, Stage
from gatebench.load.testbed.cpu_affinity import CpuLayout

DELAYS = (0, 1, 2, 5, 20)  # milliseconds
SHARE, PLUS = 0.05, 0.2  # goal: within 5% and 0.2 ms
RATE = 180.0  # requests per second over all arms
MIN_LENGTH = 8.0  # seconds of a run; half a second has 15 requests of each arm


def measure(rounds: int, seconds: float) -> Section:
    """Return the median of one run per round."""
    places = CpuLayout.here()
    found: dict[int, list[float]] = {delay: [] for delay in DELAYS}
    seconds = max(seconds, MIN_LENGTH)
    with servers.lean(places.gateway) as lean, _relay(lean.url, places.gateway) as ports:
        for number in range(rounds):
            for delay, milliseconds in _run(lean.url, ports, seconds, number, places.generator).items():
                found[delay].append(milliseconds)
    return _section(
        {delay: statistics.median(each) for delay, each in found.items()}, found, conditions(rounds, seconds)
    )


def _run(url: str, ports: list[int], seconds: float, seed: int, cores: tuple[int, ...] | None) -> dict[int, float]:
    """Return the overhead at p50 of every arm in milliseconds."""
    arms = {"direct": url} | {f"{d} ms": _at(url, port) for d, port in zip(DELAYS, ports, strict=True)}
    plan = Plan(
        seed=seed,
        arms=[
            PlannedArm(name=name, calls=[PlannedCall(operation="call", url=at, tool="whoami")])
            for name, at in arms.items()
        ],
        stages=[Stage(seconds=seconds, rate_from=RATE, rate_to=RATE)],
        warmup=1.0,
    )
    result, samples = run_generator(plan, cores=cores)
    random = np.random.default_rng(seed)
    return {
        d: overhead([samples], result.arms, random, arm=f"{d} ms").quantiles[0].overhead_us.value / 1e3 for d in DELAYS
    }


def _at(url: str, port: int) -> str:
    return urlsplit(url)._replace(netloc=f"127.0.0.1:{port}").geturl()


@contextmanager
def _relay(url: str, cores: tuple[int, ...] | None) -> Iterator[list[int]]:
    parts = urlsplit(url)
    command = [
        sys.executable,
        "-m",
        "gatebench.load.benchmarks.delay_proxy",
        str(parts.hostname),
        str(parts.port),
        *map(str, DELAYS),
    ]
    with child.start(command, cores=cores) as relay:
        try:
            yield json.loads(child.line(relay))
        finally:
            child.stop(relay, servers.STOP_TIMEOUT)


def _section(median: dict[int, float], found: dict[int, list[float]], note: str) -> Section:
    own = median[0]  # the cost of the relay itself
    missed, rows = [], []
    for delay in DELAYS:
        value = median[delay] - own if delay else own
        allowed = SHARE * delay + PLUS
        if abs(value - delay) > allowed:
            missed.append(f"a delay of {delay} ms was measured as {value:.3f} ms (tolerance {allowed:.2f} ms)")
        spread = f"{min(found[delay]):.3f} to {max(found[delay]):.3f}"
        rows.append(f"| {delay} | {median[delay]:.3f} ({spread}) | {value:.3f} | {allowed:.2f} |")
    text = f"""## Injected delays

A relay that delays each request by a known time (one port per delay), and a lean upstream directly; {RATE:g} requests per second,
assigned at random to these arms. Overhead is that of `gatebench load overhead`, at p50, in milliseconds: median of all rounds and
range. The third column subtracts the cost of the relay (its arm without a delay).
{note}

| injected | overhead | without the relay | tolerance |
| --- | --- | --- | --- |
{chr(10).join(rows)}

Goal: within 5% and 0.2 ms.
"""
    return Section(text, missed)
