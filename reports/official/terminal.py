"""The report of the official suite on a terminal: scenarios that differ, check by check, and the conclusion."""

from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gatebench.reports.official.model import DIFFERENT, rows, scenarios, sentence
from gatebench.reports.rendering.text import shorten, visible

_STYLES = {
    "fail": "bold red",
    "warn": "bold yellow",
    "known-failure": "yellow",
    "known-flaw": "yellow",
    "not-run": "bold red",
}
_SHOWN = 20  # checks with their messages; the rest are in the other reports


def show(report: dict[str, Any], stream: TextIO) -> None:
    """Print the report. Colours are used on a terminal unless NO_COLOR is set."""
    console = _console(stream)
    suite = report["suite"]
    console.print(f"official suite {suite['package']} {suite['version']}, target {visible(report['target'])}")
    for revision, facts in report["revisions"].items():
        _table(console, revision, facts)
    found = [(revision, row) for outcome in DIFFERENT for revision, row in rows(report, outcome)]
    for revision, row in found[:_SHOWN]:
        name = f"{revision} {row['scenario']} / {row['check']}"
        console.print(Text(f"{row['outcome']:14}{visible(name)}", _STYLES.get(row["outcome"], "")))
        console.print(f"{'':14}direct {row['direct']['status']}, gateway {row['gateway']['status']}")
        if row["reason"]:
            console.print(f"{'':14}{shorten(visible(row['reason']), 300)}")
    if len(found) > _SHOWN:
        console.print(f"... and {len(found) - _SHOWN} more in official.html")
    conclude(report, stream)


def conclude(report: dict[str, Any], stream: TextIO) -> None:
    """Print only the conclusion."""
    console = _console(stream)
    for entry in report["stale"]:
        console.print(Text(f"stale expectation: {visible(entry)}", "bold red"))
    if report["trouble"]:
        console.print(Text(f"incomplete: {visible(report['trouble'])}", "bold yellow"))
    good = report["conclusion"] == "conformant"
    console.print(Text(f"{report['conclusion']}: {sentence(report)}", "bold green" if good else "bold red"))


def _table(console: Console, revision: str, facts: dict[str, Any]) -> None:
    table = Table(
        title=f"{revision}: {facts['scored']} scenarios that count, {len(facts['unscored'])} others",
        title_justify="left",
    )
    for heading in ("scenario", "direct", "gateway", ""):
        table.add_column(heading)
    same = 0
    for name, direct, gateway, outcome in scenarios(facts):
        if outcome == "same" and direct == "pass":
            same += 1
            continue
        counted = "" if name not in facts["unscored"] else f" ({facts['unscored'][name]}: does not count)"
        table.add_row(name + counted, direct, gateway, Text(outcome, _STYLES.get(outcome, "")))
    if same:
        table.add_row(f"{same} other scenarios", "pass", "pass", "same")
    console.print(table)


def _console(stream: TextIO) -> Console:
    plain = Console(file=stream, highlight=False, markup=False, emoji=False)
    return (
        plain
        if plain.is_terminal
        else Console(file=stream, highlight=False, markup=False, emoji=False, width=110, no_color=True)
    )
