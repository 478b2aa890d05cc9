"""Group-sequential test of the regression gate: a pure function of the measurements and the number of interim analyses.

Both gateways are loaded at the same time, so disturbances affect both (a duet: Bulej et al. 2020, Duet Benchmarking). Each
round gives a ratio; its noise comes from rounds and, more, from process starts. The gate analyses after every few fresh starts
and stops at the first decision. ALPHA is divided over the planned analyses and over the measures (Bonferroni, valid under any
dependence): most of it is for the primary measure, which alone is sharp enough for small changes, and for the later analyses,
because few starts show small changes only. tests/load/analysis/test_gate_error_rates.py simulates the resulting error rates;
`make bench` measures them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from gatebench.load.analysis.bootstrap import Floats, Spread, spread_of_rounds, student

Moved = Literal["slower", "faster", "not slower", "cannot tell"]

ALPHA = 0.05
MARGIN = 0.02  # smallest relative slowdown that counts; below it, two builds of the same source already differ
LOOKS = {4: 0.05, 8: 0.20, 12: 0.25, 15: 0.25, 18: 0.25}  # fresh starts at each planned analysis: its share of ALPHA
LAST_LOOK = max(LOOKS)
OF_PRIMARY = 0.8  # the share of the primary measure; large changes of the others are found with what is left
MIN_STARTS = 2  # one start does not show the variation between starts
POWER = 0.95  # probability with which `starts_needed` finds a change


@dataclass(frozen=True)
class MeasureKind:
    """A measure. Changes are logarithms of cost ratios, candidate over baseline; positive is slower."""

    name: str
    unit: str
    tolerance: float  # `not slower` means that the upper bound is below it
    more_is_better: bool = False

    def change(self, baseline: Floats, candidate: Floats) -> Floats:
        """Return the change for each pair of measured values."""
        ratio = np.log(candidate / baseline)
        return -ratio if self.more_is_better else ratio


CPU = MeasureKind("CPU per request", "µs", 0.05)
THROUGHPUT = MeasureKind("throughput under full load", "requests/s", 0.10, more_is_better=True)
LATENCY = MeasureKind("p50 at a fixed rate", "µs", 0.10)
IN_ORDER = (CPU, THROUGHPUT, LATENCY)  # the first that was measured is the primary one

Observations = Mapping[MeasureKind, Sequence[Floats]]  # the changes of the rounds of each fresh start
Orders = Mapping[MeasureKind, Sequence[int]]
"""Of each fresh start, 1 if the candidate was started first, else 0: what is started first can use some percent more CPU."""


@dataclass(frozen=True)
class MeasureResult:
    """The result of one measure. `low` and `high` are logarithms, each with an error of at most `alpha`."""

    kind: MeasureKind
    primary: bool
    spread: Spread
    low: float
    high: float
    alpha: float
    moved: Moved


@dataclass(frozen=True)
class Decision:
    """The decision over all measures. `final`: no further start is needed."""

    verdict: Moved
    judgements: list[MeasureResult]
    final: bool


def decide(
    observed: Observations,
    random: np.random.Generator,
    *,
    last: bool,
    stored: Observations | None = None,
    margin: float = MARGIN,
    share: float = 1.0,
    orders: Orders = MappingProxyType({}),
    stored_orders: Orders = MappingProxyType({}),
    pending: bool = False,
) -> Decision:
    """Decide from the observations; `last`: no more starts will follow (none planned, or no time).

    `share` is that of this analysis in ALPHA (`share_of_look`; 1: the only analysis).

    With `stored`, both are changes relative to the same reference target at different times, and their difference is tested.
    `orders` and `stored_orders`: of the starts whose order is known; its effect is removed. `pending`: a measure is still to be
    made for the first time, so only `slower` ends the gate before the last analysis.
    """
    observations = [observed] if stored is None else [observed, stored]
    usable = [kind for kind in IN_ORDER if all(len(changes.get(kind, ())) >= MIN_STARTS for changes in observations)]
    if not usable:
        return Decision("cannot tell", [], final=last)
    others = max(len(usable) - 1, 1)
    judgements = []
    for place, kind in enumerate(usable):
        of_measure = 1.0 if len(usable) == 1 else OF_PRIMARY if place == 0 else (1 - OF_PRIMARY) / others
        spread = spread_of_rounds(observed[kind], random, orders.get(kind, ()))
        if stored is not None:
            spread = spread.minus(spread_of_rounds(stored[kind], random, stored_orders.get(kind, ())))
        judgements.append(_judge(kind, spread, ALPHA * of_measure * share, ALPHA * share, margin, primary=place == 0))
    return _together(judgements, margin, last=last, pending=pending)


def share_of_look(starts: int) -> float:
    """Return the share of ALPHA for an analysis after so many starts: of that planned then, or else of the next one."""
    return next(share for planned, share in LOOKS.items() if planned >= min(starts, LAST_LOOK))


def starts_needed(change: float, deviation: float, margin: float) -> int | None:
    """Return how many starts find a relative change with POWER, in a single analysis of three measures; None: it is not above
    the margin.

    `deviation` is the standard deviation of the logarithmic change between starts.
    """
    beyond = math.log1p(change) - math.log1p(margin)
    if beyond <= 0:
        return None
    starts = MIN_STARTS
    while (student(1 - ALPHA * OF_PRIMARY, starts - 1) + student(POWER, starts - 1)) * deviation > beyond * starts**0.5:
        starts += 1
    return starts


def _judge(
    kind: MeasureKind, spread: Spread, alpha: float, alpha_not: float, margin: float, *, primary: bool
) -> MeasureResult:
    """Test one measure. `not slower` must hold for all measures at once, so each uses the full error of an analysis."""
    low, high = spread.bound(alpha)
    _, ceiling = spread.bound(alpha_not)
    moved: Moved = "cannot tell"
    if low > math.log1p(margin):
        moved = "slower"
    elif high < -math.log1p(margin):
        moved = "faster"
    elif ceiling < math.log1p(kind.tolerance):
        moved = "not slower"
    return MeasureResult(kind, primary, spread, low, high, alpha, moved)


def _together(judgements: list[MeasureResult], margin: float, *, last: bool, pending: bool) -> Decision:
    said = [judgement.moved for judgement in judgements]
    if "slower" in said:
        return Decision("slower", judgements, final=True)
    primary = judgements[0]
    may_be_faster = primary.moved == "not slower" and primary.spread.value < -math.log1p(margin)
    settled = "cannot tell" not in said and not may_be_faster and not pending
    if settled or last:  # at the end the primary measure decides; the noisier ones are reported with their results
        return Decision(said[0], judgements, final=True)
    return Decision("cannot tell", judgements, final=False)
