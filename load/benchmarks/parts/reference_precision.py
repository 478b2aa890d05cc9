"""Benchmark: precision of the overhead of the reference gateway after one minute."""

from collections.abc import Sequence

import numpy as np

from gatebench.load.benchmarks.markdown import Section, conditions
from gatebench.load.experiments.fresh_starts import GatewayStarter
from gatebench.load.experiments.overhead_run import OverheadOptions, OverheadRun
from gatebench.load.profiles import profiles
from gatebench.load.results.comparison_model import Overhead
from gatebench.load.testbed.bench import running_load_bench

SECONDS = 60.0
WIDTH = 0.10  # goal: an interval narrower than a tenth of the overhead
TARGET = "reference"


def measure(rounds: int, seconds: float) -> Section:
    """Measure one minute per round, each with fresh gateways."""
    del seconds  # the goal is defined for one minute
    measurements = [_minute(seed) for seed in range(1, rounds + 1)]
    rate = float(np.median([measurement.rate for measurement in measurements]))
    return section([measurement.overhead() for measurement in measurements], rate, conditions(rounds, SECONDS))


def _minute(seed: int) -> OverheadRun:
    profile = profiles.by_name("single-call")
    able = frozenset().union(*(profile.needs(call) for call in profile.call))
    with running_load_bench() as bench:
        measurement = OverheadRun(OverheadOptions(SECONDS, seed=seed), bench.pinning)
        starter = GatewayStarter(bench, profile, {TARGET: able})
        measurement.run(lambda: starter.pair(TARGET), lambda _: None)
    return measurement


def section(found: Sequence[Overhead], rate: float, conditions: str) -> Section:
    """Return the section; the goal applies to the median."""
    widths = [_width(one) for one in found]
    middle = float(np.median(widths))
    goal = f"an interval narrower than {WIDTH:.0%} of the overhead (median): {middle:.1%}"
    rows = "\n".join(f"| {_row(one)} | {width:.1%} |" for one, width in zip(found, widths, strict=True))
    text = f"""## Overhead of the reference gateway

`gatebench load overhead reference`: one minute in total, {found[0].starts} fresh starts that took turns, about
{rate:.0f} requests per second. {conditions}

| p50 | 95% interval | from upstream timestamps | contended half-second slots discarded | width |
| ---: | ---: | ---: | ---: | ---: |
{rows}

Goal: {goal}.
"""
    return Section(text, [] if middle < WIDTH else [goal])


def _width(found: Overhead) -> float:
    """Return the width of the p50 interval relative to the overhead."""
    estimate = found.quantiles[0].overhead_us
    assert estimate.low is not None and estimate.high is not None  # noqa: S101, PT018 - an interval has both
    return (estimate.high - estimate.low) / estimate.value


def _row(found: Overhead) -> str:
    estimate = found.quantiles[0].overhead_us
    low, high = ((bound or 0.0) / 1e3 for bound in (estimate.low, estimate.high))
    stamps = f"{found.stamps_us.value / 1e3:.3f} ms" if found.stamps_us else "unknown"
    left_out = f"{found.slots_left_out} of {found.slots + found.slots_left_out}"
    return f"{estimate.value / 1e3:.3f} ms | {low:.3f} to {high:.3f} ms | {stamps} | {left_out}"
