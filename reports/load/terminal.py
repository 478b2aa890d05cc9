"""Terminal report of a load measurement: results, measurement quality, budgets, conclusion."""

from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gatebench.reports.load.model import Report, at, headline, latencies, troubles
from gatebench.reports.rendering.numbers import change, digits, duration, interval, percentile, share
from gatebench.reports.rendering.text import counted, to_ascii, visible

GOOD = {"ok", "not slower", "faster"}
OPEN = {"void", "cannot tell", "incomplete"}
_SHOWN = (50.0, 90.0, 99.0, 99.9, 100.0)
_EVENTS = 8
_WIDEST = 140


def show(report: Report, stream: TextIO, *, width: int | None = None) -> None:
    """Print the report. Colours are used on a terminal unless NO_COLOR is set; `width` defaults to that of the terminal."""
    _LoadPrinter(report, stream, width).everything()


def conclude(report: Report, stream: TextIO, *, width: int | None = None) -> None:
    """Print only the conclusion."""
    _LoadPrinter(report, stream, width).conclusion()


def tone(report: Report) -> str:
    """`good`, `open` or `bad`; a measurement that the gateway ended, by stopping or failing, is bad."""
    if report["conclusion"] == "incomplete" and report.get("ended_by") == "gateway":
        return "bad"
    return "good" if report["conclusion"] in GOOD else "open" if report["conclusion"] in OPEN else "bad"


class _LoadPrinter:
    def __init__(self, report: Report, stream: TextIO, width: int | None) -> None:
        self._report = report
        plain = Console(file=stream, highlight=False, markup=False, emoji=False)
        colour = plain.is_terminal and not plain.no_color
        self._ascii = not plain.encoding.lower().startswith("utf")
        self._console = Console(
            file=stream,
            highlight=False,
            markup=False,
            emoji=False,
            width=max(40, min(width or (plain.width if plain.is_terminal else 100), _WIDEST)),
            color_system="auto" if colour else None,
            legacy_windows=False,
        )

    def everything(self) -> None:
        """Print all sections in order."""
        self._heading()
        self._latencies()
        self._overhead()
        self._knee()
        self._comparison()
        self._gateway()
        self._events()
        self._validity()
        self._budgets()
        self.conclusion()

    def conclusion(self) -> None:
        """Print the conclusion in one line."""
        report = self._report
        style = {"good": "bold green", "open": "bold yellow", "bad": "bold red"}[tone(report)]
        self._console.print()
        if line := headline(report):
            self._print(line, "bold")
        text = report["said"] if report["conclusion"] == "ok" else f"{report['conclusion'].upper()}: {report['said']}"
        self._print(text, style)

    # -- sections

    def _heading(self) -> None:
        report, machine = self._report, self._report["machine"]
        what = {"run": f"profile {report['profile']}", "overhead": "overhead", "gate": "regression gate"}[
            report["kind"]
        ]
        gateway = f" ({report['gateway']})" if report["gateway"] else ""
        self._console.print(self._text(f"{report['target']}{gateway}: {what}, {report['seconds']:.0f} s", "bold"))
        self._print(
            f"{machine['cpu']}, {counted(machine['cores'], 'core')}, {machine['system']}, seed {report['seed']}", "dim"
        )
        for note in report["notes"]:
            self._print(f"note: {note}", "dim")

    def _latencies(self) -> None:
        rows = [
            [name, str(latency["count"]), *(duration(at(latency, point)) for point in _SHOWN)]
            for name, latency in latencies(self._report)
        ]
        if self._report["kind"] != "gate":
            self._table(["latency from the intended start", "responses", *map(percentile, _SHOWN)], rows)
        for arm in self._report["arms"]:
            failed = f", {arm['failed']} of {arm['done']} failed" if arm["failed"] else ""
            self._print(
                f"{arm['name']}: {digits(arm['rate'])} successful responses per second{failed}",
                "bold red" if failed else "",
            )
        for arm_name, operation, outcome, count in troubles(self._report):
            self._print(f"{arm_name} {operation}: {count} {outcome}", "red", indent=4)

    def _overhead(self) -> None:
        for one in self._report["overhead"]:
            rows = [
                [
                    f"overhead of {one['arm']} at {percentile(quantile['percentile'])}",
                    interval(quantile["overhead_us"]),
                    duration(quantile["direct_us"]),
                    duration(quantile["gateway_us"]),
                ]
                for quantile in one["quantiles"]
            ]
            self._table(["", "overhead, 95% interval", "direct", "through the gateway"], rows)
            if one["stamps_us"]:
                ways = f"; request path {duration(one['way_in_us'])}, response path {duration(one['way_back_us'])}"
                self._print(f"check of the p50 by upstream timestamps: {interval(one['stamps_us'])}{ways}")
            left_out = (
                f", {one['slots_left_out']} discarded because the machine was contended"
                if one["slots_left_out"]
                else ""
            )
            self._print(
                f"{counted(one['starts'], 'start')}, {counted(one['slots'], 'half-second slot')}{left_out}", "dim"
            )

    def _knee(self) -> None:
        knee = self._report["knee"]
        if not knee:
            return
        rows = [
            [
                f"{digits(point['offered'])}/s offered",
                f"{digits(point['done'])}/s completed",
                duration(point["p50_us"]),
                duration(point["p99_us"]),
                str(point["failed"]),
                f"void: {point['void']}" if point["void"] else "plateau" if point["plateau"] else "beyond",
            ]
            for point in knee["points"]
        ]
        self._table(["rate", "", "p50", "p99", "failed", ""], rows)
        self._print(knee["said"], "bold")

    def _comparison(self) -> None:
        compared = self._report["comparison"]
        if not compared:
            return
        styles = {"slower": "bold red", "faster": "bold green", "not slower": "green", "cannot tell": "yellow"}
        rows = [
            [
                measure["name"] + (" (primary)" if measure["primary"] else ""),
                f"{digits(measure['baseline'])} {measure['unit']}",
                f"{digits(measure['candidate'])} {measure['unit']}",
                interval(measure["change"], change),
                Text(measure["moved"], styles[measure["moved"]]),
            ]
            for measure in compared["measures"]
        ]
        self._table(["measure", compared["baseline"], compared["candidate"], "change in cost, with interval", ""], rows)
        self._print(
            f"{fresh_starts(compared)}, {counted(compared['rounds'], 'round')}, "
            f"{counted(compared['looks'], 'interim analysis', 'interim analyses')}, {compared['seconds']:.0f} s; "
            f"{compared['shares']}",
            "dim",
        )

    def _gateway(self) -> None:
        resources, far_end = self._report["resources"], self._report["far_end"]
        if resources:
            peak = max((sample["rss_mib"] for sample in resources["samples"]), default=0.0)
            per_call = resources["cpu_us_per_call"]
            each = f"{interval(per_call)} of CPU per call, " if per_call else ""
            self._print(f"the gateway used {each}{resources['cpu_share']:.2f} cores, {peak:.0f} MiB at peak")
            for sentence in resources["settled"]:
                self._print(f"not released: {sentence}", "bold red")
        if far_end and far_end["per_call"]:
            each = ", ".join(f"{digits(value)} {name.replace('_', ' ')}" for name, value in far_end["per_call"].items())
            self._print(f"upstream side, per call: {each}")
        for name, value in self._report.get("figures", {}).items():
            self._print(f"{name.replace('-', ' ')}: {digits(value)}")

    def _events(self) -> None:
        events = self._report["events"]
        for event in events[:_EVENTS]:
            times = f" ({event['count']} times)" if event["count"] > 1 else ""
            self._print(f"at {event['at']:.1f} s: {event['what']}{times}", "yellow")
        if len(events) > _EVENTS:
            self._print(f"... and {counted(len(events) - _EVENTS, 'more event')} in load.json", "yellow")
        for wrong in self._report["wrong_answers"]:
            self._print(f"WRONG ANSWER at {wrong['at']:.1f} s: {wrong['said']}", "bold red")

    def _validity(self) -> None:
        side = self._report["generator"]
        if side:
            ceiling = f", ceiling {digits(side['ceiling'])}/s" if side["ceiling"] else ""
            self._print(
                f"measurement quality: scheduling lag {duration(side['lag_p50_us'])} at p50, "
                f"{duration(side['lag_p99_us'])} at p99; "
                f"generator CPU {share(side['cpu_share'])} of a core; steal {share(side['steal'])}{ceiling}",
                "dim",
            )
        for rule in self._report["validity"]:
            if not rule["ok"]:
                self._print(
                    f"{'void' if rule['voids'] else 'warning'}: {rule['said']}",
                    "bold yellow" if rule["voids"] else "yellow",
                )

    def _budgets(self) -> None:
        for budget in self._report["budgets"]:
            if budget["outcome"] in ("broken", "not measured"):
                self._print(f"budget {budget['outcome']}: {budget_line(budget)}: {budget['why']}", "bold red")

    # -- printing

    def _table(self, heads: Sequence[str], rows: Sequence[Iterable[str | Text]]) -> None:
        if not rows:
            return
        self._console.print()
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
        for place, head in enumerate(heads):
            table.add_column(
                self._fit(head), justify="left" if place == 0 else "right", no_wrap=place == 0, overflow="fold"
            )
        for row in rows:
            table.add_row(*(cell if isinstance(cell, Text) else self._fit(cell) for cell in row))
        self._console.print(table)

    def _print(self, text: str, style: str = "", *, indent: int = 2) -> None:
        line = self._text(visible(text), style)
        room = max(self._console.width - indent, 20)
        for part in line.wrap(self._console, room):
            part.rstrip()
            self._console.print(Text(" " * indent) + part)

    def _text(self, text: str, style: str) -> Text:
        return Text(self._fit(text), style)

    def _fit(self, text: str) -> str:
        text = visible(text)
        return to_ascii(text.replace("µ", "u").replace("–", "-")) if self._ascii else text


def fresh_starts(compared: Report) -> str:
    """Return the number of fresh starts of a comparison as text; gateways that already ran have none."""
    return f"{counted(compared['starts'], 'fresh start')} of each gateway" if compared["starts"] else "no fresh starts"


def budget_line(budget: Report) -> str:
    """Return a budget as text: `errors is 2 % of the responses, at most 0.1 is allowed`."""
    limits = [f"at most {digits(budget['max'])}"] if budget["max"] is not None else []
    limits += [f"at least {digits(budget['min'])}"] if budget["min"] is not None else []
    measured = "was not measured" if budget["measured"] is None else f"is {digits(budget['measured'])} {budget['unit']}"
    return f"{budget['measure']} {measured}, {' and '.join(limits)} is allowed"
