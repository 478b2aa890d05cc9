"""load.html: one file with the charts of a load report; no network, no script, light and dark."""

from collections.abc import Callable
from pathlib import Path

from markupsafe import Markup

from reports import figures, load_pictures
from reports.html import environment
from reports.load_read import Report, at, latencies, troubles
from reports.load_terminal import budget_line, tone

SHOWN = (50.0, 90.0, 95.0, 99.0, 99.9, 100.0)

Draw = Callable[[Report], str]

_CHARTS: tuple[tuple[str, str, Draw], ...] = (
    (
        "What moved",
        "Bars are intervals with the gate's own error, small dots are single rounds; what counts as no change is shaded.",
        load_pictures.changes,
    ),
    (
        "Overhead",
        "What the gateway adds to the same calls, made directly and through it at the same time.",
        load_pictures.overheads,
    ),
    (
        "Rate against latency",
        "Each step is an open loop of its own; the knee is where p99 leaves its plateau.",
        load_pictures.knee,
    ),
    (
        "Latency by percentile",
        "From the intended start, so that waiting behind a stall counts. Every nine is as wide as the last.",
        load_pictures.by_percentile,
    ),
    ("Latency over time", "p50 dashed, p99 solid, for each second.", load_pictures.over_time),
    ("Answers over time", "Of each second.", load_pictures.answers),
    ("CPU of the gateway", "All its processes.", load_pictures.cpu),
    ("Memory of the gateway", "All its processes.", load_pictures.memory),
    ("Descriptors and threads", "All its processes.", load_pictures.descriptors),
)


def write(report: Report, folder: Path) -> Path:
    """Put load.html into the folder; returns its path."""
    path = folder / "load.html"
    path.write_text(render(report), encoding="utf-8", errors="replace")
    return path


def render(report: Report) -> str:
    """The page."""
    engine = environment()
    engine.filters |= {
        "duration": figures.duration,
        "interval": figures.interval,
        "change": figures.change,
        "share": figures.share,
        "digits": figures.digits,
        "percentile": figures.percentile,
        "budget_line": budget_line,
    }
    return engine.get_template("load.html.j2").render(
        report=report,
        tone=tone(report["conclusion"]),
        charts=charts(report),
        rows=[(name, latency["count"], [at(latency, point) for point in SHOWN]) for name, latency in latencies(report)],
        shown=SHOWN,
        troubles=troubles(report),
        figures=report.get("figures", {}),
        units={budget["measure"]: budget["unit"] for budget in report["budgets"]},
        change_of=lambda estimate: figures.interval(estimate, figures.change),
    )


def charts(report: Report) -> list[tuple[str, str, Markup]]:
    """(title, what it shows, SVG) of every chart that the report has something for."""
    drawn = ((title, said, draw(report)) for title, said, draw in _CHARTS)
    return [(title, said, Markup(svg)) for title, said, svg in drawn if svg]  # noqa: S704 - charts escape their texts
