"""Comparison of two reports, for example of two versions of a gateway."""

from collections.abc import Iterator, Mapping
from typing import Any

from gatebench.reports.conformance import outcomes
from gatebench.reports.rendering.text import counted, visible

Report = Mapping[str, Any]

_BAD = {"harness-error", "fail", "untestable", "known-failure", "warn"}


def compare(before: Report, after: Report) -> dict[str, Any]:
    """Return the changes as data: requirements that are worse, better or different, new and gone findings, claims.

    Worse: a requirement is newly red, newly warns, or has a new finding. Better: the reverse. A requirement that is only no
    longer checked (not claimed, not selected) is different.
    """
    old, new = ({r["id"]: r for r in report["requirements"]} for report in (before, after))
    changed = [
        _change(name, old[name], new[name])
        for name in new
        if name in old and old[name]["outcome"] != new[name]["outcome"]
    ]
    came, went = _findings(before, after), _findings(after, before)
    return {
        "before": _identity(before),
        "after": _identity(after),
        "worse": [change for change in changed if _worse(change)],
        "better": [change for change in changed if _worse({"before": change["after"], "after": change["before"]})],
        "different": [change for change in changed if _bad(change["before"]) == _bad(change["after"])],
        "new_findings": came,
        "gone_findings": went,
        "requirements_added": [name for name in new if name not in old],
        "requirements_removed": [name for name in old if name not in new],
        "claims_added": _claims(after, before),
        "claims_removed": _claims(before, after),
        "regressed": any(map(_worse, changed)) or any(finding["outcome"] in _BAD for finding in came),
    }


def _identity(report: Report) -> dict[str, Any]:
    return {
        "gateway": dict(report["gateway"]),
        "target": report["target"],
        "time": report["time"],
        "gatebench": report["gatebench"],
        "registry": report["registry"]["digest"],
        "conclusion": report["conclusion"],
        "complete": report["complete"],
        "totals": dict(report["totals"]),
    }


def _change(name: str, old: Report, new: Report) -> dict[str, Any]:
    outcome_pair = {"before": str(old["outcome"]), "after": str(new["outcome"])}
    return {"requirement": name, "level": new["level"], "text": new["text"], **outcome_pair}


def _bad(outcome: str) -> bool:
    return outcome in _BAD or outcome == "not-observed"


def _worse(change: Mapping[str, str]) -> bool:
    if _bad(change["after"]) and not _bad(change["before"]):
        return True
    both = _bad(change["after"]) and _bad(change["before"])
    return both and outcomes.rank(change["after"]) < outcomes.rank(change["before"])


def _findings(before: Report, after: Report) -> list[dict[str, Any]]:
    """Return the findings of `after` whose requirement and cause are not in `before`."""
    known = {(finding["requirement"], finding["cause"]) for finding in before["findings"]}
    keys = ("id", "requirement", "outcome", "what", "expected", "actual", "reproduce")
    return [
        {**{key: finding[key] for key in keys}, "scenarios": len(finding["scenarios"])}
        for finding in after["findings"]
        if (finding["requirement"], finding["cause"]) not in known
    ]


def _claims(report: Report, other: Report) -> list[str]:
    return [
        name
        for key in ("features", "revisions", "deviations")
        for name in report["claims"][key]
        if name not in other["claims"][key]
    ]


def lines(changes: Mapping[str, Any]) -> Iterator[str]:
    """Yield the changes as lines of text."""
    for word in ("before", "after"):
        yield f"{word + ':':8}{_named(changes[word])}"
    if changes["before"]["registry"] != changes["after"]["registry"]:
        yield "the reports use different versions of the requirements; only common requirements are compared"
    for kind in ("worse", "better", "different"):
        for change in changes[kind]:
            yield (
                f"{kind:10}{change['requirement']}: {change['before']} -> {change['after']}"
                f"  ({change['level']}: {change['text']})"
            )
    for kind, word in (("new_findings", "new"), ("gone_findings", "gone")):
        for finding in changes[kind]:
            what = f"{finding['outcome']} {finding['requirement']}: {visible(finding['what'])}"
            yield f"{word:10}{what} ({counted(finding['scenarios'], 'scenario')})"
    for kind in ("requirements_added", "requirements_removed", "claims_added", "claims_removed"):
        if changes[kind]:
            yield f"{kind.replace('_', ' ')}: {', '.join(changes[kind])}"
    yield _conclusion(changes)


def _named(identity: Mapping[str, Any]) -> str:
    who = " ".join(str(identity["gateway"].get(key)) for key in ("name", "version") if identity["gateway"].get(key))
    part = "" if identity["complete"] else ", NOT COMPLETE"
    return f"{who or identity['target']}, {identity['time']}, {identity['conclusion']}{part}"


def _conclusion(changes: Mapping[str, Any]) -> str:
    if changes["regressed"]:
        new = sum(finding["outcome"] in _BAD for finding in changes["new_findings"])
        return f"worse: {counted(len(changes['worse']), 'requirement')}, {counted(new, 'new finding')}"
    if changes["better"] or changes["gone_findings"]:
        return f"better: {counted(len(changes['better']), 'requirement')}, nothing worse"
    return "nothing got worse"
