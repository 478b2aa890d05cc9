"""The regression gate's decision: a pure function of what was measured, and of when it was looked at.

Both gateways are loaded at the same time, so what disturbs one disturbs the other (a duet: Bulej et al. 2020, Duet Benchmarking);
what is left is a ratio for each round, whose noise comes from single rounds and, more, from single process starts. The gate looks
after every few fresh starts and stops as soon as it can tell. Its error is bought once: ALPHA is shared out over the planned
looks, and over the measures, half of it for the primary one (Bonferroni, which holds however they depend on each other).
How often it errs all the same is simulated in tests/load/test_gate_errors.py and measured by `make bench`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from load.statistics import Floats, Spread, spread_of_rounds

Moved = Literal["slower", "faster", "not slower", "cannot tell"]

ALPHA = 0.05
MARGIN = 0.02  # what nobody needs to hear of, and what two builds of the same source differ by
FIRST_LOOK, LAST_LOOK, EVERY = 4, 14, 2  # fresh starts
FEWEST_STARTS = 2  # one tells nothing of others
LOOKS = range(FIRST_LOOK, LAST_LOOK + 1, EVERY)


@dataclass(frozen=True)
class Kind:
    """A measure. Changes are logarithms of cost ratios: candidate over baseline, above zero is slower."""

    name: str
    unit: str
    tolerance: float  # `not slower` says that the truth is below it
    more_is_better: bool = False

    def change(self, baseline: Floats, candidate: Floats) -> Floats:
        """Of measured values, pair by pair."""
        ratio = np.log(candidate / baseline)
        return -ratio if self.more_is_better else ratio


CPU = Kind("CPU per request", "µs", 0.05)
THROUGHPUT = Kind("throughput under full load", "requests/s", 0.10, more_is_better=True)
LATENCY = Kind("p50 at a fixed rate", "µs", 0.10)
IN_ORDER = (CPU, THROUGHPUT, LATENCY)  # the first that could be measured is the primary one

Observations = Mapping[Kind, Sequence[Floats]]  # for each fresh start the changes of its rounds


@dataclass(frozen=True)
class Judgement:
    """What one measure says. `low` and `high` are logarithms, each with an error of `alpha` at most."""

    kind: Kind
    primary: bool
    spread: Spread
    low: float
    high: float
    alpha: float
    moved: Moved


@dataclass(frozen=True)
class Decision:
    """What all say together. `final`: no further start can change it."""

    verdict: Moved
    judgements: list[Judgement]
    final: bool


def decide(
    observed: Observations,
    random: np.random.Generator,
    *,
    last: bool,
    stored: Observations | None = None,
    margin: float = MARGIN,
    looks: int = len(LOOKS),
) -> Decision:
    """Look at what was observed; `last`: there will be no more starts (none planned, or no time).

    With `stored`, both are changes against the same yardstick, at different times, and what is judged is their difference.
    """
    told = [observed] if stored is None else [observed, stored]
    usable = [kind for kind in IN_ORDER if all(len(changes.get(kind, ())) >= FEWEST_STARTS for changes in told)]
    if not usable:
        return Decision("cannot tell", [], final=last)
    others = max(len(usable) - 1, 1)
    judgements = []
    for place, kind in enumerate(usable):
        share = 1.0 if len(usable) == 1 else 0.5 if place == 0 else 0.5 / others
        spread = spread_of_rounds(observed[kind], random)
        if stored is not None:
            spread = spread.minus(spread_of_rounds(stored[kind], random))
        judgements.append(_judge(kind, spread, ALPHA * share / looks, ALPHA / looks, margin, primary=place == 0))
    return _together(judgements, last=last)


def _judge(kind: Kind, spread: Spread, alpha: float, alpha_not: float, margin: float, *, primary: bool) -> Judgement:
    """`not slower` has to hold for all measures at once, so each may spend the whole error of a look on it."""
    low, high = spread.bound(alpha)
    _, ceiling = spread.bound(alpha_not)
    moved: Moved = "cannot tell"
    if low > math.log1p(margin):
        moved = "slower"
    elif high < -math.log1p(margin):
        moved = "faster"
    elif ceiling < math.log1p(kind.tolerance):
        moved = "not slower"
    return Judgement(kind, primary, spread, low, high, alpha, moved)


def _together(judgements: list[Judgement], *, last: bool) -> Decision:
    said = [judgement.moved for judgement in judgements]
    if "slower" in said:
        return Decision("slower", judgements, final=True)
    primary = judgements[0]
    may_be_faster = primary.moved == "not slower" and primary.spread.value < -math.log1p(MARGIN)
    settled = "cannot tell" not in said and not may_be_faster
    if (
        settled or last
    ):  # at the end the primary measure speaks for the noisier ones, which are named with what they said
        return Decision(said[0], judgements, final=True)
    return Decision("cannot tell", judgements, final=False)
