"""Number formatting of reports: three significant digits and a suitable unit."""

from collections.abc import Mapping
from typing import Any


def digits(value: float) -> str:
    """Format three significant digits, without exponent or trailing zeros: 0.123, 1.23, 12.3, 123, 1230."""
    size = abs(value)
    if size and size < 0.001:
        return f"{value:.1g}" if size >= 1e-6 else "0"
    places = 3 if size < 1 else 2 if size < 10 else 1 if size < 100 else 0
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration(microseconds: float | None) -> str:
    """Format a duration: `850 µs`, `1.52 ms`, `2.3 s`; a dash for None."""
    if microseconds is None:
        return "–"
    size = abs(microseconds)
    if size < 1000:
        return f"{digits(microseconds)} µs"
    return f"{digits(microseconds / 1e3)} ms" if size < 1e6 else f"{digits(microseconds / 1e6)} s"


def interval(estimate: Mapping[str, Any], show: Any = duration) -> str:
    """Format an estimate: `1.52 ms (1.49 ms to 1.55 ms)`; only the value if there is no interval."""
    if estimate.get("low") is None or estimate.get("high") is None:
        return str(show(estimate["value"]))
    return f"{show(estimate['value'])} ({show(estimate['low'])} to {show(estimate['high'])})"


def change(ratio: float) -> str:
    """Format a relative change: `+8.4%`, `-0.3%`."""
    return f"{100 * ratio:+.1f}%"


def share(ratio: float) -> str:
    """Format a share: `3.2%`."""
    return f"{100 * ratio:.1f}%"


def percentile(value: float) -> str:
    """Format a percentile: `p50`, `p99.9`, `max`."""
    return "max" if value >= 100 else "min" if value <= 0 else f"p{value:g}"
