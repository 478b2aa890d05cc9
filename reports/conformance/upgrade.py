"""Conversion of reports and verdicts of earlier formats to the current one.

Format 1 used `not-applicable` and `not-observed` for everything that was not checked; its reasons distinguish the current
outcomes. It had no causes.
"""

import re
from collections.abc import Mapping
from typing import Any

from gatebench.conformance.outcomes import Outcome, worst
from gatebench.reports.conformance import outcomes

REPORT_FORMAT = 2
REPORTS_READ = (1, REPORT_FORMAT)

_NO_FEATURE = re.compile(r"(?:revision|principal|server)\.\S+|world\.\S+|own-output|named-addresses|several-servers")
_CLAIMED = " not claimed"
_NO_WORLD = "not run: it needs a world where "

Record = dict[str, Any]


def report(old: Mapping[str, Any]) -> Record:
    """Return a report.json in the current format. Raises ValueError for an unknown format or an invalid report."""
    if old.get("report") == REPORT_FORMAT:
        return dict(old)
    if old.get("report") not in REPORTS_READ:
        raise ValueError(f"report format {old.get('report')} is not known")
    try:
        return _of_format_1(old)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"it violates the schema of report format 1 ({type(error).__name__}: {error})") from error


def _of_format_1(old: Mapping[str, Any]) -> Record:
    judgements = [judgement(one) for one in old["judgements"]]
    of_requirement: dict[str, list[Record]] = {}
    for one in judgements:
        of_requirement.setdefault(one["requirement"], []).append(one)
    requirements = [_requirement(one, of_requirement.get(one["id"], [])) for one in old["requirements"]]
    return {
        **old,
        "report": REPORT_FORMAT,
        "judgements": judgements,
        "requirements": requirements,
        "totals": outcomes.totals(one["outcome"] for one in requirements),
        "judged": {**old["judged"], "totals": outcomes.totals(one["outcome"] for one in judgements)},
        "findings": [{**finding, "consequence_of": None} for finding in old["findings"]],
        "causes": [],
    }


def judgement(old: Mapping[str, Any]) -> Record:
    """Convert a result of format 1."""
    if old["outcome"] != Outcome.NOT_APPLICABLE:
        return dict(old)
    reason = str(old.get("reason", ""))
    names = reason.removesuffix(_CLAIMED).split(", ") if reason.endswith(_CLAIMED) else []
    unplayed = reason.startswith(_NO_WORLD) or (names and all(map(_NO_FEATURE.fullmatch, names)))
    return {**old, "outcome": (Outcome.NOT_PLAYED if unplayed else Outcome.NOT_APPLICABLE).value, "played": 0}


def verdicts(
    header: Record, judgements: list[Record], footer: Record | None
) -> tuple[Record, list[Record], Record | None]:
    """Convert the lines of a verdicts.jsonl of format 1; outcomes of requirements are derived from them."""
    selected = set(header.get("selected", []))
    unplayed = {
        entry["id"]: {"outcome": Outcome.NOT_SELECTED.value, "reason": "not selected in this run"}
        for entry in header["requirements"]
        if entry["id"] not in selected
    }
    ended = footer and {**footer, "outcomes": {}}
    return {**header, "unplayed": unplayed}, [judgement(one) for one in judgements], ended


def _requirement(old: Mapping[str, Any], own: list[Record]) -> Record:
    outcome, reason = old["outcome"], old["reason"]
    if outcome == Outcome.NOT_OBSERVED and not old["selected"]:
        outcome = Outcome.NOT_SELECTED.value
    elif outcome == Outcome.NOT_APPLICABLE and own:
        outcome = worst(Outcome(one["outcome"]) for one in own).value
        reason = next(one["reason"] for one in own if one["outcome"] == outcome)
    judged = outcomes.totals(one["outcome"] for one in own)
    return {
        **old,
        "outcome": outcome,
        "reason": reason,
        "judgements": {word: number for word, number in judged.items() if number},
    }
