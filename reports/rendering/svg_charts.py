"""SVG charts without scripts, with one style for light and dark mode.

Colours are CSS classes (`s0`, `s1` ... for series); every point has its values as a `<title>`, which browsers show on hover and
screen readers read.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

WIDTH, HEIGHT = 560, 270
LEFT, RIGHT, TOP, BOTTOM = 84, 16, 14, 42

Text = Callable[[float], str]


@dataclass(frozen=True)
class Series:
    """Points in order; `kind` is `line`, `dots` or `bars`."""

    name: str
    points: Sequence[tuple[float, float]]
    number: int = 0
    kind: str = "line"
    dashed: bool = False


@dataclass(frozen=True)
class Axis:
    """A scale: `linear`, `log` (values above 0) or `percentile` (1/(1-p), every nine has the same width)."""

    label: str
    scale: str = "linear"
    text: Text = lambda value: f"{value:g}"
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Mark:
    """A vertical line with a label."""

    x: float
    label: str


@dataclass
class _Frame:
    x: Axis
    y: Axis
    xs: list[float]
    ys: list[float]
    x_range: tuple[float, float] = field(init=False)
    y_range: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        self.x_range = _range(self.x, self.xs)
        self.y_range = _range(self.y, self.ys)

    def across(self, value: float) -> float:
        low, high = self.x_range
        return LEFT + (_scaled(self.x, value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def down(self, value: float) -> float:
        low, high = self.y_range
        share = min(max((_scaled(self.y, value) - low) / (high - low), 0.0), 1.0)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def lines(title: str, x: Axis, y: Axis, series: Sequence[Series], marks: Sequence[Mark] = ()) -> str:
    """Return a chart of lines, dots or bars; empty text if there are no points."""
    points = [point for one in series for point in one.points]
    if not points:
        return ""
    frame = _Frame(x, y, [p[0] for p in points] + [mark.x for mark in marks], [p[1] for p in points])
    parts = [
        *_axes(frame),
        *(_mark(frame, mark) for mark in marks),
        *(part for one in series for part in _drawn(frame, one)),
    ]
    return _svg(title, HEIGHT, parts) + _legend(series)


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    name = escape(title)
    return f'<div class="chart"><svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{name}">\n{body}\n</svg></div>'


def _legend(series: Sequence[Series]) -> str:
    if len(series) < 2:
        return ""
    items = "".join(
        f'<li><span class="key k{one.number % 6}{" dashed" if one.dashed else ""}"></span>{escape(one.name)}</li>'
        for one in series
    )
    return f'<ul class="legend">{items}</ul>'


def _axes(frame: _Frame) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = []
    for value in _ticks(frame.y, frame.y_range):
        y = frame.down(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(frame.y.text(value))}</text>'
        )
    for value in _ticks(frame.x, frame.x_range):
        x = frame.across(value)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 5}"/>')
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{escape(frame.x.text(value))}</text>'
        )
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    parts.append(
        f'<text class="label" x="{(LEFT + right) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(frame.x.label)}</text>'
    )
    middle = (TOP + bottom) / 2
    turned = f'x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})"'
    parts.append(f'<text class="label" {turned}>{escape(frame.y.label)}</text>')
    return parts


def _mark(frame: _Frame, mark: Mark) -> str:
    x = frame.across(mark.x)
    side, shift = ("end", -6) if x > WIDTH / 2 else ("start", 6)
    return (
        f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text class="marked" x="{x + shift:.1f}" y="{TOP + 12}" text-anchor="{side}">{escape(mark.label)}</text>'
    )


def _drawn(frame: _Frame, series: Series) -> list[str]:
    placed = [(frame.across(x), frame.down(y), x, y) for x, y in series.points]
    style = f"s{series.number % 6}"
    parts = []
    if series.kind == "bars":
        return _bars(frame, series, placed, style)
    if series.kind == "line":
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py, _, _ in placed)
        parts.append(f'<polyline class="line {style}{" dashed" if series.dashed else ""}" points="{path}"/>')
    radius = 3.5 if series.kind == "dots" or len(placed) <= 30 else 2
    solid = "" if series.kind == "dots" or len(placed) <= 30 else " faint"
    parts += [
        f'<circle class="dot {style}{solid}" cx="{px:.1f}" cy="{py:.1f}" r="{radius}">{_tooltip(frame, series, x, y)}</circle>'
        for px, py, x, y in placed
    ]
    return parts


def _bars(frame: _Frame, series: Series, placed: Sequence[tuple[float, float, float, float]], style: str) -> list[str]:
    """Draw columns as wide as the smallest distance between two, within the axes."""
    gaps = [after[0] - before[0] for before, after in pairwise(placed) if after[0] > before[0]]
    wide = max(min([*gaps, (WIDTH - LEFT - RIGHT) / 12]) - 1, 1)
    floor = HEIGHT - BOTTOM
    parts = []
    for px, py, x, y in placed:
        if y:
            left, right = max(px - wide / 2, LEFT), min(px + wide / 2, WIDTH - RIGHT)
            size = f'width="{max(right - left, 1):.1f}" height="{floor - py:.1f}"'
            tooltip = _tooltip(frame, series, x, y)
            parts.append(f'<rect class="column {style}" x="{left:.1f}" y="{py:.1f}" {size}>{tooltip}</rect>')
    return parts


def _tooltip(frame: _Frame, series: Series, x: float, y: float) -> str:
    return f"<title>{escape(f'{series.name}: {frame.x.text(x)}, {frame.y.text(y)}')}</title>"


# -- whiskers: estimates with their intervals, one per row


@dataclass(frozen=True)
class Whisker:
    """One row: an estimate with its interval and single observations."""

    name: str
    value: float
    low: float
    high: float
    number: int = 0
    dots: Sequence[float] = ()


def whiskers(
    title: str, x: Axis, rows: Sequence[Whisker], marks: Sequence[Mark] = (), zone: tuple[float, float] | None = None
) -> str:
    """Return a chart of estimates on one axis; `zone` is shaded (changes within the margin)."""
    if not rows:
        return ""
    row = 44
    left = min(max(150, 7 * max(len(one.name) for one in rows) + 8), WIDTH // 2)
    height = TOP + 20 + row * len(rows) + BOTTOM
    ends = (
        [end for one in rows for end in (one.low, one.high, one.value)] + [mark.x for mark in marks] + list(zone or ())
    )
    low, high = _range(x, [end for end in ends if math.isfinite(end)])

    def across(value: float) -> float:
        return left + min(max((value - low) / (high - low), 0.0), 1.0) * (WIDTH - left - RIGHT)

    bottom = height - BOTTOM
    parts = []
    if zone:
        start, end = across(zone[0]), across(zone[1])
        parts.append(
            f'<rect class="zone" x="{start:.1f}" y="{TOP}" width="{end - start:.1f}" height="{bottom - TOP}"/>'
        )
    for value in _ticks(x, (low, high)):
        parts.append(f'<line class="grid" x1="{across(value):.1f}" x2="{across(value):.1f}" y1="{TOP}" y2="{bottom}"/>')
        parts.append(
            f'<text class="tick" x="{across(value):.1f}" y="{bottom + 18}" text-anchor="middle">{escape(x.text(value))}</text>'
        )
    for mark in marks:
        parts.append(
            f'<line class="mark" x1="{across(mark.x):.1f}" x2="{across(mark.x):.1f}" y1="{TOP}" y2="{bottom}"/>'
        )
        side, shift = ("end", -5) if across(mark.x) > (left + WIDTH) / 2 else ("start", 5)
        parts.append(
            f'<text class="marked" x="{across(mark.x) + shift:.1f}" y="{TOP + 10}" text-anchor="{side}">'
            f"{escape(mark.label)}</text>"
        )
    for place, one in enumerate(rows):
        parts += _whisker(one, TOP + 20 + row * place + row / 2, across, x.text)
    parts.append(
        f'<text class="label" x="{(left + WIDTH - RIGHT) / 2}" y="{height - 6}" text-anchor="middle">{escape(x.label)}</text>'
    )
    return _svg(title, height, parts)


def _whisker(one: Whisker, y: float, across: Callable[[float], float], text: Text) -> list[str]:
    style = f"s{one.number % 6}"
    tooltip = escape(f"{one.name}: {text(one.value)} ({text(one.low)} to {text(one.high)})")
    dots = [f'<circle class="dot {style} faint" cx="{across(dot):.1f}" cy="{y + 11:.1f}" r="2"/>' for dot in one.dots]
    return [
        f'<text class="row" x="0" y="{y + 4:.1f}">{escape(one.name)}</text>',
        *dots,
        f'<line class="line {style}" x1="{across(one.low):.1f}" x2="{across(one.high):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>',
        f'<circle class="dot {style}" cx="{across(one.value):.1f}" cy="{y:.1f}" r="5"><title>{tooltip}</title></circle>',
    ]


# -- scales


def _scaled(axis: Axis, value: float) -> float:
    if axis.scale == "percentile":
        return -math.log10(max(1 - value / 100, 1e-7))
    return math.log10(max(value, 1e-9)) if axis.scale == "log" else value


def _range(axis: Axis, values: Sequence[float]) -> tuple[float, float]:
    scaled = [_scaled(axis, value) for value in values if math.isfinite(value)] or [0.0]
    low = _scaled(axis, axis.low) if axis.low is not None else min(scaled)
    high = _scaled(axis, axis.high) if axis.high is not None else max(scaled)
    if axis.scale == "percentile":
        return 0.0, max(high, 1.0) * 1.02
    room = (high - low) * 0.06 or 0.1 * (abs(high) or 1.0)
    return (low if axis.low is not None else low - room), (high if axis.high is not None else high + room)


def _ticks(axis: Axis, scaled: tuple[float, float]) -> list[float]:
    low, high = scaled
    if axis.scale == "percentile":
        return [value for value in (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999) if _scaled(axis, value) <= high]
    if axis.scale == "log":
        return _log_ticks(low, high)
    step = _step((high - low) / 5)
    first = math.ceil(low / step)
    return [round(number * step, 10) for number in range(first, math.floor(high / step) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Return powers of ten, with 2 and 5 between them for a short range."""
    steps = (1,) if high - low > 3 else (1, 2, 5)
    decades = range(math.floor(low), math.ceil(high) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    return [tick for tick in ticks if low <= math.log10(tick) <= high]


def _step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    return next((step * power for step in (1, 2, 2.5, 5) if step * power >= rough), 10 * power)
