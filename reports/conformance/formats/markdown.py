"""report.md: a summary for CI jobs and pull requests, in GitHub Flavored Markdown.

Recorded text is escaped or in code spans, so that it cannot act as markup or as a mention.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatebench.fixtures.recording import files
from gatebench.reports.conformance import outcomes
from gatebench.reports.conformance.analysis import causes
from gatebench.reports.conformance.layout.blocks import consequences, unexplained_findings
from gatebench.reports.rendering.markdown import code, plain
from gatebench.reports.rendering.text import counted, visible

SHOWN = 25  # findings in the table
CAUSES = 10  # causes listed
BELOW = 10  # consequences listed below a cause
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


def write(report: Report, folder: Path) -> Path:
    """Write report.md into the folder of the run and return its path."""
    path = folder / "report.md"
    files.write_text(path, render(report))
    return path


def render(report: Report) -> str:
    """Return the report as Markdown."""
    who = " ".join(str(report["gateway"].get(key)) for key in ("name", "version") if report["gateway"].get(key))
    lines = [f"## {plain(who or report['target'])}: {plain(outcomes.verdict(report))}", ""]
    if report["incomplete_reason"]:
        lines += [f"**This run is not complete:** {plain(report['incomplete_reason'])}.", ""]
    lines += [f"**Restarted:** {plain(outcomes.restarted(entry))}  " for entry in report.get("restarts", [])]
    if report.get("cut"):
        lines += [f"**This run was cut short:** {plain(report['cut'])}.", ""]
    lines += [f"**Stale expectation:** {plain(entry)}  " for entry in report["stale"]]
    found = outcomes.counts(report)
    lines += [
        "| " + " | ".join(f"{SIGNS.get(outcome, '➖')} {outcome}" for outcome in found) + " |",
        "|" + " ---: |" * len(found),
        "| " + " | ".join(map(str, found.values())) + " |",
        "",
    ]
    size, done = counted(report["registry"]["size"], "requirement"), counted(report["judged"]["done"], "check result")
    summary_line = f"{size}, {done}, gatebench {plain(report['gatebench'])}, target {code(report['target'])}"
    return "\n".join([*lines, summary_line, "", *_causes(report), *_findings(report)]).rstrip() + "\n"


def _causes(report: Report) -> list[str]:
    """Return the lines of each cause with the findings that follow from it."""
    if not report["causes"]:
        return []
    lines = [f"**{causes.summary(report)}:**", ""]
    for cause in report["causes"][:CAUSES]:
        lines.append(f"- **{plain(cause['headline'])}** ({counted(len(cause['scenarios']), 'scenario')})")
        below = consequences(report["findings"], cause["id"])
        lines += [
            f"  - {SIGNS.get(block.first['outcome'], '')} {', '.join(block.requirements)}: {plain(block.first['what'])}"
            for block in below[:BELOW]
        ]
        elsewhere = len(cause["findings"]) - sum(len(block.findings) for block in below[:BELOW])
        lines += [f"  - … and {counted(elsewhere, 'more finding')}"] if elsewhere > 0 else []
    if len(report["causes"]) > CAUSES:
        lines.append(f"- … and {counted(len(report['causes']) - CAUSES, 'more cause')} in report.html")
    return [*lines, ""]


def _findings(report: Report) -> list[str]:
    if not report["findings"]:
        return ["No findings."]
    alone = unexplained_findings(report["findings"])
    if not alone:
        return _again(report["findings"])
    levels = {requirement["id"]: requirement["level"] for requirement in report["requirements"]}
    lines = ["| | requirement | observed | expected | actual |", "| --- | --- | --- | --- | --- |"]
    for finding in alone[:SHOWN]:
        cells = [
            f"{SIGNS.get(finding['outcome'], '')} {finding['outcome']}",
            f"**{finding['requirement']}** {levels.get(finding['requirement'], '')}",
            plain(finding["what"]) + f" ({counted(len(finding['scenarios']), 'scenario')})",
            plain(finding["expected"] or ""),
            code(finding["actual"]) if finding["actual"] else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    if len(alone) > SHOWN:
        lines.append(f"\n… and {counted(len(alone) - SHOWN, 'more finding')} in report.html.")
    return [*lines, "", *_again(report["findings"])]


def _again(findings: list[dict[str, Any]]) -> list[str]:
    """Return the command that reproduces the first finding."""
    first = next((finding for finding in findings if finding["reproduce"]), None)
    if first is None:
        return []
    return ["To reproduce the first finding:", "", "```sh", visible(first["reproduce"]).replace("```", "'''"), "```"]
