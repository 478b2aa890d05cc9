"""Locust's own statistics, fed once a second instead of once a request, and its CSV and HTML written from them.

They are for people who know locust: rounded to three digits here, and never the source of a number of ours.
"""

import csv
import operator
import time
from pathlib import Path
from typing import Any

import locust.stats
import numpy as np
from locust.env import Environment
from locust.html import get_html_report
from locust.stats import PERCENTILES_TO_REPORT, StatsCSV, StatsError

from fixtures.secrets import SecretRegistry
from load.generator.records import BUCKET_BITS, BUCKET_MASK, BY_SECOND, KEY_MASK, Batch, parts_of
from load.histogram import HIGHS
from load.plan import Plan


def three_digits(milliseconds: float) -> float:
    """A response time as locust shall keep it: three significant digits, where locust itself knows only whole milliseconds."""
    return float(f"{milliseconds:.3g}")


_MILLISECONDS = np.array([three_digits(high / 1000) for high in HIGHS.tolist()])  # of each bucket


def round_gently() -> None:
    """Have locust keep three digits of what other users report to it as well."""
    locust.stats.bucket_response_time = three_digits  # type: ignore[assignment] # meant to be replaced (locust: configuration)


def feed(environment: Environment, batch: Batch, plan: Plan) -> None:
    """Add what a process has counted to locust's statistics: response times from the intended start."""
    if BY_SECOND not in batch.counted:
        return
    codes, counts = batch.counted[BY_SECOND]
    keys, buckets, operations = codes >> BUCKET_BITS & KEY_MASK, codes & BUCKET_MASK, plan.operations
    for key in np.unique(keys).tolist():
        mine = keys == key
        arm, operation, outcome = parts_of(key)
        name, kind = operations[operation], plan.arms[arm].name
        milliseconds, times = _MILLISECONDS[buckets[mine]].tolist(), counts[mine].tolist()
        for entry in (environment.stats.total, environment.stats.get(name, kind)):
            _add(entry, milliseconds, times, failed=outcome != "ok")
        if outcome != "ok":
            known = environment.stats.errors
            failure = known.setdefault(StatsError.create_key(kind, name, outcome), StatsError(kind, name, outcome))
            failure.occurred()
            failure.occurrences += sum(times) - 1


def _add(entry: Any, milliseconds: list[float], times: list[int], *, failed: bool) -> None:
    """What `StatsEntry.log` and `log_error` do for a request, for many."""
    entry.log(milliseconds[0], 0)  # does what has to be done once a second
    count, second = sum(times), int(time.time())
    if failed:
        entry.num_failures += count
        entry.num_fail_per_sec[second] += count
    entry.num_requests += count - 1
    entry.num_reqs_per_sec[second] += count - 1
    entry.total_response_time += sum(map(operator.mul, milliseconds, times)) - milliseconds[0]
    entry.min_response_time = min(entry.min_response_time, *milliseconds)
    entry.max_response_time = max(entry.max_response_time, *milliseconds)
    entry.response_times[milliseconds[0]] -= 1
    for value, often in zip(milliseconds, times, strict=True):
        entry.response_times[value] += often


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
