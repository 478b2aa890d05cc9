"""official.md: the tables Direct | Gateway for CI jobs and pull requests, in GitHub Flavored Markdown."""

from pathlib import Path
from typing import Any

from gatebench.fixtures.recording import files
from gatebench.reports.official.model import DIFFERENT, rows, scenarios, sentence
from gatebench.reports.rendering.markdown import code, plain

_SIGNS = {"pass": "✅", "fail": "❌", "warn": "⚠️", "absent": "➖", "skipped": "➖", "info": "✅"}


def write(report: dict[str, Any], folder: Path) -> Path:
    """Write official.md into the folder of the run and return its path."""
    path = folder / "official.md"
    files.write_text(path, render(report))
    return path


def render(report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    suite = report["suite"]
    lines = [f"## {plain(report['target'])}: {plain(sentence(report))}", ""]
    lines += [
        f"Official suite {code(suite['package'])} {plain(suite['version'])}, gatebench {plain(report['gatebench'])}.",
        "",
    ]
    if report["trouble"]:
        lines += [f"**Incomplete:** {plain(report['trouble'])}.", ""]
    lines += [f"**Stale expectation:** {plain(entry)}  " for entry in report["stale"]]
    found = [(revision, row) for outcome in DIFFERENT for revision, row in rows(report, outcome)]
    if found:
        lines += ["| outcome | revision | scenario | check | direct | gateway | text |", "| --- " * 7 + "|"]
        for revision, row in found:
            cells = [row["outcome"], revision, code(row["scenario"]), code(row["check"])]
            cells += [row["direct"]["status"], row["gateway"]["status"], plain(row["reason"])]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    for revision, facts in report["revisions"].items():
        lines += [f"### {revision}", "", "| scenario | Direct | Gateway | |", "| --- | :-: | :-: | --- |"]
        for name, direct, gateway, outcome in scenarios(facts):
            reason = facts["unscored"].get(name)
            remark = " ".join(
                part for part in ("" if outcome == "same" else outcome, f"({reason})" if reason else "") if part
            )
            lines.append(f"| {code(name)} | {_SIGNS[direct]} {direct} | {_SIGNS[gateway]} {gateway} | {remark} |")
        lines.append("")
    return "\n".join(lines)
