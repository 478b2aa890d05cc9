"""Findings that pages count but do not show: one caller can act as another, and the gateway's vendor must know first."""

from collections import Counter
from collections.abc import Collection

from gatebench.reports.published_matrix.index import Annotation, NotPublishableError, Report

WITHHELD = "withheld"
"""The kind of a comment on findings that are not shown; its text is the reason."""


def requirements_of(readings: Collection[Annotation], named: Collection[str], report: Report) -> dict[str, int]:
    """Return the requirements whose findings are withheld, each with the number of its findings.

    These are `named` and those whose comment says so. Raises NotPublishableError if a named one has no finding.
    """
    counts = Counter(finding["requirement"] for finding in report["findings"])
    if unknown := sorted(set(named) - counts.keys()):
        raise NotPublishableError(f"--withhold {unknown[0]}: the run has no finding of it; name another requirement")
    said = {reading.requirement for reading in readings if reading.kind == WITHHELD}
    return {name: counts[name] for name in sorted(set(named) | (said & counts.keys()))}


def without(report: Report, withheld: Collection[str]) -> Report:
    """Return the report with the outcomes of these requirements, and with nothing that shows how they came about."""
    if not withheld:
        return report
    findings = [one for one in report["findings"] if one["requirement"] not in withheld]
    explained = {one["consequence_of"] for one in findings}
    return {
        **report,
        "findings": findings,
        "judgements": [one for one in report["judgements"] if one["requirement"] not in withheld],
        "causes": [one for one in report["causes"] if one["id"] in explained],
        "requirements": [
            {**one, "reason": WITHHELD, "example": None} if one["id"] in withheld else one
            for one in report["requirements"]
        ],
    }
