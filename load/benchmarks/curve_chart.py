"""A chart with two logarithmic axes as SVG, readable on light and dark pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 620, 300
LEFT, RIGHT, TOP, BOTTOM = 70, 110, 34, 44
STYLE = """
text { font: 12px sans-serif; fill: #333 } .title { font-weight: bold }
.grid { stroke: #ccc; stroke-width: 1 } polyline { fill: none; stroke-width: 2 }
polyline.c0 { stroke: #0a58ca } circle.c0, text.c0 { fill: #0a58ca }
polyline.c1 { stroke: #b35900; stroke-dasharray: 6 3 } circle.c1, text.c1 { fill: #b35900 }
@media (prefers-color-scheme: dark) {
 text { fill: #ddd } .grid { stroke: #555 }
 polyline.c0 { stroke: #6ea8fe } circle.c0, text.c0 { fill: #6ea8fe }
 polyline.c1 { stroke: #ffb066 } circle.c1, text.c1 { fill: #ffb066 }
}
"""


@dataclass(frozen=True)
class Curve:
    """Points in order, all above 0."""

    name: str
    points: Sequence[tuple[float, float]]


def draw(title: str, across: str, curves: Sequence[Curve]) -> str:
    """Return the chart of up to two curves; `across` names the horizontal axis."""
    xs = [x for curve in curves for x, _ in curve.points]
    ys = [y for curve in curves for _, y in curve.points]
    parts = [f'<text class="title" x="{LEFT}" y="18">{escape(title)}</text>']
    if xs:
        x_scale = _Scale(min(xs), max(xs), LEFT, WIDTH - RIGHT)
        y_scale = _Scale(
            10.0 ** math.floor(math.log10(min(ys))), 10.0 ** math.ceil(math.log10(max(ys))), HEIGHT - BOTTOM, TOP
        )
        parts += _grid(sorted(set(xs)), x_scale, y_scale)
        parts.append(
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(across)}</text>'
        )
        for number, curve in enumerate(curve for curve in curves if curve.points):
            parts += _line(number, curve, x_scale, y_scale)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", *parts, "</svg>", ""])


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        width = math.log(self.high / self.low) or 1.0
        return round(self.begin + math.log(value / self.low) / width * (self.end - self.begin), 1)


def _grid(xs: Sequence[float], x_scale: _Scale, y_scale: _Scale) -> list[str]:
    parts = [f'<text x="{x_scale.at(x)}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{_text(x)}</text>' for x in xs]
    for power in range(round(math.log10(y_scale.low)), round(math.log10(y_scale.high)) + 1):
        y = y_scale.at(10.0**power)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{_text(10.0**power)}</text>')
    return parts


def _line(number: int, curve: Curve, x_scale: _Scale, y_scale: _Scale) -> list[str]:
    places = [(x_scale.at(x), y_scale.at(y)) for x, y in curve.points]
    path = " ".join(f"{x},{y}" for x, y in places)
    dots = [
        f'<circle class="c{number}" cx="{place[0]}" cy="{place[1]}" r="3.5"><title>{_text(x)}: {y:,.0f}</title></circle>'
        for place, (x, y) in zip(places, curve.points, strict=True)
    ]
    x, y = places[-1]
    return [
        f'<polyline class="c{number}" points="{path}"/>',
        *dots,
        f'<text class="c{number}" x="{x + 8}" y="{y + 4}">{escape(curve.name)}</text>',
    ]


def _text(value: float) -> str:
    """Return a number as a label: bytes and counts in powers of 1024 or in full."""
    for unit, size in (("Mi", 1 << 20), ("Ki", 1 << 10)):
        if value >= size and value % size == 0:
            return f"{value / size:g} {unit}"
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
