"""badge.svg: the result of a run as a README badge, with counts of outcomes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from gatebench.fixtures.recording import files
from gatebench.reports.conformance import outcomes

LABEL = "gatebench"
_COLOURS = {"conformant": "#1e7a3c", "findings": "#b3261e"}
_OTHER = "#70747c"
_CHARACTER = 6.4  # average width in pixels; `textLength` makes it exact in any font

Report = Mapping[str, Any]


def write(report: Report, folder: Path) -> Path:
    """Write badge.svg into the folder of the run and return its path."""
    path = folder / "badge.svg"
    files.write_text(path, render(report))
    return path


def words(report: Report) -> str:
    """Return the text: `conformant · 77 pass`, `8 fail · 4 untestable · 37 pass`, `incomplete`."""
    found = outcomes.counts(report)
    if report["conclusion"] not in _COLOURS:
        return str(report["conclusion"]).replace("-", " ")
    red = [f"{number} {outcome}" for outcome, number in found.items() if outcome in outcomes.RED]
    if report["conclusion"] == "findings":
        red += [f"{len(report['stale'])} stale"] if report["stale"] else []
    elif found.get("not-selected"):
        red = ["conformant in part"]
    else:
        red = ["conformant"]
    also = [f"{found[outcome]} {outcome}" for outcome in ("pass", "not-played") if found.get(outcome)]
    return " · ".join([*red, *also])


def render(report: Report) -> str:
    """Return the badge as SVG."""
    status = words(report)
    left, right = (round(len(text) * _CHARACTER) + 14 for text in (LABEL, status))
    counts = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.counts(report).items())
    title = escape(f"{LABEL}: {status} ({counts})")
    colour = _COLOURS.get(report["conclusion"], _OTHER)
    text = '<text x="{x}" y="14" textLength="{length}" lengthAdjust="spacingAndGlyphs">{words}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f"aria-label={quoteattr(f'{LABEL}: {status}')}><title>{title}</title>"
        f'<clipPath id="r"><rect width="{left + right}" height="20" rx="4"/></clipPath><g clip-path="url(#r)">'
        f'<rect width="{left}" height="20" fill="#3c4048"/><rect x="{left}" width="{right}" height="20" fill="{colour}"/>'
        '</g><g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        + text.format(x=7, length=left - 14, words=LABEL)
        + text.format(x=left + 7, length=right - 14, words=escape(status))
        + "</g></svg>\n"
    )
