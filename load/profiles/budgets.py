"""Budgets: limits on measured values, from `budgets.toml` or a custom file.

A budget names a measure (see MEASURES) and a limit. A value that was not measured breaks its budget, unless the budget is
`optional`. Budgets of timings are not evaluated for a void measurement.
"""

import fnmatch
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.extensions import catalog
from gatebench.fixtures.protocol.validation import explain
from gatebench.fixtures.recording import files
from gatebench.load.results.report_model import Arm, BudgetResult, LoadReport, Operation

DIRECT = ("direct", "baseline", "hung")  # arms that do not measure the gateway, if there is another arm


class Budget(BaseModel):
    """One `[[budget]]` table."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    measure: str
    profiles: list[str] = Field(["*"], min_length=1, description="globs on profile names; default: all")
    max: float | None = None
    min: float | None = None
    optional: bool = Field(
        False, description="not broken if it cannot be measured, as with a gateway on another machine"
    )
    why: str = Field(min_length=1)

    @model_validator(mode="after")
    def _sensible(self) -> "Budget":
        if self.measure not in MEASURES:
            raise ValueError(f"unknown measure {self.measure!r}; expected one of {', '.join(sorted(MEASURES))}")
        if self.max is None and self.min is None:
            raise ValueError(f"the budget of {self.measure} needs `max` or `min`")
        return self

    def applies(self, profile: str) -> bool:
        """Return True if it applies to this profile."""
        return any(fnmatch.fnmatchcase(profile, glob) for glob in self.profiles)


class _BudgetsFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    budget: list[Budget] = []


def load(path: Path | None = None) -> list[Budget]:
    """Return the budgets of a file, or of all extensions. Raises BenchError with one sentence that names file and key."""
    if path is None:
        return [budget for one in catalog.extensions() for file in one.files("budgets") for budget in load(file)]
    try:
        return _BudgetsFile.model_validate(tomllib.loads(files.read_text(path))).budget
    except OSError as error:
        raise BenchError(f"cannot read the budgets {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BenchError(f"{path} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise BenchError(f"{path}: {explain(error, _BudgetsFile)}") from error


def judge(budgets: Iterable[Budget], report: LoadReport, *, void: bool) -> list[BudgetResult]:
    """Return the result of every budget that applies to the profile of the report, in file order."""
    return [_result(budget, report, void=void) for budget in budgets if budget.applies(report.profile)]


def _result(budget: Budget, report: LoadReport, *, void: bool) -> BudgetResult:
    unit, measure = MEASURES[budget.measure]
    measured = measure(report)
    result = BudgetResult(
        measure=budget.measure,
        unit=unit,
        measured=measured,
        max=budget.max,
        min=budget.min,
        outcome="kept",
        why=budget.why,
    )
    if measured is None:
        result.outcome = "not applicable" if budget.optional else "not measured"
    elif void and budget.measure in AFFECTED:
        result.outcome = "void"
    elif (budget.max is not None and measured > budget.max) or (budget.min is not None and measured < budget.min):
        result.outcome = "broken"
    return result


# -- measures: one number each, from a report


def _gateways(report: LoadReport) -> list[Arm]:
    return [arm for arm in report.arms if arm.name not in DIRECT] or report.arms


def _latency(percentile: float) -> Callable[[LoadReport], float | None]:
    """Return a measure in milliseconds: successful responses of the slowest operation at this percentile."""

    def measure(report: LoadReport) -> float | None:
        found = [
            _at(operation, percentile)
            for arm in _gateways(report)
            for operation in arm.operations
            if operation.outcome == "ok"
        ]
        known_values = [value for value in found if value is not None]
        return max(known_values) / 1e3 if known_values else None

    return measure


def _at(operation: Operation, percentile: float) -> float | None:
    return next((value for at, value in operation.response.percentiles if at == percentile), None)


def _errors(report: LoadReport) -> float | None:
    done = sum(arm.done for arm in _gateways(report))
    failed = sum(arm.failed for arm in _gateways(report))
    return 100 * failed / done if done else None


def _wrong(report: LoadReport) -> float | None:
    return float(report.wrong_count) if report.wrong_count or report.arms or report.moments else None


def _rate(report: LoadReport) -> float | None:
    return sum(arm.rate for arm in _gateways(report)) if report.arms else None


def _overhead(percentile: float) -> Callable[[LoadReport], float | None]:
    def measure(report: LoadReport) -> float | None:
        found = [q.overhead_us.value for one in report.overhead for q in one.quantiles if q.percentile == percentile]
        return max(found) / 1e3 if found else None

    return measure


def _per_call(counter: str) -> Callable[[LoadReport], float | None]:
    return lambda report: report.far_end.per_call.get(counter) if report.far_end else None


def _cpu(report: LoadReport) -> float | None:
    cpu = report.resources.cpu_us_per_call if report.resources else None
    return cpu.value / 1e3 if cpu else None


def _memory(report: LoadReport) -> float | None:
    return max((sample.rss_mib for sample in report.resources.samples), default=None) if report.resources else None


def _growth(report: LoadReport) -> float | None:
    """Return memory growth in percent from the second fifth of the load to the last; the first fifth fills caches."""
    samples = report.resources.samples if report.resources else []
    fifth = len(samples) // 5
    if not fifth:
        return None
    early, late = (sum(s.rss_mib for s in part) / fifth for part in (samples[fifth : 2 * fifth], samples[-fifth:]))
    return 100 * (late / early - 1) if early else None


def _left(report: LoadReport) -> float | None:
    return float(len(report.resources.settled)) if report.resources and report.resources.after else None


def _ratio(upper: float, lower: float) -> Callable[[LoadReport], float | None]:
    def measure(report: LoadReport) -> float | None:
        above, below = _latency(upper)(report), _latency(lower)(report)
        return above / below if above is not None and below else None

    return measure


def _figure(name: str) -> Callable[[LoadReport], float | None]:
    return lambda report: report.figures.get(name)


MEASURES: dict[str, tuple[str, Callable[[LoadReport], float | None]]] = {
    "errors": ("% of the responses", _errors),
    "wrong-answers": ("responses", _wrong),
    "throughput": ("successful responses per second", _rate),
    "latency-p50": ("ms", _latency(50)),
    "latency-p90": ("ms", _latency(90)),
    "latency-p99": ("ms", _latency(99)),
    "latency-p99.9": ("ms", _latency(99.9)),
    "tail": ("p99 over p50", _ratio(99, 50)),
    "overhead-p50": ("ms", _overhead(50)),
    "overhead-p99": ("ms", _overhead(99)),
    "knee": ("requests per second", lambda report: report.knee.rate if report.knee else None),
    "knee-concurrency": ("calls at the same time", _figure("knee-concurrency")),
    "cpu-per-call": ("ms", _cpu),
    "memory-peak": ("MiB", _memory),
    "memory-growth": ("%", _growth),
    "not-back-down": ("resources", _left),
    "upstream-requests-per-call": ("requests", _per_call("requests")),
    "upstream-connections-per-call": ("connections", _per_call("connections")),
    "upstream-sessions-per-call": ("sessions", _per_call("sessions")),
    "idp-requests-per-call": ("requests", _per_call("idp_requests")),
    "slowdown": ("times", _figure("slowdown")),
    "growth": ("times", _figure("growth")),
    "recovery": ("s", _figure("recovery")),
    "event-delay-p50": ("ms", _figure("event-delay-p50")),
    "event-delay-p90": ("ms", _figure("event-delay-p90")),
    "refreshes-per-expiry": ("refreshes", _figure("refreshes-per-expiry")),
    "sessions-left": ("sessions", _figure("sessions-left")),
}
_OF_TIME = ("latency", "overhead", "tail", "knee", "throughput", "cpu", "slowdown", "growth", "recovery", "event")
AFFECTED = {name for name in MEASURES if name.startswith(_OF_TIME)}
