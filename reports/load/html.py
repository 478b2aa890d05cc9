"""load.html: a load report with charts, in one file without scripts or network access."""

from collections.abc import Callable
from pathlib import Path

from markupsafe import Markup

from gatebench.fixtures.recording import files
from gatebench.reports.load import charts as load_charts
from gatebench.reports.load.model import Report, at, conclusion_title, headline, latencies, read, troubles
from gatebench.reports.load.terminal import budget_line, fresh_starts, tone
from gatebench.reports.rendering import numbers
from gatebench.reports.rendering.templates import environment

SHOWN = (50.0, 90.0, 95.0, 99.0, 99.9, 100.0)

Draw = Callable[[Report], str]

_CHARTS: tuple[tuple[str, str, Draw], ...] = (
    (
        "Measured changes",
        "Bars are intervals at the error rate of the gate, small dots are single rounds, the margin is shaded.",
        load_charts.changes,
    ),
    (
        "Overhead",
        "Latency that the gateway adds: the same calls, sent directly and through the gateway at the same time.",
        load_charts.overheads,
    ),
    (
        "Rate against latency",
        "Each step is an open loop at one rate; the knee is the rate at which p99 leaves its plateau.",
        load_charts.knee,
    ),
    (
        "Latency by percentile",
        "Measured from the intended start, so queueing behind a stall counts. p90 to p99 is as wide as p99 to p99.9.",
        load_charts.by_percentile,
    ),
    ("Latency over time", "p50 (dashed) and p99 (solid) of each second.", load_charts.over_time),
    ("Responses over time", "Responses in each second.", load_charts.answers),
    ("CPU of the gateway", "All processes of the gateway.", load_charts.cpu),
    ("Memory of the gateway", "All processes of the gateway.", load_charts.memory),
    ("Descriptors and threads", "All processes of the gateway.", load_charts.descriptors),
)


def write(report: Report, folder: Path) -> Path:
    """Write load.html into the folder and return its path."""
    path = folder / "load.html"
    files.write_text(path, render(report))
    return path


def render(report: Report) -> str:
    """Return the page as HTML."""
    engine = environment()
    engine.filters |= {
        "duration": numbers.duration,
        "interval": numbers.interval,
        "change": numbers.change,
        "share": numbers.share,
        "digits": numbers.digits,
        "percentile": numbers.percentile,
        "budget_line": budget_line,
    }
    return engine.get_template("load.html.j2").render(
        report=report,
        tone=tone(report),
        title=conclusion_title(report),
        headline=headline(report),
        charts=charts(report),
        rows=[(name, latency["count"], [at(latency, point) for point in SHOWN]) for name, latency in latencies(report)],
        shown=SHOWN,
        troubles=troubles(report),
        figures=report.get("figures", {}),
        fresh_starts=fresh_starts,
        units={budget["measure"]: budget["unit"] for budget in report["budgets"]},
        change_of=lambda estimate: numbers.interval(estimate, numbers.change),
    )


def section(folder: Path) -> Report | None:
    """Return the part of report.html about a load report in the same folder; None without one. Raises NoRunError."""
    if not (folder / "load.json").exists():
        return None
    report = read(folder)
    return {"report": report, "tone": tone(report), "title": conclusion_title(report), "charts": charts(report)}


def charts(report: Report) -> list[tuple[str, str, Markup]]:
    """Return (title, caption, SVG) of every chart for which the report has data."""
    drawn = ((title, subtitle, draw(report)) for title, subtitle, draw in _CHARTS)
    return [(title, subtitle, Markup(svg)) for title, subtitle, svg in drawn if svg]  # noqa: S704 - charts escape their texts
