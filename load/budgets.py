"""Budgets: limits on what a report measured, from `budgets.toml` or a file of the user's own.

A budget names a measure (see MEASURES) and a limit. What was not measured breaks its budget too: a limit that nothing is held
against is never green, unless the file says `optional`. What a void measurement spoils is not judged.
"""

import fnmatch
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fixtures.errors import BenchError
from load.model import Arm, BudgetResult, LoadReport, Operation

SHIPPED = Path(__file__).parent / "budgets.toml"
DIRECT = ("direct", "baseline", "hung")  # arms that say nothing of the gateway, where there is another


class Budget(BaseModel):
    """One `[[budget]]` of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    measure: str
    profiles: list[str] = Field(["*"], min_length=1, description="globs on names of profiles; left out: all")
    max: float | None = None
    min: float | None = None
    optional: bool = Field(False, description="kept where it cannot be measured, as with a gateway on another machine")
    why: str = Field(min_length=1)

    @model_validator(mode="after")
    def _sensible(self) -> "Budget":
        if self.measure not in MEASURES:
            raise ValueError(f"there is no measure {self.measure!r}; there are {', '.join(sorted(MEASURES))}")
        if self.max is None and self.min is None:
            raise ValueError(f"the budget of {self.measure} needs `max` or `min`")
        return self

    def applies(self, profile: str) -> bool:
        """Is it one of this profile's?"""
        return any(fnmatch.fnmatchcase(profile, glob) for glob in self.profiles)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    budget: list[Budget] = []


def load(path: Path = SHIPPED) -> list[Budget]:
    """The budgets of a file; raises BenchError with one sentence that names file and key."""
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).budget
    except OSError as error:
        raise BenchError(f"cannot read the budgets {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"{path} is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BenchError(f"{path}: {key}: {first['msg'].removeprefix('Value error, ')}") from error


def judge(budgets: Iterable[Budget], report: LoadReport, *, void: bool) -> list[BudgetResult]:
    """What became of every budget of the report's profile, in the file's order."""
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


# -- measures: what a report says about the gateway, as one number each


def _gateways(report: LoadReport) -> list[Arm]:
    return [arm for arm in report.arms if arm.name not in DIRECT] or report.arms


def _latency(percentile: float) -> Callable[[LoadReport], float | None]:
    """Milliseconds, of the right answers of the operation that is answered slowest at this percentile."""

    def measure(report: LoadReport) -> float | None:
        found = [
            _at(operation, percentile)
            for arm in _gateways(report)
            for operation in arm.operations
            if operation.outcome == "ok"
        ]
        told = [value for value in found if value is not None]
        return max(told) / 1e3 if told else None

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
    """Percent, from the second fifth of the load to its last: what a soak is for. The first fifth fills caches."""
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
    "errors": ("% of the answers", _errors),
    "wrong-answers": ("answers", _wrong),
    "throughput": ("right answers per second", _rate),
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
    "not-back-down": ("things", _left),
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
