"""Annotations of a run for GitHub Actions: one workflow command for each cause and for each finding without one.

Source: GitHub Actions, workflow commands, "Setting an error message". Text of a gateway is escaped as in the runner's toolkit, so
that it is never a command. A runner shows the first ten errors and the first ten warnings of a step.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from gatebench.reports.conformance.layout.blocks import group_findings, unexplained_findings
from gatebench.reports.rendering.text import counted, shorten, visible

MAX_TEXT = 500  # characters
LEVELS = {"warn": "warning", "known-failure": "notice", "deviation": "notice"}  # the other findings are errors

Report = Mapping[str, Any]


def lines(report: Report) -> Iterator[str]:
    """Yield the workflow commands, errors first."""
    found = [
        ("error", _title(cause["requirements"]), f"{cause['headline']} ({counted(len(cause['findings']), 'finding')})")
        for cause in report["causes"]
    ]
    for block in group_findings(unexplained_findings(report["findings"])):
        first = block.first
        compared = f" expected: {first['expected']}; actual: {first['actual']}" if first["expected"] else ""
        text = f"{first['what']} (in {counted(block.scenarios, 'scenario')}){compared}"
        found.append((LEVELS.get(first["outcome"], "error"), _title(block.requirements), text))
    found.sort(key=lambda one: ("error", "warning", "notice").index(one[0]))
    for level, title, text in found:
        where = f"file={_property(report['descriptor'])}," if report["descriptor"] else ""
        yield f"::{level} {where}title={_property(title)}::{_data(shorten(text, MAX_TEXT))}"


def _title(requirements: list[str]) -> str:
    more = f" and {len(requirements) - 3} more" if len(requirements) > 3 else ""
    return f"gatebench {', '.join(requirements[:3])}{more}"


def _data(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
