"""The report for somebody who sits at a terminal: what was judged, what it comes to, and every finding explained."""

from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from reports import lanes, outcomes
from reports.blocks import Block, blocks
from reports.text import counted, shorten, visible

IN_FULL = 5  # findings that are explained; the rest are listed
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
_ACCEPTED = {"deviation", "known-failure"}  # said to be so beforehand: listed, not explained
_WIDEST = 140

MENTIONED = 3
"""How many different remarks of one requirement are shown; the longest times come first."""

Finding = Mapping[str, Any]


def show(report: Mapping[str, Any], stream: TextIO, *, width: int | None = None, in_full: int = IN_FULL) -> None:
    """Print the report. Colours only on a terminal, and not where NO_COLOR is set; `width` defaults to the terminal's."""
    _Printer(report, stream, width).everything(in_full)


def conclude(report: Mapping[str, Any], stream: TextIO, *, width: int | None = None) -> None:
    """Print the last lines of the report only."""
    _Printer(report, stream, width).conclusion()


def _chosen(found: list[Block], number: int) -> list[Block]:
    """The blocks to explain: of each requirement its first before the second of any; declared deviations are not."""
    seen: dict[str, int] = {}
    ranked = []
    for place, block in enumerate(found):
        if block.scenarios and block.first["outcome"] not in _ACCEPTED:
            requirement = block.requirements[0]
            seen[requirement] = seen.get(requirement, 0) + 1
            ranked.append((seen[requirement] > 1, place))
    return [found[place] for place in sorted(place for _, place in sorted(ranked)[:number])]


class _Printer:
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

    # -- the parts

    def everything(self, in_full: int) -> None:
        """Heading, counts, findings, conclusion."""
        self._heading()
        found = blocks(self._report["findings"])
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
        self._say(f"{who}, judged by gatebench {report['gatebench']} (target {report['target']})", style="bold")
        claims = report["claims"]
        self._say(f"revisions: {', '.join(claims['revisions'])}", indent=2)
        self._say(f"claims: {', '.join(claims['features']) or 'nothing'}", indent=2)
        if claims["deviations"]:
            self._say(f"deviates on purpose: {', '.join(claims['deviations'])}", indent=2)

    def _explain(self, block: Block) -> None:
        finding = block.first
        self._rule(block)
        for identifier in block.requirements[:3]:
            self._requirement(identifier)
        if len(block.requirements) > 3:
            self._say(f"and {len(block.requirements) - 3} more: {', '.join(block.requirements[3:])}", indent=2)
        self._fact("seen", finding["what"])
        self._fact("expected", finding["expected"])
        self._fact("actual", finding["actual"])
        others = [actual for actual in finding["actuals"] if actual != finding["actual"]]
        self._fact("also", "; ".join(shorten(actual, 120) for actual in others[:2]) or None)
        self._fact("because", finding["reason"] or None)
        if (finding["played"] or 1) > 1:
            self._fact("played", f"failed {finding['failed']} of {finding['played']} times")
        self._scenarios(block)
        if finding["exchange"]:
            self._draw(finding)
        self._control(finding["control"])
        if finding["reproduce"]:
            self._raw(f"  reproduce: {finding['reproduce']}", "cyan", crop=False)

    def _rule(self, block: Block) -> None:
        outcome = block.first["outcome"]
        ids = block.requirements
        named = ids[0] if len(ids) == 1 else counted(len(ids), "requirement")
        self._console.print()
        self._say(
            f"── {outcome.upper()}  {named}  in {counted(block.scenarios, 'scenario')} ──", style=_STYLES[outcome]
        )

    def _requirement(self, identifier: str) -> None:
        requirement = self._requirements.get(identifier)
        if requirement is None:
            return
        sources = "; ".join(f"{source['document']}, {source['section']}" for source in requirement["sources"])
        self._say(f"{identifier} {requirement['level']}: {requirement['text']}", indent=2, style="bold")
        self._say(f"({sources})", indent=2, style="dim")

    def _scenarios(self, block: Block) -> None:
        names = list(dict.fromkeys(name for finding in block.findings for name in finding["scenarios"]))
        if names:
            more = f" and {len(names) - 2} more" if len(names) > 2 else ""
            self._fact("in", ", ".join(names[:2]) + more)

    def _draw(self, finding: Finding) -> None:
        exchange = finding["exchange"]
        title = "the exchange" if finding["line"] else "where it got stuck: the last exchange of the scenario"
        facts = [str(exchange[key]) for key in ("server", "revision") if exchange[key]]
        facts += [exchange["scenario"]] if exchange["scenario"] not in (None, *finding["scenarios"]) else []
        where = f"{exchange['transcript']} line {finding['line'] or exchange['line']}"
        self._say(f"{title} ({', '.join([*facts, where])})", indent=2)
        for row in lanes.draw(exchange, self._width - 2):
            style = "bold red" if row.guilty else "dim" if row.faint else ""
            self._raw(f"  {row.text}", style)

    def _control(self, control: Mapping[str, Any] | None) -> None:
        if control:
            who = control["principal"] or "nobody"
            said = f"{control['what']} as {who} was answered {control['answer']} (line {control['line']})"
            self._fact("control", said, style="green")

    def _list(self, rest: list[Block]) -> None:
        if not rest:
            return
        self._console.print()
        for block in rest[:LISTED]:
            outcome = block.first["outcome"]
            ids = ", ".join(block.requirements)
            self._say(f"{outcome} {ids}: {block.first['what']}", indent=2, style=_STYLES[outcome].removeprefix("bold "))
        if len(rest) > LISTED:
            self._say(f"... and {counted(len(rest) - LISTED, 'more', 'more')} in report.json", indent=2)

    def _mention(self) -> None:
        """What checks remarked that is neither right nor wrong: a feature that works unclaimed, a measured time."""
        said: dict[str, set[str]] = {}
        for judgement in self._report["judgements"]:
            said.setdefault(judgement["requirement"], set()).update(judgement.get("remarks") or [])
        lines = [
            f"{name}: {remark}"
            for name, remarks in said.items()
            for remark in sorted(remarks, reverse=True)[:MENTIONED]
        ]
        if lines:
            self._console.print()
        for line in lines:
            self._say(f"remark {line}", indent=2, style="dim")

    def conclusion(self) -> None:
        """Counts, what they come to, and how long it took."""
        report = self._report
        self._console.print()
        counts = Text(f"  {counted(report['registry']['size'], 'requirement')}:")
        for outcome, count in outcomes.counts(report).items():
            counts.append("  ").append(f"{count} {outcome}", _STYLES.get(outcome, ""))
        self._console.print(counts)
        self._say(f"{counted(report['judged']['done'], 'judgement')}, {_times(report['timings'])}", indent=2)
        for entry in report["stale"]:
            self._say(f"stale expectation: {entry}", indent=2, style="bold red")
        if report["incomplete_reason"]:
            self._say(f"NOT COMPLETE: {report['incomplete_reason']}", indent=2, style="bold red")
        green = report["conclusion"] == "conformant"
        self._say(outcomes.verdict(report), indent=2, style="bold green" if green else "bold red")

    # -- printing

    def _fact(self, name: str, value: object, style: str = "") -> None:
        if value is not None:
            self._wrapped(f"  {name + ':':11}", value, style)

    def _say(self, text: str, *, indent: int = 0, style: str = "") -> None:
        self._wrapped(" " * indent, text, style)

    def _wrapped(self, label: str, value: object, style: str) -> None:
        """A label and a text, whose further lines stand under its first."""
        text = Text(self._fit(visible(value)), style)
        start = Text(label)
        for line in text.wrap(self._console, max(self._width - len(label), 20)):
            line.rstrip()
            self._console.print(start + line)
            start = Text(" " * len(label))

    def _raw(self, text: str, style: str, *, crop: bool = True) -> None:
        """A line that must not be wrapped: a drawing is cut off, a command goes on."""
        line = Text(self._fit(text), style)
        if crop:
            self._console.print(line, no_wrap=True, overflow="crop", crop=True)
        else:
            self._console.print(line, soft_wrap=True)

    def _fit(self, text: str) -> str:
        return lanes.to_ascii(text) if self._ascii else text


def _times(timings: Mapping[str, float | None]) -> str:
    up = [timings["world"], timings["gateway"]]
    if None in up:
        return f"run in {timings['run']:.1f} s"
    return f"world and gateway up in {sum(filter(None, up)):.1f} s, run in {timings['run']:.1f} s"
