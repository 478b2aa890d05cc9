"""Outcomes of requirements, their totals, and the conclusion of a run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from gatebench.conformance import outcomes as words
from gatebench.reports.rendering.text import counted

# As strings, worst first, in the order of gatebench.conformance.outcomes.
ORDER = tuple(outcome.value for outcome in words.ORDER)
RED = frozenset(outcome.value for outcome in words.RED)
UNJUDGED = frozenset(outcome.value for outcome in words.UNJUDGED)
UNPLAYED = frozenset(outcome.value for outcome in words.UNPLAYED)
FINDINGS = (*ORDER[: ORDER.index("pass")], "not-observed")
"""Outcomes that are reported as findings, worst first; `not-observed` of a selected requirement is one of them."""

MEANINGS = {
    "harness-error": "an error of gatebench",
    "fail": "violated",
    "untestable": "a prerequisite failed: a control was not accepted, or a scenario did not complete",
    "known-failure": "violated, and listed in the expectations file",
    "warn": "a SHOULD that is not met",
    "deviation": "violated on purpose, and declared in the descriptor",
    "pass": "met in every scenario that checked it",
    "not-observed": "a scenario ran, and the traffic that the requirement is about did not occur",
    "skipped": "skipped by the expectations file",
    "not-selected": "`-k`, `-m`, `--lf`, `--deselect` or a path excluded every scenario that applies",
    "not-played": "no scenario exists for the claimed revisions, or for this kind of target",
    "not-applicable": "a feature that it needs is not claimed, it applies to other revisions, "
    "or it is a SHOULD whose precondition did not occur",
    "excluded": "cannot be checked; the registry documents why",
}
"""What each outcome of a requirement means, as in docs/report.md."""


def worst(outcomes: Iterable[str]) -> str:
    """Return the worst outcome; not-observed if there is none."""
    return min(outcomes, key=rank, default="not-observed")


def rank(outcome: str) -> int:
    """Return the position in ORDER; an unknown outcome sorts first."""
    return ORDER.index(outcome) if outcome in ORDER else -1


def totals(outcomes: Iterable[str]) -> dict[str, int]:
    """Return the count of every outcome; the counts sum to the number of outcomes given."""
    counted = Counter(outcomes)
    return {outcome: counted.pop(outcome, 0) for outcome in ORDER} | dict(counted)


def conclusion(
    requirements: Iterable[Mapping[str, Any]], judged: Iterable[str], *, complete: bool, stale: bool = False
) -> str:
    """Return the conclusion: `harness-error`, `findings`, `nothing-judged`, `incomplete` or `conformant`.

    `stale`: an expected failure did not occur, which is a finding.
    """
    selected = {requirement["outcome"] for requirement in requirements if requirement["selected"]}
    result = set(judged)
    if "harness-error" in selected:
        return "harness-error"
    if selected & RED - {"not-observed"} or stale:
        return "findings"
    if not result - UNJUDGED:
        return "nothing-judged" if complete else "incomplete"
    if not complete:
        return "incomplete"
    return "findings" if "not-observed" in selected else "conformant"


def counts(report: Mapping[str, Any]) -> dict[str, int]:
    """Return nonzero counts of requirements by outcome, worst first. They sum to the size of the registry."""
    return {outcome: count for outcome, count in report["totals"].items() if count}


def verdict(report: Mapping[str, Any]) -> str:
    """Return the conclusion as one line."""
    result, found = report["conclusion"], report["totals"]
    if result == "conformant":
        part = " (of the selected requirements)" if found["not-selected"] else ""
        part += f"; {counted(found['not-played'], 'requirement')} not played" if found["not-played"] else ""
        if [name for name in report["claims"]["features"] if not name.startswith("world.")] == ["outside"]:
            return "no finding from outside; traffic to the upstreams was not checked"
        return f"conformant with its claims{part}"
    if result == "harness-error":
        return "gatebench failed: see the harness errors, which do not count against the gateway"
    if result == "nothing-judged":
        return "nothing was checked: all selected requirements need unclaimed features, or were not observed"
    if result == "incomplete":
        return "no finding so far, but the run did not complete"
    red = [f"{found[outcome]} {outcome}" for outcome in found if outcome in RED and found[outcome]]
    red += [counted(len(report["stale"]), "stale expectation")] if report["stale"] else []
    return "not conformant: " + ", ".join(red)


def restarted(entry: Mapping[str, str]) -> str:
    """Return one sentence about a restart of the gateway by the bench."""
    done = f"it could not be started again: {entry['failure']}" if entry["failure"] else "it was started again"
    return f"{entry['why']} during {entry['scenario']}; {done}"
