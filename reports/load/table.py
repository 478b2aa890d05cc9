"""load.csv and load-seconds.csv: the latencies and the seconds of a load report, for spreadsheets. Latencies are milliseconds."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from gatebench.fixtures.recording import files
from gatebench.reports.load.model import Report, at

OPERATIONS, SECONDS = "load.csv", "load-seconds.csv"
_POINTS = (50.0, 90.0, 95.0, 99.0, 99.9, 100.0)
_OPERATION_HEAD = ("arm", "operation", "outcome", "count", "mean_ms", *(f"p{point:g}_ms" for point in _POINTS))
_SECOND_HEAD = ("second", "arm", "responses", "failed", "p50_ms", "p99_ms")


def write(report: Report, folder: Path) -> None:
    """Write both files into the folder."""
    files.write_text(folder / OPERATIONS, _csv(_OPERATION_HEAD, _operations(report)))
    files.write_text(folder / SECONDS, _csv(_SECOND_HEAD, _seconds(report)))


def _operations(report: Report) -> Iterable[Sequence[object]]:
    for arm in report["arms"]:
        for one in arm["operations"]:
            times = [_ms(at(one["response"], point)) for point in _POINTS]
            yield arm["name"], one["operation"], one["outcome"], one["count"], _ms(one["response"]["mean_us"]), *times


def _seconds(report: Report) -> Iterable[Sequence[object]]:
    for one in report["moments"]:
        yield one["second"], one["arm"], one["done"], one["failed"], _ms(one["p50_us"]), _ms(one["p99_us"])


def _ms(microseconds: float | None) -> str:
    """Return milliseconds; empty where there were too few requests."""
    return "" if microseconds is None else f"{microseconds / 1e3:.6g}"


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return text.getvalue()
