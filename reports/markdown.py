"""report.md: the report for the summary of a CI job or a pull request, in GitHub's dialect of Markdown.

What came off a wire is written as code spans or escaped, so that it can be neither markup nor a mention of anybody.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports import outcomes
from reports.text import counted, shorten, visible

SHOWN = 25  # findings in the table
SIGNS = {
    "harness-error": "⚙️",
    "fail": "❌",
    "untestable": "🚫",
    "known-failure": "🔶",
    "warn": "⚠️",
    "deviation": "🔷",
    "pass": "✅",
    "not-observed": "❔",
}

Report = Mapping[str, Any]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#!|~&])")


def write(report: Report, folder: Path) -> Path:
    """Put report.md into the run's folder; returns its path."""
    path = folder / "report.md"
    path.write_text(render(report), encoding="utf-8", errors="replace")
    return path


def render(report: Report) -> str:
    """The summary."""
    who = " ".join(str(report["gateway"].get(key)) for key in ("name", "version") if report["gateway"].get(key))
    lines = [f"## {_plain(who or report['target'])}: {_plain(outcomes.verdict(report))}", ""]
    if report["incomplete_reason"]:
        lines += [f"**This run is not complete:** {_plain(report['incomplete_reason'])}.", ""]
    lines += [f"**Stale expectation:** {_plain(entry)}  " for entry in report["stale"]]
    found = outcomes.counts(report)
    lines += [
        "| " + " | ".join(f"{SIGNS.get(outcome, '➖')} {outcome}" for outcome in found) + " |",
        "|" + " ---: |" * len(found),
        "| " + " | ".join(map(str, found.values())) + " |",
        "",
    ]
    size, done = counted(report["registry"]["size"], "requirement"), counted(report["judged"]["done"], "judgement")
    said = f"{size}, {done}, gatebench {_plain(report['gatebench'])}, target {_code(report['target'])}"
    return "\n".join([*lines, said, "", *_findings(report)]).rstrip() + "\n"


def _findings(report: Report) -> list[str]:
    if not report["findings"]:
        return ["No findings."]
    levels = {requirement["id"]: requirement["level"] for requirement in report["requirements"]}
    lines = ["| | requirement | what was seen | expected | actual |", "| --- | --- | --- | --- | --- |"]
    for finding in report["findings"][:SHOWN]:
        cells = [
            f"{SIGNS.get(finding['outcome'], '')} {finding['outcome']}",
            f"**{finding['requirement']}** {levels.get(finding['requirement'], '')}",
            _plain(finding["what"]) + f" ({counted(len(finding['scenarios']), 'scenario')})",
            _plain(finding["expected"] or ""),
            _code(finding["actual"]) if finding["actual"] else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    if len(report["findings"]) > SHOWN:
        lines.append(f"\n… and {counted(len(report['findings']) - SHOWN, 'more finding')} in report.html.")
    first = next((finding for finding in report["findings"] if finding["reproduce"]), None)
    if first:
        lines += ["", "The first one again:", "", "```sh", visible(first["reproduce"]).replace("```", "'''"), "```"]
    return lines


def _plain(text: object) -> str:
    """Text that means nothing but itself."""
    return _SPECIAL.sub(r"\\\1", shorten(text, 300)).replace("@", "@\u200b")


def _code(text: object) -> str:
    """A code span; a backtick in it, or a pipe, would end it or the cell."""
    return "`" + shorten(text, 200).replace("`", "'").replace("|", "¦") + "`"
