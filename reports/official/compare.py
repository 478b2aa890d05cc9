"""Comparison of two reports of the official suite, for example of two versions of a gateway."""

from collections.abc import Iterator
from typing import Any

from gatebench.conformance.official.statuses import BEST_FIRST
from gatebench.reports.rendering.text import counted, visible

Report = dict[str, Any]


def compare(before: Report, after: Report) -> dict[str, Any]:
    """Return what changed through the gateway, as data: checks that are worse, better, new or gone.

    Checks whose direct result changed as well are `different`: the upstream or the suite changed, not the gateway.
    """
    old, new = _checks(before), _checks(after)
    changes: dict[str, Any] = {"before": _identity(before), "after": _identity(after)}
    changes |= {kind: [] for kind in ("worse", "better", "different")}
    for name in old.keys() & new.keys():
        was, is_now = old[name], new[name]
        if was["gateway"]["status"] == is_now["gateway"]["status"]:
            continue
        change = {"check": "/".join(name), "before": was["gateway"]["status"], "after": is_now["gateway"]["status"]}
        worse = BEST_FIRST.index(change["after"]) > BEST_FIRST.index(change["before"])
        moved = was["direct"]["status"] != is_now["direct"]["status"]
        changes["different" if moved else "worse" if worse else "better"].append(change)
    for kind in ("worse", "better", "different"):
        changes[kind].sort(key=lambda change: str(change["check"]))
    changes["new"] = sorted("/".join(name) for name in new.keys() - old.keys())
    changes["gone"] = sorted("/".join(name) for name in old.keys() - new.keys())
    changes["regressed"] = bool(changes["worse"])
    return changes


def lines(changes: dict[str, Any]) -> Iterator[str]:
    """Yield the changes as lines of text."""
    for word in ("before", "after"):
        one = changes[word]
        yield f"{word + ':':8}{visible(one['target'])}, {one['time']}, suite {one['suite']}, {one['conclusion']}"
    for kind in ("worse", "better", "different"):
        for change in changes[kind]:
            yield f"{kind:10}{visible(change['check'])}: {change['before']} -> {change['after']}"
    for kind in ("new", "gone"):
        if changes[kind]:
            yield f"{kind} checks: {', '.join(map(visible, changes[kind]))}"
    yield f"worse: {counted(len(changes['worse']), 'check')}" if changes["regressed"] else "nothing got worse"


def _identity(report: Report) -> dict[str, str]:
    facts = {key: str(report[key]) for key in ("target", "time", "conclusion")}
    return facts | {"suite": str(report["suite"]["version"])}


def _checks(report: Report) -> dict[tuple[str, str, str], Any]:
    return {
        (revision, row["scenario"], row["check"]): row
        for revision, facts in report["revisions"].items()
        for row in facts["rows"]
    }
