"""The charts of a load report and their data."""

from collections.abc import Sequence
from itertools import pairwise

from gatebench.reports.load.model import Report, latencies
from gatebench.reports.rendering.numbers import change, digits, duration, percentile
from gatebench.reports.rendering.svg_charts import Axis, Mark, Series, Whisker, lines, whiskers

_TIME = Axis("seconds since the start of the load", text=lambda value: f"{value:g} s", low=0.0)
_AROUND = Axis("seconds since the start of the load", text=lambda value: f"{value:g} s")  # negative before the load
_LATENCY = Axis("latency (logarithmic)", "log", text=duration)
_MAX_COUNT = 6  # series in one chart; the palette has as many colours


def by_percentile(report: Report) -> str:
    """Draw latency from the intended start by percentile; of more than six series, the slowest six."""
    if report["kind"] == "gate":  # its latencies mix full load and a fixed rate
        return ""
    found = sorted(latencies(report), key=lambda pair: -max((value for _, value in pair[1]["percentiles"]), default=0))
    chosen = {name for name, _ in found[:_MAX_COUNT]}
    series = [
        Series(name, [(min(point, _last(latency)), max(value, 1.0)) for point, value in latency["percentiles"]], number)
        for number, (name, latency) in enumerate(pair for pair in latencies(report) if pair[0] in chosen)
    ]
    return lines(
        "Latency by percentile", Axis("percentile of the responses", "percentile", percentile), _LATENCY, series
    )


def _last(latency: Report) -> float:
    """Return the percentile at which the maximum is drawn: that of the slowest single request."""
    return float(100 * (1 - 1 / max(latency["count"], 2)))


def over_time(report: Report) -> str:
    """Draw p50 and p99 of every second, at its middle."""
    series = []
    for number, arm in enumerate(_arms(report)):
        own = [moment for moment in report["moments"] if moment["arm"] == arm]
        for key, name, dashed in (("p50_us", "p50", True), ("p99_us", "p99", False)):
            points = [(moment["second"] + 0.5, max(moment[key], 1.0)) for moment in own if moment[key] is not None]
            series.append(Series(f"{arm} {name}", points, number, dashed=dashed))
    return lines("Latency over time", _TIME, _LATENCY, series)


def answers(report: Report) -> str:
    """Draw successful and failed responses per second; failures are red bars. A second is drawn at its middle."""
    series = []
    for number, arm in enumerate(_arms(report)):
        own = [moment for moment in report["moments"] if moment["arm"] == arm]
        succeeded = [(moment["second"] + 0.5, moment["done"] - moment["failed"]) for moment in own]
        series.append(Series(f"{arm}: succeeded", succeeded, number))
        if any(moment["failed"] for moment in own):
            series.append(
                Series(f"{arm}: failed", [(moment["second"] + 0.5, moment["failed"]) for moment in own], 5, "bars")
            )
    return lines("Responses over time", _TIME, Axis("responses per second", text=digits, low=0.0), series)


def _arms(report: Report) -> Sequence[str]:
    return list(dict.fromkeys(moment["arm"] for moment in report["moments"]))


def overheads(report: Report) -> str:
    """Draw the overhead of every arm by percentile, with intervals."""
    rows = [
        Whisker(
            f"{one['arm']} {percentile(quantile['percentile'])}",
            quantile["overhead_us"]["value"],
            quantile["overhead_us"]["low"],
            quantile["overhead_us"]["high"],
            number,
        )
        for number, one in enumerate(report["overhead"])
        for quantile in one["quantiles"]
        if quantile["overhead_us"]["low"] is not None
    ]
    return whiskers(
        "Overhead", Axis("added latency, with its 95% interval", text=duration), rows, [Mark(0.0, "no added latency")]
    )


def knee(report: Report) -> str:
    """Draw latency against rate, with the knee marked."""
    found = report["knee"]
    if not found:
        return ""
    points = [point for point in found["points"] if not point["void"]]
    series = [
        Series(name, [(point["offered"], max(point[key], 1.0)) for point in points], number)
        for number, (name, key) in enumerate((("p50", "p50_us"), ("p99", "p99_us")))
    ]
    series.append(
        Series(
            "void: the load generator was the bottleneck",
            [(p["offered"], max(p["p99_us"], 1.0)) for p in found["points"] if p["void"]],
            5,
            "dots",
        )
    )
    marks = [Mark(found["rate"], f"knee: {digits(found['rate'])}/s")] if found["rate"] else []
    axis = Axis("offered requests per second", text=digits)
    return lines("Rate against latency", axis, _LATENCY, [one for one in series if one.points], marks)


def changes(report: Report) -> str:
    """Draw the measures of the regression gate: rounds as small dots, the margin shaded."""
    compared = report["comparison"]
    if not compared:
        return ""
    rows = [
        Whisker(
            measure["name"],
            measure["change"]["value"],
            measure["change"]["low"],
            measure["change"]["high"],
            number,
            [each for start in measure["rounds"] for each in start],
        )
        for number, measure in enumerate(compared["measures"])
    ]
    margin = compared["margin"]
    axis = Axis(f"cost of {compared['candidate']} over {compared['baseline']}", text=change)
    return whiskers("Measured changes", axis, rows, [Mark(0.0, "no change")], (-margin, margin))


def _looks(report: Report) -> list[tuple[float | None, Report]]:
    """Return the resource samples of the gateway, each with its second on the time axis of the load."""
    samples = report["resources"]["samples"] if report["resources"] else []
    return [(sample.get("second", sample["at"]), sample) for sample in samples]  # earlier files have `at` only


def cpu(report: Report) -> str:
    """Draw the cores in use by the gateway between two samples."""
    points = [
        (second, (after["cpu_seconds"] - before["cpu_seconds"]) / (after["at"] - before["at"]))
        for (begin, before), (second, after) in pairwise(_looks(report))
        if begin is not None and second is not None and after["at"] > before["at"]
    ]
    return lines(
        "CPU of the gateway",
        _AROUND,
        Axis("cores in use", text=digits, low=0.0),
        [Series("cores", points)] if points else [],
    )


def memory(report: Report) -> str:
    """Draw the resident memory of the gateway."""
    points = [(second, sample["rss_mib"]) for second, sample in _looks(report) if second is not None]
    series = [Series("resident memory", points)] if points else []
    return lines("Memory of the gateway", _AROUND, Axis("MiB", text=digits, low=0.0), series)


def descriptors(report: Report) -> str:
    """Draw open descriptors and threads of the gateway."""
    looks = [(second, sample) for second, sample in _looks(report) if second is not None]
    series = [
        Series("descriptors", [(at, s["descriptors"]) for at, s in looks if s["descriptors"] is not None], 0),
        Series("threads", [(at, s["threads"]) for at, s in looks], 1),
    ]
    return lines(
        "Descriptors and threads of the gateway",
        _AROUND,
        Axis("number", text=digits, low=0.0),
        [s for s in series if s.points],
    )
