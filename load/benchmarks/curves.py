"""Curves of cost against work: a table, a sentence on how each cost grows, and a chart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from gatebench.load.benchmarks.curve_chart import Curve, draw

FOLDER = "curves"  # of the charts, beside the page
CONSTANT = 1.25  # a cost up to so many times the first one is constant
PROPORTIONAL = 1.1  # exponent up to which a cost grows no faster than the work: measurements differ by some percent


@dataclass(frozen=True)
class Point:
    """What one point cost; None where it was not measured."""

    value: int
    calls: int
    cpu_us: float | None = None  # of the gateway, per call
    generator_us: float | None = None  # the same of the load generator
    p50_us: float | None = None
    rss_mib: float | None = None  # the most
    rate: float | None = None  # calls per second
    said: str = ""


def table(name: str, title: str, note: str, points: Sequence[Point]) -> str:
    """Return the part of the page about one curve of the gateway."""
    rows = [
        f"| {one.value:,} | {one.calls} | {_shown(one.cpu_us)} | {_shown(one.generator_us)} | {_shown(one.p50_us)} "
        f"| {_shown(one.rss_mib)} | {one.said} |"
        for one in points
    ]
    head = [f"| {name} | calls | gateway, CPU us per call | generator, CPU us per call | p50 us | memory MiB | |"]
    said = f"Gateway: {growth(points, 'cpu_us')}. Generator: {growth(points, 'generator_us')}."
    return _block(name, title, note, said, [*head, "| ---: | ---: | ---: | ---: | ---: | ---: | --- |", *rows])


def table_of_processes(name: str, title: str, note: str, points: Sequence[Point]) -> str:
    """Return the part of the page about the generator alone."""
    rows = [
        f"| {one.value} | {one.calls} | {_shown(one.rate)} | {_speedup(points, one)} | {_shown(one.generator_us)} |"
        for one in points
    ]
    head = [f"| {name} | calls | calls per second | times those of one | generator, CPU us per call |"]
    return _block(name, title, note, _scaling(points), [*head, "| ---: | ---: | ---: | ---: | ---: |", *rows])


def chart(name: str, points: Sequence[Point]) -> str:
    """Return the chart of a curve of the gateway as SVG."""
    series = [
        Curve(said, [(one.value, cost) for one in points if (cost := getattr(one, key))])
        for said, key in (("gateway", "cpu_us"), ("generator", "generator_us"))
    ]
    return draw(f"CPU microseconds per call, by {name}", name, series)


def chart_of_processes(name: str, points: Sequence[Point]) -> str:
    """Return the chart of the generator alone, with the line of proportional growth."""
    measured = [(one.value, one.rate) for one in points if one.rate]
    ideal = [(value, measured[0][1] * value / measured[0][0]) for value, _ in measured]
    return draw(f"calls per second, by {name}", name, [Curve("measured", measured), Curve("in proportion", ideal)])


def kept(page: str, name: str) -> str:
    """Return the part of the page about one curve; empty if there is none."""
    begin, end = _marks(name)
    middle = page.partition(begin)[2].partition(end)[0]
    return f"{begin}{middle}{end}" if middle else ""


def growth(points: Sequence[Point], cost: str) -> str:
    """Return how a cost grows with the work, without a full stop."""
    known = [(one.value, found) for one in points if (found := getattr(one, cost))]
    if len(known) < 2:
        return "too few points"
    first = known[0][1]
    constant = known[0][0]
    for value, found in known[1:]:
        if found > CONSTANT * first:
            break
        constant = value
    steep = [(low, high) for low, high in pairwise(known) if _exponent(low, high) > PROPORTIONAL]
    said = [f"constant (within {CONSTANT - 1:.0%}) up to {constant:,}"] if constant > known[0][0] else []
    if constant < known[-1][0]:
        said.append(f"the power from the first point to the last is {_exponent(known[0], known[-1]):.2f}")
        said += [f"it grows faster than the work from {low[0]:,} to {high[0]:,}" for low, high in steep]
    return "; ".join(said)


def _exponent(low: tuple[int, float], high: tuple[int, float]) -> float:
    return math.log(high[1] / low[1]) / math.log(high[0] / low[0])


def _scaling(points: Sequence[Point]) -> str:
    rates = [(one.value, one.rate) for one in points if one.rate]
    if not rates:
        return "Nothing was measured."
    count, _ = max(rates, key=lambda pair: pair[1])
    return f"The rate grows up to {count} {'process' if count == 1 else 'processes'}; generator and upstream share the cores."


def _speedup(points: Sequence[Point], one: Point) -> str:
    return f"{one.rate / points[0].rate:.2f}" if one.rate and points[0].rate else "-"


def _block(name: str, title: str, note: str, said: str, rows: Sequence[str]) -> str:
    begin, end = _marks(name)
    return "\n".join(
        [begin, f"### {name}: {title}", "", note, said, "", f"![{title}]({FOLDER}/{name}.svg)", "", *rows, end]
    )


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- curve {name} -->", f"<!-- end of curve {name} -->"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
