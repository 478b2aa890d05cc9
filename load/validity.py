"""When a measurement is one: thresholds of the measuring side, all in one place, and why a result is void.

A void result is kept and shown, but not published as a number of the gateway: no budget is judged by it. Lateness of our own is
measured against what is published: at p50 against p50, at p99 against p99. The thresholds are judgement: a tenth of a number is
what we let ourselves be wrong by before it is called void.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from load.model import Generator, Judged

LAG_SHARE = 0.10  # of the published latency
LAG_P50_US, LAG_P99_US = 200.0, 1000.0  # lateness that is always allowed
GENERATOR_CPU = 0.70  # of a core; above it, our own queueing shows in latency (65% is where it begins to)
GENERATOR_CPU_FULL_LOAD = 0.95  # where only throughput and CPU of the gateway are measured
STEAL = 0.05
OF_CEILING = 0.80
UNSENT = 0.01  # of the offered arrivals
PRESSURE = 0.50


@dataclass(frozen=True)
class Measured:
    """What of a measurement is going to be published; None where it is not."""

    p50_us: float | None = None
    p99_us: float | None = None
    throughput: float | None = None  # claimed as what the gateway can do
    offered: int = 0
    open_loop: bool = True


def judge(generator: Generator, measured: Measured) -> list[Judged]:
    """Every rule that applies, kept or broken, in the order in which a reader should look."""
    return [
        *_lateness(generator, measured),
        *_ceiling(generator, measured),
        _rule(
            "generator CPU",
            generator.cpu_share,
            GENERATOR_CPU if measured.open_loop else GENERATOR_CPU_FULL_LOAD,
            "of a core",
            "the load generator was busy with itself: use more workers, or a lower rate",
        ),
        _rule(
            "CPU steal",
            generator.steal,
            STEAL,
            "of the machine",
            "the hypervisor gave the CPU to somebody else: measure again",
        ),
        *_unsent(generator, measured),
        *_pressure(generator),
    ]


def void(judged: Iterable[Judged]) -> list[str]:
    """Why a result is void, one sentence a rule; empty when it is none."""
    return [rule.said for rule in judged if rule.voids and not rule.ok]


def _lateness(generator: Generator, measured: Measured) -> Iterable[Judged]:
    said = "our own starts were late, which is in the latencies: use a lower rate, or a quieter machine"
    for name, lag, least, published in (
        ("p50", generator.lag_p50_us, LAG_P50_US, measured.p50_us),
        ("p99", generator.lag_p99_us, LAG_P99_US, measured.p99_us),
    ):
        if published is not None:
            yield _rule(f"late starts, {name}", lag, max(least, LAG_SHARE * published), "µs", said)


def _ceiling(generator: Generator, measured: Measured) -> Iterable[Judged]:
    if measured.throughput is not None and generator.ceiling:
        yield _rule(
            "throughput",
            measured.throughput / generator.ceiling,
            OF_CEILING,
            "of the ceiling",
            f"{measured.throughput:.0f}/s is near what the bench itself can do "
            f"({generator.ceiling:.0f}/s directly against the upstream): the generator or "
            "the upstream was the bottleneck, not the gateway",
        )


def _unsent(generator: Generator, measured: Measured) -> Iterable[Judged]:
    if measured.open_loop and measured.offered:
        said = "arrivals were never sent, so latencies lack the worst ones: raise the number that may be in flight"
        yield _rule("arrivals not sent", generator.dropped / measured.offered, UNSENT, "of all", said)


def _pressure(generator: Generator) -> Iterable[Judged]:
    if generator.pressure is not None:
        said = "something waited for a CPU for much of the time: tails are the machine's as much as the gateway's"
        yield _rule("waiting for a CPU", generator.pressure, PRESSURE, "of the time", said, voids=False)


def _rule(rule: str, measured: float, limit: float, unit: str, said: str, *, voids: bool = True) -> Judged:
    return Judged(
        rule=rule,
        measured=measured,
        limit=limit,
        unit=unit,
        ok=measured <= limit,
        voids=voids,
        said=f"{said} ({_figures(measured, limit, unit)})",
    )


def _figures(measured: float, limit: float, unit: str) -> str:
    if unit == "µs":
        return f"{measured:.0f} µs, at most {limit:.0f} are allowed"
    return f"{measured:.1%} {unit}, at most {limit:.0%} are allowed"
