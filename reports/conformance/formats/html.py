"""report.html: the report as one file that needs no network and no server, and is complete without scripts.

The template engine escapes all recorded text; a content security policy blocks all requests.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gatebench.fixtures.recording import files
from gatebench.reports.conformance import outcomes
from gatebench.reports.conformance.analysis import causes
from gatebench.reports.conformance.layout import remarks, sequence
from gatebench.reports.conformance.layout.blocks import (
    FindingGroup,
    consequences,
    group_findings,
    unexplained_findings,
)
from gatebench.reports.rendering import templates

Report = Mapping[str, Any]

_LEVELS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY")
_PLAIN_CLAIMS = {"virtual-servers": "virtual."}


def write(report: Report, folder: Path, load: Report | None = None) -> Path:
    """Write report.html into the folder of the run and return its path. `load`: see `render`."""
    path = folder / "report.html"
    files.write_text(path, render(report, load))
    return path


def render(report: Report, load: Report | None = None) -> str:
    """Return the page as HTML; `load`: the section on a load run (`gatebench.reports.load.html.section`)."""
    requirements = {requirement["id"]: requirement for requirement in report["requirements"]}
    outcome_of = {name: str(requirement["outcome"]) for name, requirement in requirements.items()}
    return (
        templates.environment(picture=sequence.picture)
        .get_template("report.html.j2")
        .render(
            report=report,
            who=" ".join(str(report["gateway"].get(key)) for key in ("name", "version") if report["gateway"].get(key)),
            verdict=outcomes.verdict(report),
            tone={"conformant": "good", "findings": "bad"}.get(report["conclusion"], "open"),
            counts=outcomes.counts(report),
            claims=_claims(report, requirements),
            groups=_groups(report["requirements"]),
            levels=[level for level in _LEVELS if any(r["level"] == level for r in report["requirements"])],
            requirements=requirements,
            blocks=[
                (block, [requirements[name] for name in block.requirements]) for block in _in_order(report["findings"])
            ],
            outcome_of=outcome_of,
            below={cause["id"]: consequences(report["findings"], cause["id"]) for cause in report["causes"]},
            headlines={cause["id"]: cause["headline"] for cause in report["causes"]},
            summary=causes.summary(report),
            judgements=_by_requirement(report["judgements"]),
            remarks=remarks.of_requirements(report["judgements"], 12),
            filters=_filters(report, outcome_of),
            meanings=outcomes.MEANINGS,
            load=load,
        )
    )


def _in_order(findings: list[dict[str, Any]]) -> list[FindingGroup]:
    """Return the groups of findings, those without a cause first."""
    return group_findings(unexplained_findings(findings)) + group_findings(
        f for f in findings if f["consequence_of"] is not None
    )


def _by_requirement(judgements: Iterable[Report]) -> dict[str, list[Report]]:
    """Group results by requirement, worst first."""
    found: dict[str, list[Report]] = {}
    for judgement in judgements:
        found.setdefault(judgement["requirement"], []).append(judgement)
    for own in found.values():
        own.sort(key=lambda judgement: outcomes.rank(judgement["outcome"]))
    return found


def _groups(requirements: Iterable[Report]) -> dict[str, list[Report]]:
    found: dict[str, list[Report]] = {}
    for requirement in requirements:
        found.setdefault(requirement["group"], []).append(requirement)
    return found


def _claims(report: Report, requirements: Mapping[str, Report]) -> list[tuple[str, str, dict[str, int]]]:
    """Return (kind, name, results by outcome) for every claimed feature and revision."""
    claimed = [("feature", name) for name in report["claims"]["features"]]
    claimed += [("revision", name) for name in report["claims"]["revisions"]]
    rows = []
    for kind, name in claimed:
        own = (
            judgement["outcome"]
            for judgement in report["judgements"]
            if _concerns(name, judgement, requirements.get(judgement["requirement"], {}))
        )
        judged = Counter(outcome for outcome in own if outcome not in outcomes.UNJUDGED)
        rows.append((kind, name, {outcome: judged[outcome] for outcome in outcomes.ORDER if judged[outcome]}))
    return rows


def _concerns(claim: str, judgement: Report, requirement: Report) -> bool:
    """Return True if a result concerns a claim: by its requirement, or a scenario value (`user.alice`, `oauth.mail`).

    The scenarios for `outside` are a module of their own.
    """
    if requirement.get("feature") == claim or (claim == "outside" and judgement["scenario"].startswith("outside/")):
        return True
    values = judgement["scenario"].partition("[")[2]
    kind, _, name = claim.partition(".")
    mark = (
        f"{name}." if kind in ("caller", "upstream") else _PLAIN_CLAIMS.get(claim, claim if claim[:2] == "20" else "")
    )
    return bool(mark) and re.search(rf"(?<![\w.]){re.escape(mark)}", values) is not None


def _filters(report: Report, outcome_of: Mapping[str, str]) -> dict[str, int]:
    """Return the outcomes to filter by, with the number of findings and requirements of each."""
    found = Counter([*outcome_of.values(), *(block.first["outcome"] for block in _in_order(report["findings"]))])
    return {outcome: found[outcome] for outcome in outcomes.ORDER if found[outcome]}
