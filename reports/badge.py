"""badge.svg: what a run came to, small enough for a README. Counts of outcomes, never a score."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from reports import outcomes

LABEL = "gatebench"
_COLOURS = {"conformant": "#1e7a3c", "findings": "#b3261e"}
_OTHER = "#70747c"
_CHARACTER = 6.4  # pixels of an average one; `textLength` makes it exact in any font

Report = Mapping[str, Any]


def write(report: Report, folder: Path) -> Path:
    """Put badge.svg into the run's folder; returns its path."""
    path = folder / "badge.svg"
    path.write_text(render(report), encoding="utf-8")
    return path


def words(report: Report) -> str:
    """`conformant · 77 pass`, `8 fail · 4 untestable · 37 pass`, `incomplete`."""
    found = outcomes.counts(report)
    if report["conclusion"] not in _COLOURS:
        return str(report["conclusion"]).replace("-", " ")
    red = [f"{found[outcome]} {outcome}" for outcome in ("fail", "untestable", "not-observed") if found.get(outcome)]
    if report["conclusion"] == "findings":
        red += [f"{len(report['stale'])} stale"] if report["stale"] else []
    elif report["selected"] + found.get("excluded", 0) < report["registry"]["size"]:
        red = ["conformant in part"]
    else:
        red = ["conformant"]
    return " · ".join([*red, *([f"{found['pass']} pass"] if found.get("pass") else [])])


def render(report: Report) -> str:
    """The picture."""
    said = words(report)
    left, right = (round(len(text) * _CHARACTER) + 14 for text in (LABEL, said))
    title = escape(f"{LABEL}: {said}")
    colour = _COLOURS.get(report["conclusion"], _OTHER)
    text = '<text x="{x}" y="14" textLength="{length}" lengthAdjust="spacingAndGlyphs">{words}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f"aria-label={quoteattr(f'{LABEL}: {said}')}><title>{title}</title>"
        f'<clipPath id="r"><rect width="{left + right}" height="20" rx="4"/></clipPath><g clip-path="url(#r)">'
        f'<rect width="{left}" height="20" fill="#3c4048"/><rect x="{left}" width="{right}" height="20" fill="{colour}"/>'
        '</g><g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        + text.format(x=7, length=left - 14, words=LABEL)
        + text.format(x=left + 7, length=right - 14, words=escape(said))
        + "</g></svg>\n"
    )
