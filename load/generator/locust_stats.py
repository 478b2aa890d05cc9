"""Locust's own statistics, fed once a second instead of once a request, and its CSV and HTML written from them.

They are for people who know locust: rounded to three digits here, and never the source of a number of ours.
"""

import csv
import time
from pathlib import Path
from typing import Any

import locust.stats
import numpy as np
from locust.env import Environment
from locust.html import get_html_report
from locust.stats import PERCENTILES_TO_REPORT, StatsCSV, StatsError

from fixtures.secrets import SecretRegistry
from load.generator.records import Integers, parts_of
from load.plan import Plan


def three_digits(milliseconds: float) -> float:
    """A response time as locust shall keep it: three significant digits, where locust itself knows only whole milliseconds."""
    return float(f"{milliseconds:.3g}")


def round_gently() -> None:
    """Have locust keep three digits of what other users report to it as well."""
    locust.stats.bucket_response_time = three_digits  # type: ignore[assignment] # meant to be replaced (locust: configuration)


def feed(environment: Environment, rows: Integers, plan: Plan) -> None:
    """Add rows to locust's statistics: response times from the intended start."""
    operations = plan.operations
    for key in np.unique(rows[:, 4]).tolist():
        mine = rows[rows[:, 4] == key]
        arm, operation, outcome = parts_of(key)
        name, kind = operations[operation], plan.arms[arm].name
        milliseconds = (mine[:, 3] - mine[:, 0]) / 1e6
        error = None if outcome == "ok" else outcome
        for entry in (environment.stats.total, environment.stats.get(name, kind)):
            _add(entry, milliseconds, failed=error is not None)
        if error:
            known = environment.stats.errors
            failure = known.setdefault(StatsError.create_key(kind, name, error), StatsError(kind, name, error))
            failure.occurred()
            failure.occurrences += len(mine) - 1


def _add(entry: Any, milliseconds: Any, *, failed: bool) -> None:
    entry.log(three_digits(float(milliseconds[0])), 0)  # does what has to be done once
    rest = milliseconds[1:]
    second = int(time.time())
    if failed:
        entry.num_failures += len(milliseconds)
        entry.num_fail_per_sec[second] += len(milliseconds)
    if not len(rest):
        return
    entry.num_requests += len(rest)
    entry.num_reqs_per_sec[second] += len(rest)
    entry.total_response_time += float(rest.sum())
    entry.min_response_time = min(entry.min_response_time, float(rest.min()))
    entry.max_response_time = max(entry.max_response_time, float(rest.max()))
    scale = 10.0 ** (np.floor(np.log10(np.maximum(rest, 1e-3))) - 2)
    values, counts = np.unique(np.round(rest / scale) * scale, return_counts=True)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        entry.response_times[three_digits(value)] += count


def write(environment: Environment, folder: Path, secrets: SecretRegistry) -> None:
    """Write `locust_stats.csv`, `locust_failures.csv`, `locust_exceptions.csv` and `locust.html` into a folder."""
    tables = StatsCSV(environment, PERCENTILES_TO_REPORT)
    for name in ("requests", "failures", "exceptions"):
        path = folder / f"locust_{'stats' if name == 'requests' else name}.csv"
        with path.open("w", newline="") as file:
            getattr(tables, f"{name}_csv")(csv.writer(file))
        text = path.read_text()
        if (clean := secrets.redact(text)) != text:
            path.write_text(clean)
    page = get_html_report(environment, show_download_link=False)
    if any(secret.value in page for secret in secrets):
        page = secrets.redact(page)
    (folder / "locust.html").write_text(page)
