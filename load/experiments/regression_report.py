"""Report of a regression run: verdict, sentence and measures."""

import math

import numpy as np

from gatebench.load.analysis import sequential_test
from gatebench.load.analysis.sequential_test import IN_ORDER, Decision, MeasureResult
from gatebench.load.experiments.regression_run import ARMS, RegressionRun
from gatebench.load.results.base_model import Estimate
from gatebench.load.results.comparison_model import Comparison, Measure

ERRORS = 0.01  # of the calls; with more failures, speed is not compared


def comparison(regression: RegressionRun) -> Comparison:
    """Return the comparison of a regression run that has measurements."""
    verdict, said = _verdict(regression)
    return Comparison(
        baseline=_baseline(regression),
        yardstick=regression.names[0],
        candidate=regression.names[1],
        verdict=verdict,
        said=said,
        margin=regression.options.margin,
        tolerance=IN_ORDER[0].tolerance,
        starts=regression.starts,
        rounds=sum(len(one.baseline) for starts in regression.seen.rounds.values() for one in starts),
        looks=regression.looks,
        seconds=regression.seconds,
        shares=regression.shares,
        measures=[_measure(regression, judgement) for judgement in regression.decision.judgements],
    )


def _baseline(regression: RegressionRun) -> str:
    return (
        f"{regression.against.candidate} (stored {regression.against.time})"
        if regression.against
        else regression.names[0]
    )


def _verdict(regression: RegressionRun) -> tuple[sequential_test.Moved, str]:
    for arm in ARMS:
        done, failed = _answers(regression, arm)
        if failed > ERRORS * done:
            name = regression.names[ARMS.index(arm)]
            return (
                "cannot tell",
                f"{failed} of {done} calls of {name} failed; speeds are not compared until the calls succeed",
            )
    return regression.decision.verdict, sentence(
        regression.decision, regression.names[1], _baseline(regression), regression.starts
    )


def _answers(regression: RegressionRun, arm: str) -> tuple[int, int]:
    """Return the number of completed calls of an arm, and how many of them failed; handshakes are not calls."""
    calls = [result.whole_calls() for result in regression.results]
    done = sum(result.count(arm=arm) - result.count(arm=arm, outcome="unfinished") for result in calls)
    return done, done - sum(result.count(arm=arm, outcome="ok") for result in calls)


def _measure(regression: RegressionRun, judgement: MeasureResult) -> Measure:
    kind = judgement.kind
    baseline, candidate = regression.seen.middle(kind)
    if regression.against:
        # In today's units: the cost of the stored candidate relative to the reference measured today.
        baseline = candidate / math.exp(judgement.spread.value * (-1 if kind.more_is_better else 1))
    return Measure(
        name=kind.name,
        primary=judgement.primary,
        unit=kind.unit,
        baseline=baseline,
        candidate=candidate,
        change=Estimate(
            value=math.expm1(judgement.spread.value),
            low=finite(math.expm1(judgement.low)),
            high=finite(math.expm1(min(judgement.high, 50.0))),
            confidence=1 - 2 * judgement.alpha,
        ),
        moved=judgement.moved,
        rounds=[list(map(float, np.expm1(start))) for start in regression.seen.changes()[kind]],
        orders=regression.seen.orders[kind],
    )


def finite(value: float) -> float:
    """Clamp an infinite bound (an interval from one start is unbounded), which JSON cannot represent."""
    return max(min(value, 1e9), -1.0)


def sentence(decision: Decision, candidate: str, baseline: str, starts: int) -> str:
    """Return the verdict as a sentence: the measures that changed, by how much, after how many starts."""
    after = f"after {starts} fresh {'start' if starts == 1 else 'starts'} of each"
    moved = [judgement for judgement in decision.judgements if judgement.moved == decision.verdict]
    open_ = [judgement.kind.name for judgement in decision.judgements if judgement.moved == "cannot tell"]
    left = f"; no result for {' and '.join(open_)}" if open_ else ""
    if decision.verdict in ("slower", "faster"):
        return f"{candidate} is {decision.verdict} than {baseline}: {', '.join(map(_moved, moved))}, {after}"
    if decision.verdict == "not slower":
        primary = decision.judgements[0]
        most = f"{primary.kind.name} is at most {_percent(primary.high)}"
        return f"{candidate} is not slower than {baseline}: {most}, {after}{left}"
    wide = "the intervals are too wide; measure for longer (--seconds)"
    return f"cannot tell whether {candidate} is slower than {baseline} {after}: {wide}"


def _moved(judgement: MeasureResult) -> str:
    """`CPU per request +8.4% (+6.1% to +10.8%)`: the change of the measure; of throughput with the opposite sign."""
    value, low, high = judgement.spread.value, judgement.low, judgement.high
    if judgement.kind.more_is_better:
        value, low, high = -value, -high, -low
    return f"{judgement.kind.name} {_percent(value)} ({_percent(low)} to {_percent(high)})"


def _percent(logarithm: float) -> str:
    return f"{100 * math.expm1(min(logarithm, 50.0)):+.1f}%"
