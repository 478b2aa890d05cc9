"""Validity rules: thresholds for the load generator and the machine, beyond which a result is void.

A void result is reported, but no budget is evaluated with it. Scheduling lag is compared with the published latency at the
same percentile (p50 with p50, p99 with p99). The thresholds are conventions: a tenth of a published value is the largest error
that is accepted.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gatebench.load.results.report_model import Judged
from gatebench.load.results.resource_model import Generator

LAG_SHARE = 0.10  # of the published latency
LAG_P50_US, LAG_P99_US = 200.0, 1000.0  # scheduling lag that is always allowed
GENERATOR_CPU = 0.70  # of a core; queueing in the generator affects latencies from 65% up
GENERATOR_CPU_FULL_LOAD = 0.95  # when only throughput and CPU of the gateway are measured
STEAL = 0.05
OF_CEILING = 0.80
UNSENT = 0.01  # of the offered arrivals
PRESSURE = 0.50


@dataclass(frozen=True)
class PublishedValues:
    """The values of a measurement that will be published; None for those that will not."""

    p50_us: float | None = None
    p99_us: float | None = None
    throughput: float | None = None  # published as capacity of the gateway
    offered: int = 0
    open_loop: bool = True


def judge(generator: Generator, measured: PublishedValues) -> list[Judged]:
    """Return the result of every rule that applies, in the order in which a reader should check them."""
    return [
        *_lateness(generator, measured),
        *_ceiling(generator, measured),
        _rule(
            "generator CPU",
            generator.cpu_share,
            GENERATOR_CPU if measured.open_loop else GENERATOR_CPU_FULL_LOAD,
            "of a core",
            "the load generator was CPU-bound: use more workers, or a lower rate",
        ),
        _rule(
            "CPU steal",
            generator.steal,
            STEAL,
            "of the machine",
            "the hypervisor gave CPU time to other machines: measure again",
        ),
        *_unsent(generator, measured),
        *_pressure(generator),
    ]


def void(judged: Iterable[Judged]) -> list[str]:
    """Return why a result is void, one sentence for each broken rule; empty for a valid result."""
    return [rule.said for rule in judged if rule.voids and not rule.ok]


def _lateness(generator: Generator, measured: PublishedValues) -> Iterable[Judged]:
    said = "scheduling lag of the generator distorts the latencies: use a lower rate, or a less busy machine"
    for name, lag, least, published in (
        ("p50", generator.lag_p50_us, LAG_P50_US, measured.p50_us),
        ("p99", generator.lag_p99_us, LAG_P99_US, measured.p99_us),
    ):
        if published is not None:
            yield _rule(f"late starts, {name}", lag, max(least, LAG_SHARE * published), "µs", said)


def _ceiling(generator: Generator, measured: PublishedValues) -> Iterable[Judged]:
    if measured.throughput is not None and generator.ceiling:
        yield _rule(
            "throughput",
            measured.throughput / generator.ceiling,
            OF_CEILING,
            "of the ceiling",
            f"{measured.throughput:.0f}/s is near the ceiling of the bench "
            f"({generator.ceiling:.0f}/s directly against the upstream): the generator or "
            "the upstream was the bottleneck, not the gateway",
        )


def _unsent(generator: Generator, measured: PublishedValues) -> Iterable[Judged]:
    if measured.open_loop and measured.offered:
        said = "scheduled requests were never sent, so the worst latencies are missing: raise max_in_flight, or use a lower rate"
        yield _rule("arrivals not sent", generator.dropped / measured.offered, UNSENT, "of all", said)


def _pressure(generator: Generator) -> Iterable[Judged]:
    if generator.pressure is not None:
        said = "processes waited for a CPU much of the time: tail latencies include that wait"
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
        return f"{_duration(measured)}, at most {_duration(limit)} is allowed"
    return f"{measured:.1%} {unit}, at most {limit:.0%} is allowed"


def _duration(microseconds: float) -> str:
    """Format a duration with three digits, as the tables of reports do."""
    return f"{microseconds:.3g} µs" if microseconds < 999.5 else f"{microseconds / 1000:.3g} ms"
