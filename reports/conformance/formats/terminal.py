"""Terminal report of a conformance run: causes, findings with exchanges, counts, conclusion."""

from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from gatebench.reports.conformance import outcomes
from gatebench.reports.conformance.analysis import causes
from gatebench.reports.conformance.layout import remarks, sequence_text
from gatebench.reports.conformance.layout.blocks import (
    FindingGroup,
    consequences,
    group_findings,
    unexplained_findings,
)
from gatebench.reports.rendering.text import counted, shorten, to_ascii, visible

CAUSES = 5  # causes shown with their exchange; the rest are listed
BELOW = 8  # consequences listed below a cause
IN_FULL = 5  # findings shown in full; the rest are listed
LISTED = 30

_STYLES = {
    "harness-error": "bold magenta",
    "fail": "bold red",
    "untestable": "bold red",
    "not-observed": "bold red",
    "known-failure": "yellow",
    "warn": "bold yellow",
    "deviation": "yellow",
    "pass": "green",
}
_ACCEPTED = {"deviation", "known-failure"}  # declared beforehand: listed only
_WIDEST = 140

MENTIONED = 3
"""Number of different remarks shown for a requirement; the longest times come first."""

Finding = Mapping[str, Any]


def show(report: Mapping[str, Any], stream: TextIO, *, width: int | None = None, in_full: int = IN_FULL) -> None:
    """Print the report. Colours are used on a terminal unless NO_COLOR is set; `width` defaults to that of the terminal."""
    _ConformancePrinter(report, stream, width).everything(in_full)


def conclude(report: Mapping[str, Any], stream: TextIO, *, width: int | None = None) -> None:
    """Print only the conclusion."""
    _ConformancePrinter(report, stream, width).conclusion()


def _chosen(found: list[FindingGroup], number: int) -> list[FindingGroup]:
    """Return the groups to show in full: the first of each requirement before any second one, without declared deviations."""
    seen: dict[str, int] = {}
    ranked = []
    for place, block in enumerate(found):
        if block.scenarios and block.first["outcome"] not in _ACCEPTED:
            requirement = block.requirements[0]
            seen[requirement] = seen.get(requirement, 0) + 1
            ranked.append((seen[requirement] > 1, place))
    return [found[place] for place in sorted(place for _, place in sorted(ranked)[:number])]


class _ConformancePrinter:
    def __init__(self, report: Mapping[str, Any], stream: TextIO, width: int | None) -> None:
        self._report = report
        self._requirements = {requirement["id"]: requirement for requirement in report["requirements"]}
        plain = Console(file=stream, highlight=False, markup=False, emoji=False)
        colour = plain.is_terminal and not plain.no_color
        self._ascii = not plain.encoding.lower().startswith("utf")
        self._width = max(40, min(width or (plain.width if plain.is_terminal else 100), _WIDEST))
        self._console = Console(
            file=stream,
            highlight=False,
            markup=False,
            emoji=False,
            width=self._width,
            color_system="auto" if colour else None,
            legacy_windows=False,
        )

    # -- sections

    def everything(self, in_full: int) -> None:
        """Print all sections in order."""
        self._heading()
        self._causes(in_full)
        found = group_findings(unexplained_findings(self._report["findings"]))
        explained = _chosen(found, in_full)
        for block in explained:
            self._explain(block)
        self._list([block for block in found if block not in explained])
        self._mention()
        self.conclusion()

    def _heading(self) -> None:
        report = self._report
        gateway = report["gateway"]
        who = " ".join(str(gateway.get(key)) for key in ("name", "version") if gateway.get(key)) or report["target"]
        self._print(f"{who}, tested with gatebench {report['gatebench']} (target {report['target']})", style="bold")
        claims = report["claims"]
        self._print(f"revisions: {', '.join(claims['revisions'])}", indent=2)
        self._print(f"claims: {', '.join(claims['features']) or 'nothing'}", indent=2)
        if claims["deviations"]:
            self._print(f"declared deviations: {', '.join(claims['deviations'])}", indent=2)

    def _causes(self, in_full: int) -> None:
        """Print each failing exchange once, with the findings that follow from it."""
        shown = self._report["causes"][: CAUSES if in_full else 0]
        for cause in shown:
            self._console.print()
            self._print(f"── CAUSE  in {counted(len(cause['scenarios']), 'scenario')} ──", style="bold red")
            self._print(cause["headline"], indent=2, style="bold")
            if cause["exchange"]:
                self._draw_exchange(cause["exchange"], f"the exchange ({cause['transcript']} line {cause['line']})")
            below = consequences(self._report["findings"], cause["id"])
            elsewhere = len(cause["findings"]) - sum(len(block.findings) for block in below)
            what = f"{elsewhere} of them {'is' if elsewhere == 1 else 'are'}" if below else "listed"
            more = f"; {what} below another cause" if elsewhere > 0 else ""
            self._print(
                f"{counted(len(cause['findings']), 'finding')} "
                f"{'follows' if len(cause['findings']) == 1 else 'follow'} from it{more}{':' if below else ''}",
                indent=2,
            )
            for block in below[:BELOW]:
                self._line(block, indent=4)
            if len(below) > BELOW:
                left = sum(len(block.findings) for block in below[BELOW:])
                self._print(f"... and {counted(left, 'more', 'more')} in report.json", indent=4)
            again = next((block.first["reproduce"] for block in below if block.first["reproduce"]), None)
            self._again(again, cause["exchange"])
        rest = self._report["causes"][len(shown) :]
        if rest:
            self._console.print()
        for cause in rest[:LISTED]:
            below_it = f"{counted(len(cause['findings']), 'finding')} in {counted(len(cause['scenarios']), 'scenario')}"
            self._print(
                f"cause: {cause['headline']} ({below_it}: {', '.join(cause['requirements'])})", indent=2, style="red"
            )
        if len(rest) > LISTED:
            self._print(f"... and {counted(len(rest) - LISTED, 'more cause')} in report.json", indent=2)

    def _line(self, block: FindingGroup, *, indent: int) -> None:
        outcome = block.first["outcome"]
        ids = ", ".join(block.requirements)
        self._print(
            f"{outcome} {ids}: {block.first['what']}", indent=indent, style=_STYLES[outcome].removeprefix("bold ")
        )

    def _explain(self, block: FindingGroup) -> None:
        finding = block.first
        self._rule(block)
        for identifier in block.requirements[:3]:
            self._requirement(identifier)
        if len(block.requirements) > 3:
            self._print(f"and {len(block.requirements) - 3} more: {', '.join(block.requirements[3:])}", indent=2)
        self._fact("observed", finding["what"])
        self._fact("expected", finding["expected"])
        self._fact("actual", finding["actual"])
        others = [actual for actual in finding["actuals"] if actual != finding["actual"]]
        self._fact("also", "; ".join(shorten(actual, 120) for actual in others[:2]) or None)
        self._fact("reason", finding["reason"] or None)
        if (finding["played"] or 1) > 1:
            self._fact("runs", f"failed {finding['failed']} of {finding['played']} runs")
        self._scenarios(block)
        if finding["exchange"]:
            self._draw(finding)
        self._control(finding["control"])
        self._again(finding["reproduce"], finding["exchange"])

    def _rule(self, block: FindingGroup) -> None:
        outcome = block.first["outcome"]
        ids = block.requirements
        named = ids[0] if len(ids) == 1 else counted(len(ids), "requirement")
        self._console.print()
        self._print(
            f"── {outcome.upper()}  {named}  in {counted(block.scenarios, 'scenario')} ──", style=_STYLES[outcome]
        )

    def _requirement(self, identifier: str) -> None:
        requirement = self._requirements.get(identifier)
        if requirement is None:
            return
        sources = "; ".join(f"{source['document']}, {source['section']}" for source in requirement["sources"])
        self._print(f"{identifier} {requirement['level']}: {requirement['text']}", indent=2, style="bold")
        self._print(f"({sources})", indent=2, style="dim")

    def _scenarios(self, block: FindingGroup) -> None:
        names = list(dict.fromkeys(name for finding in block.findings for name in finding["scenarios"]))
        if names:
            more = f" and {len(names) - 2} more" if len(names) > 2 else ""
            self._fact("in", ", ".join(names[:2]) + more)

    def _draw(self, finding: Finding) -> None:
        exchange = finding["exchange"]
        title = "the exchange" if finding["line"] else "the last exchange of the scenario"
        facts = [str(exchange[key]) for key in ("server", "revision") if exchange[key]]
        facts += [exchange["scenario"]] if exchange["scenario"] not in (None, *finding["scenarios"]) else []
        where = f"{exchange['transcript']} line {finding['line'] or exchange['line']}"
        self._draw_exchange(exchange, f"{title} ({', '.join([*facts, where])})")

    def _draw_exchange(self, exchange: Mapping[str, Any], title: str) -> None:
        self._print(title, indent=2)
        for row in sequence_text.draw(exchange, self._width - 2):
            style = "bold red" if row.guilty else "dim" if row.faint else ""
            self._raw(f"  {row.text}", style)

    def _again(self, command: str | None, exchange: Mapping[str, Any] | None) -> None:
        """Print how to run the scenario again, and how to send the client's request alone."""
        if command:
            self._raw(f"  reproduce: {command}", "cyan", crop=False)
        if exchange and exchange.get("curl"):
            self._raw(f"  by hand:   {exchange['curl']}", "dim", crop=False)

    def _control(self, control: Mapping[str, Any] | None) -> None:
        if control:
            who = f"as {control['principal']}" if control["principal"] else "without a credential"
            control_text = f"{control['what']} {who} returned {control['answer']} (line {control['line']})"
            self._fact("control", control_text, style="green")

    def _list(self, rest: list[FindingGroup]) -> None:
        if not rest:
            return
        self._console.print()
        for block in rest[:LISTED]:
            self._line(block, indent=2)
        if len(rest) > LISTED:
            self._print(f"... and {counted(len(rest) - LISTED, 'more', 'more')} in report.json", indent=2)

    def _mention(self) -> None:
        """Print the remarks of checks."""
        remarked = remarks.of_requirements(self._report["judgements"], MENTIONED)
        lines = [f"{name}: {remark}" for name, found in remarked for remark in found]
        if lines:
            self._console.print()
        for line in lines:
            self._print(f"remark {line}", indent=2, style="dim")

    def conclusion(self) -> None:
        """Print counts, durations and the conclusion."""
        report = self._report
        self._console.print()
        counts = Text(f"  {counted(report['registry']['size'], 'requirement')}:")
        for outcome, count in outcomes.counts(report).items():
            counts.append("  ").append(f"{count} {outcome}", _STYLES.get(outcome, ""))
        self._console.print(counts)
        self._print(f"{counted(report['judged']['done'], 'check result')}, {_times(report['timings'])}", indent=2)
        if report["causes"]:
            self._print(causes.summary(report), indent=2)
        for entry in report["stale"]:
            self._print(f"stale expectation: {entry}", indent=2, style="bold red")
        for entry in report.get("restarts", []):
            self._print(f"RESTARTED: {outcomes.restarted(entry)}", indent=2, style="bold red")
        if report.get("cut"):
            self._print(f"CUT SHORT: {report['cut']}", indent=2, style="bold red")
        if report["incomplete_reason"]:
            self._print(f"NOT COMPLETE: {report['incomplete_reason']}", indent=2, style="bold red")
        green = report["conclusion"] == "conformant"
        self._print(outcomes.verdict(report), indent=2, style="bold green" if green else "bold red")

    # -- printing

    def _fact(self, name: str, value: object, style: str = "") -> None:
        if value is not None:
            self._wrapped(f"  {name + ':':11}", value, style)

    def _print(self, text: str, *, indent: int = 0, style: str = "") -> None:
        self._wrapped(" " * indent, text, style)

    def _wrapped(self, label: str, value: object, style: str) -> None:
        """Print a label and a text with hanging indent."""
        text = Text(self._fit(visible(value)), style)
        start = Text(label)
        for line in text.wrap(self._console, max(self._width - len(label), 20)):
            line.rstrip()
            self._console.print(start + line)
            start = Text(" " * len(label))

    def _raw(self, text: str, style: str, *, crop: bool = True) -> None:
        """Print a line without wrapping: drawings are cropped, commands are not."""
        line = Text(self._fit(visible(text)), style)
        if crop:
            self._console.print(line, no_wrap=True, overflow="crop", crop=True)
        else:
            self._console.print(line, soft_wrap=True)

    def _fit(self, text: str) -> str:
        return to_ascii(text) if self._ascii else text


def _times(timings: Mapping[str, float | None]) -> str:
    up = [timings["world"], timings["gateway"]]
    if None in up:
        return f"run in {timings['run']:.1f} s"
    return f"world and gateway started in {sum(filter(None, up)):.1f} s, run in {timings['run']:.1f} s"
