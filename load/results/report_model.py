"""The model of `load.json`, the result of a measurement of `gatebench load`.

Times are microseconds (`_us`) or seconds since the start of the load (`second`, `at`); shares are fractions of 1; an `Estimate`
has its own interval. `python -m gatebench.load.results.report_model` generates `load.schema.json` from these classes; an
incompatible change increments `format`.
"""

import json
from pathlib import Path
from typing import Literal

from pydantic import Field

from gatebench.fixtures.recording import files
from gatebench.load.results.base_model import Model
from gatebench.load.results.comparison_model import Comparison, Overhead
from gatebench.load.results.resource_model import FarEnd, Generator, Machine, Resources

SCHEMA = Path(__file__).parent / "load.schema.json"

Conclusion = Literal[
    "ok", "budget-broken", "wrong-answers", "slower", "faster", "not slower", "cannot tell", "void", "incomplete"
]


class Latency(Model):
    """A latency distribution: percentiles, and their HdrHistogram (base64, microseconds)."""

    count: int
    mean_us: float
    percentiles: list[tuple[float, float]] = Field(description="(percentile from 0 to 100, microseconds), ascending")
    histogram: str = ""


class Operation(Model):
    """Results of an operation of an arm: `response` from the intended start, `service` from the actual send."""

    operation: str
    outcome: str = Field(description="`ok`, or the kind of failure")
    count: int
    response: Latency
    service: Latency | None = None


class Arm(Model):
    """An arm of the measurement: `gateway`, `direct`, `baseline`, `candidate`, or a name of the profile."""

    name: str
    done: int
    failed: int = Field(description="number of these that failed")
    rate: float = Field(description="successful responses per second")
    operations: list[Operation]


class Moment(Model):
    """One second of one arm."""

    second: float
    arm: str
    done: int
    failed: int = 0
    p50_us: float | None = None
    p99_us: float | None = None


class RatePoint(Model):
    """One step of the search for the knee."""

    offered: float = Field(description="scheduled requests per second")
    done: float = Field(description="successful responses per second within the step")
    calls: int = Field(0, description="responses, successful or not")
    failed: int = Field(0, description="number of these that failed")
    p50_us: float
    p99_us: float
    plateau: bool = Field(description="p99 is still at its value for low rates")
    void: str | None = None


class Knee(Model):
    """The rate at which p99 leaves its plateau; None if it was not reached or is not published, as `said` explains."""

    points: list[RatePoint]
    rate: float | None
    said: str


class Judged(Model):
    """The result of a validity rule. A broken rule with `voids` makes the measurement void."""

    rule: str
    measured: float
    limit: float
    unit: str
    ok: bool
    voids: bool
    said: str


class BudgetResult(Model):
    """The result of a budget: `measured` is None if there is no value, which breaks the budget unless it is optional."""

    measure: str
    unit: str
    measured: float | None
    max: float | None = None
    min: float | None = None
    outcome: Literal["kept", "broken", "void", "not measured", "not applicable"]
    why: str


class Event(Model):
    """An event during the load."""

    at: float = Field(description="seconds since the start of the load; negative in a warm-up")
    what: str
    count: int = 1


class WrongAnswer(Model):
    """A response that belonged to another caller, or an invalid one; the exchange is redacted."""

    at: float
    arm: str
    operation: str
    said: str
    request: str = ""
    answer: str = ""


EndedBy = Literal[
    "gateway",  # it ended, stopped responding, or failed
    "bench",  # a process of the bench was lost
    "machine",  # it was too busy for a result
    "interruption",
]


class LoadReport(Model):
    """The whole file."""

    format: Literal[1] = 1
    kind: Literal["run", "overhead", "gate"]
    gatebench: str
    time: str = Field(description="when the load began, UTC, ISO 8601")
    target: str
    gateway: str = ""
    profile: str = ""
    purpose: str = ""
    seed: int = 0
    seconds: float = 0.0
    machine: Machine
    complete: bool = True
    incomplete_reason: str | None = None
    ended_by: EndedBy | None = Field(default=None, description="why it did not complete; determines the exit status")
    conclusion: Conclusion = "ok"
    said: str = Field(default="", description="the conclusion in one sentence")
    arms: list[Arm] = Field(default_factory=list)
    moments: list[Moment] = Field(default_factory=list)
    overhead: list[Overhead] = Field(default_factory=list, description="one for each gateway arm")
    knee: Knee | None = None
    figures: dict[str, float] = Field(
        default_factory=dict, description="further metrics of the profile, by the names of its budgets"
    )
    comparison: Comparison | None = None
    resources: Resources | None = None
    far_end: FarEnd | None = None
    generator: Generator | None = None
    validity: list[Judged] = Field(default_factory=list)
    budgets: list[BudgetResult] = Field(default_factory=list)
    wrong_answers: list[WrongAnswer] = Field(default_factory=list, description="the first ten of each part of the load")
    wrong_count: int = Field(0, description="total number, warm-up included")
    events: list[Event] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list, description="notes for readers")


def write(report: LoadReport, folder: Path) -> Path:
    """Write load.json into the folder and return its path."""
    path = folder / "load.json"
    files.write_text(path, report.model_dump_json(indent=1) + "\n")
    return path


def schema() -> str:
    """Return the JSON Schema of the file, the content of `load.schema.json`."""
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **LoadReport.model_json_schema()}
    return json.dumps(made, indent=1) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema(), encoding="utf-8")
