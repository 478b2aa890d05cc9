"""How closely the reference gateway's own overhead is known after one minute."""

from load import profiles
from load.bench import standing
from load.benchmarks.page import Section, conditions
from load.paired import Pairing, Terms
from load.stands import Stands

SECONDS = 60.0
WIDTH = 0.10  # what must be reached (issue 5): an interval narrower than a tenth of the overhead
TARGET = "reference"


def measure(rounds: int, seconds: float) -> Section:
    """One measurement of a minute; rounds and seconds are those of `gatebench load overhead`."""
    del rounds, seconds
    profile = profiles.named("single-call")
    able = frozenset().union(*(profile.needs(call) for call in profile.call))
    with standing() as bench:
        pairing = Pairing(Terms(SECONDS), bench.pinning)
        stands = Stands(bench, profile, {TARGET: able})
        pairing.run(lambda: stands.pair(TARGET), lambda _: None)
    found = pairing.overhead()
    estimate = found.quantiles[0].overhead_us
    low, high = estimate.low or 0.0, estimate.high or float("inf")
    width = (high - low) / estimate.value
    goal = f"an interval narrower than {WIDTH:.0%} of the overhead: {width:.1%}"
    stamps = f"{found.stamps_us.value / 1e3:.3f} ms" if found.stamps_us else "unknown"
    text = f"""## The reference gateway's own overhead

`gatebench load overhead reference`: a minute for everything, {found.starts} fresh starts that took turns,
{pairing.rate:.0f} arrivals per second. {conditions(1, SECONDS)}

At p50 {estimate.value / 1e3:.3f} ms (95%: {low / 1e3:.3f} to {high / 1e3:.3f} ms); by the upstream's own clock {stamps}.
{found.slots_left_out} of {found.slots + found.slots_left_out} half seconds were left out: the machine was disturbed.

Goal: {goal}.
"""
    return Section(text, [] if width < WIDTH else [goal])
