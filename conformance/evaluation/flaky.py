"""Flaky failures: what a declared rate says about the plays of a scenario (`outcome = "flaky"` in an expectations file).

A scenario that failed is played again. If all further plays fail, and that is less likely than ALPHA at the declared rate, the
failure is not the flaky one. The other direction needs more plays than a run has: the first plays of runs are counted, and once
there are so many that not one failure would be less likely than ALPHA, their number of failures is tested. Only first plays are
counted, because further plays follow from failures. Whatever the result, counting begins again: each play is tested once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gatebench.conformance.evaluation import binomial
from gatebench.conformance.outcomes import FAILURES, CheckResult, Outcome
from gatebench.conformance.requirements.expectations import Expectation

ALPHA = 0.001  # probability of an error in each test
_FAILED = {Outcome.KNOWN_FAILURE.value, *(outcome.value for outcome in FAILURES)}

Counts = dict[str, list[int]]
"""Plays and failures by the name of an entry; see `key`."""


def further_plays(entry: Expectation) -> int:
    """Return how often a failing scenario is played again: so often that all failing contradicts the rate."""
    return _smallest(lambda plays: binomial.at_least(plays, plays, entry.known_rate))


def enough_plays(entry: Expectation) -> int:
    """Return how many first plays are enough for a test: with so many, no failure contradicts the rate."""
    return _smallest(lambda plays: binomial.at_most(0, plays, entry.known_rate))


def _smallest(probability: Callable[[int], float]) -> int:
    plays = 1
    while probability(plays) > ALPHA:
        plays += 1
    return plays


def decided(first: CheckResult, again: list[CheckResult], entry: Expectation) -> CheckResult:
    """Return the result of a failing scenario from its further plays: known, or failing more often than declared."""
    failed = sum(result.outcome in FAILURES for result in again)
    counted = replace(first, failed=max(first.failed, 1) + failed, played=1 + len(again))
    probability = binomial.at_least(failed, len(again), entry.known_rate) if again else 1.0
    if probability <= ALPHA:
        reason = (
            f"{first.reason}; it failed in {failed} of {len(again)} further plays, which contradicts the declared rate of "
            f"{entry.known_rate:g} (probability {probability:.1g}): not the flaky failure of {entry.link}"
        )
        return replace(counted, reason=reason)
    plays = f", and failed in {failed} of {len(again)} further plays" if again else ""
    reason = f"{first.reason}; expected to fail at a rate of {entry.known_rate:g}{plays}: {entry.reason} ({entry.link})"
    return replace(counted, outcome=Outcome.KNOWN_FAILURE, reason=reason)


@dataclass(frozen=True)
class Tally:
    """The new counts of all flaky entries, and a sentence for each entry whose rate is contradicted."""

    counts: Counts
    stale: list[str]


def key(entry: Expectation) -> str:
    """Return the name of an entry among the counts; with another rate or link, it is another entry."""
    return f"{entry.requirement} {entry.scenario} {entry.known_rate:g} {entry.link}"


def tally(entries: Iterable[Expectation], judgements: Iterable[Mapping[str, Any]], before: Mapping[str, Any]) -> Tally:
    """Count the first plays of a run; `before` are the counts of earlier runs, of which damaged ones count as none.

    Results on the same scenario are one play, which failed if one of them did.
    """
    judged, counts, stale = list(judgements), Counts(), list[str]()
    for entry in entries:
        if entry.outcome != "flaky":
            continue
        plays, failures = _earlier(before.get(key(entry)))
        scenarios: dict[str, bool] = {}
        for judgement in judged:
            said = judgement["outcome"]
            if said in (*_FAILED, Outcome.PASS.value) and entry.matches(
                judgement["requirement"], judgement["scenario"]
            ):
                scenarios[judgement["scenario"]] = scenarios.get(judgement["scenario"], False) or said in _FAILED
        plays, failures = plays + len(scenarios), failures + sum(scenarios.values())
        if plays >= enough_plays(entry):
            probability = binomial.at_most(failures, plays, entry.known_rate)
            if probability <= ALPHA:
                stale.append(
                    f"{entry}: {failures} of {plays} plays failed, which contradicts the declared rate (probability "
                    f"{probability:.1g}); lower the rate, or remove the entry"
                )
            plays = failures = 0
        counts[key(entry)] = [plays, failures]
    return Tally(counts, stale)


def _earlier(counts: Any) -> tuple[int, int]:
    match counts:
        case [int(plays), int(failures)] if 0 <= failures <= plays:
            return plays, failures
    return 0, 0
