"""Examples of passing traffic: for each requirement, the shortest scenario that passed."""

from typing import Any

from gatebench.conformance.events import Event
from gatebench.reports.conformance.traffic import exchanges
from gatebench.reports.conformance.traffic.evidence import Evidence

MAX_COUNT = 16  # messages of an example


def of(requirement: str, judgements: list[Event], evidence: Evidence) -> dict[str, Any] | None:
    """Return an exchange that meets a requirement; None if no scenario passed."""
    good = [
        judgement
        for judgement in judgements
        if judgement["requirement"] == requirement and judgement["outcome"] == "pass" and judgement["lines"]
    ]
    if not good:
        return None
    shortest = min(good, key=lambda judgement: judgement["lines"][1] - judgement["lines"][0])
    transcript = evidence.of(shortest["scenario"], shortest.get("transcript"))
    return exchanges.of_play(transcript, shortest["scenario"], MAX_COUNT) if transcript else None
