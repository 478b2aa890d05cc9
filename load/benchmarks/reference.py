"""How closely the reference gateway's own overhead is known after one minute."""

from collections.abc import Sequence

import numpy as np

from load import profiles
from load.bench import standing
from load.benchmarks.page import Section, conditions
from load.model import Overhead
from load.paired import Pairing, Terms
from load.stands import Stands

SECONDS = 60.0
WIDTH = 0.10  # what must be reached (issue 5): an interval narrower than a tenth of the overhead
TARGET = "reference"


def measure(rounds: int, seconds: float) -> Section:
    """As many measurements of a minute as there are rounds, each of gateways started afresh."""
    del seconds  # a minute is what the goal is about
    pairings = [_minute(seed) for seed in range(1, rounds + 1)]
    rate = float(np.median([pairing.rate for pairing in pairings]))
    return section([pairing.overhead() for pairing in pairings], rate, conditions(rounds, SECONDS))


def _minute(seed: int) -> Pairing:
    profile = profiles.named("single-call")
    able = frozenset().union(*(profile.needs(call) for call in profile.call))
    with standing() as bench:
        pairing = Pairing(Terms(SECONDS, seed=seed), bench.pinning)
        stands = Stands(bench, profile, {TARGET: able})
        pairing.run(lambda: stands.pair(TARGET), lambda _: None)
    return pairing


def section(found: Sequence[Overhead], rate: float, conditions: str) -> Section:
    """What all of them found; the goal is about the one in the middle."""
    widths = [_width(one) for one in found]
    middle = float(np.median(widths))
    goal = f"an interval narrower than {WIDTH:.0%} of the overhead (median): {middle:.1%}"
    rows = "\n".join(f"| {_row(one)} | {width:.1%} |" for one, width in zip(found, widths, strict=True))
    text = f"""## The reference gateway's own overhead

`gatebench load overhead reference`: a minute for everything, {found[0].starts} fresh starts that took turns, some
{rate:.0f} arrivals per second. {conditions}

| p50 | 95% interval | by the upstream's own clock | half seconds left out, as the machine was disturbed | width |
| ---: | ---: | ---: | ---: | ---: |
{rows}

Goal: {goal}.
"""
    return Section(text, [] if middle < WIDTH else [goal])


def _width(found: Overhead) -> float:
    """The width of the interval of p50, in overheads."""
    estimate = found.quantiles[0].overhead_us
    assert estimate.low is not None and estimate.high is not None  # noqa: S101, PT018 - an interval has both
    return (estimate.high - estimate.low) / estimate.value


def _row(found: Overhead) -> str:
    estimate = found.quantiles[0].overhead_us
    low, high = ((bound or 0.0) / 1e3 for bound in (estimate.low, estimate.high))
    stamps = f"{found.stamps_us.value / 1e3:.3f} ms" if found.stamps_us else "unknown"
    left_out = f"{found.slots_left_out} of {found.slots + found.slots_left_out}"
    return f"{estimate.value / 1e3:.3f} ms | {low:.3f} to {high:.3f} ms | {stamps} | {left_out}"
