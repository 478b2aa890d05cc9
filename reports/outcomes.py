"""The words for what became of a requirement, and what they add up to."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from reports.text import counted

# Worst first: a requirement has the worst of its judgements.
ORDER = (
    "harness-error",
    "fail",
    "untestable",
    "known-failure",
    "warn",
    "deviation",
    "pass",
    "not-observed",
    "skipped",
    "not-applicable",
    "excluded",
)
RED = {"harness-error", "fail", "untestable"}
FINDINGS = (*ORDER[:6], "not-observed")
"""What a reader must be told about, worst first. `not-observed` is never green: of a selected requirement it is a finding."""


def worst(outcomes: Iterable[str]) -> str:
    """The outcome that decides; not-observed when there is none."""
    return min(outcomes, key=rank, default="not-observed")


def rank(outcome: str) -> int:
    """Place in ORDER; an unknown word is worst of all."""
    return ORDER.index(outcome) if outcome in ORDER else -1


def totals(outcomes: Iterable[str]) -> dict[str, int]:
    """How many of each; every outcome has an entry, and the entries sum to the number given."""
    counted = Counter(outcomes)
    return {outcome: counted.pop(outcome, 0) for outcome in ORDER} | dict(counted)


def conclusion(
    requirements: Iterable[Mapping[str, Any]], judged: Iterable[str], *, complete: bool, stale: bool = False
) -> str:
    """What a run comes to: `harness-error`, `findings`, `nothing-judged`, `incomplete` or `conformant`.

    `stale`: something that was expected to fail did not, which must not go unnoticed.
    """
    selected = {requirement["outcome"] for requirement in requirements if requirement["selected"]}
    said = set(judged)
    if "harness-error" in selected:
        return "harness-error"
    if selected & RED or stale:
        return "findings"
    if not said - {"not-applicable", "not-observed", "skipped"}:
        return "nothing-judged" if complete else "incomplete"
    if not complete:
        return "incomplete"
    return "findings" if "not-observed" in selected else "conformant"


def counts(report: Mapping[str, Any]) -> dict[str, int]:
    """Requirements by outcome, those that were not selected apart; only what there is."""
    found = dict(report["totals"])
    apart = sum(r["outcome"] == "not-observed" and not r["selected"] for r in report["requirements"])
    found["not-observed"] -= apart
    return {outcome: count for outcome, count in (found | {"not selected": apart}).items() if count}


def verdict(report: Mapping[str, Any]) -> str:
    """What a run comes to, in one line."""
    said, found = report["conclusion"], report["totals"]
    if said == "conformant":
        everything = report["registry"]["size"] - found["excluded"]
        part = "" if report["selected"] == everything else " (of the selected requirements)"
        if report["claims"]["features"] == ["outside"]:
            return "nothing wrong that shows from outside; what reaches its upstreams was not judged"
        return f"conformant for what it claims{part}"
    if said == "harness-error":
        return "gatebench itself failed: see the harness errors; they are never held against the gateway"
    if said == "nothing-judged":
        return "nothing was judged: everything selected needs features that are not claimed, or never came up"
    if said == "incomplete":
        return "no finding so far, but the run did not come to its end"
    red = [f"{found[outcome]} {outcome}" for outcome in found if outcome in RED and found[outcome]]
    red += [counted(len(report["stale"]), "stale expectation")] if report["stale"] else []
    silent = sum(r["selected"] and r["outcome"] == "not-observed" for r in report["requirements"])
    return "not conformant: " + ", ".join([*red, *([f"{silent} not observed"] if silent else [])])
