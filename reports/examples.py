"""What was right, shown: for each requirement that something passed, the shortest scenario that did, as it was recorded."""

from typing import Any

from reports import exchanges
from reports.evidence import Event, Evidence

MOST = 16  # messages of an example


def of(requirement: str, judgements: list[Event], evidence: Evidence) -> dict[str, Any] | None:
    """The exchange that shows a requirement kept; None where nothing was judged good."""
    good = [
        judgement
        for judgement in judgements
        if judgement["requirement"] == requirement and judgement["outcome"] == "pass" and judgement["lines"]
    ]
    if not good:
        return None
    shortest = min(good, key=lambda judgement: judgement["lines"][1] - judgement["lines"][0])
    transcript = evidence.of(shortest["scenario"], shortest.get("transcript"))
    return exchanges.of_play(transcript, shortest["scenario"], MOST) if transcript else None
