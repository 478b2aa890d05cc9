"""Statistics, CSV and HTML of locust, updated once a second instead of per request.

They are for users of locust, rounded to three digits, and not a source of other results.
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

from gatebench.fixtures.recording.secrets import SecretRegistry
from gatebench.load.generator.recording.recorder import BUCKET_BITS, BUCKET_MASK, BY_SECOND, KEY_MASK, Batch, parts_of
from gatebench.load.plan.plan import Plan
from gatebench.load.results.histogram import HIGHS


def three_digits(milliseconds: float) -> float:
    """Round a response time for locust to three significant digits (locust rounds to whole milliseconds)."""
    return float(f"{milliseconds:.3g}")


_MILLISECONDS = np.array([three_digits(high / 1000) for high in HIGHS.tolist()])  # of each bucket


def round_gently() -> None:
    """Make locust keep three digits of response times of custom users as well."""
    locust.stats.bucket_response_time = three_digits  # type: ignore[assignment] # meant to be replaced (locust: configuration)


def feed(environment: Environment, batch: Batch, plan: Plan) -> None:
    """Add a batch to the statistics of locust: response times from the intended start."""
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
    """Add many requests at once, like `StatsEntry.log` and `log_error` for one."""
    entry.log(milliseconds[0], 0)  # performs the per-second updates
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
    (folder / "locust.html").write_text(secrets.redact(page))
