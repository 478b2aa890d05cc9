"""The model of `load.json`: what one measurement of `gatebench load` found, for people and for other programs.

Times are microseconds (`_us`) or seconds since the start of the load (`second`, `at`); shares are fractions of 1; an `Estimate`
carries its own interval. `load.schema.json` is made from these classes (`python -m load.model`); a change that readers of
older files would notice raises `format`.
"""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = Path(__file__).parent / "load.schema.json"

Conclusion = Literal[
    "ok", "budget-broken", "wrong-answers", "slower", "faster", "not slower", "cannot tell", "void", "incomplete"
]


class Model(BaseModel):
    """What the parts have in common: a mistyped field is an error, not lost."""

    model_config = ConfigDict(extra="forbid")


class Estimate(Model):
    """A measured number with its confidence interval; without one, `low` and `high` are None."""

    value: float
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95


class Machine(Model):
    """Where it was measured. `id` is what must agree before numbers of two measurements are compared."""

    id: str
    cpu: str
    cores: int
    memory_mib: int
    system: str
    python: str


class Latency(Model):
    """A distribution: exact percentiles, and the HdrHistogram (base64, microseconds) that they come from."""

    count: int
    mean_us: float
    percentiles: list[tuple[float, float]] = Field(description="(percentile from 0 to 100, microseconds), ascending")
    histogram: str = ""


class Operation(Model):
    """What one operation of one arm was answered: `response` from the intended start, `service` from the real send."""

    operation: str
    outcome: str = Field(description="`ok`, or what went wrong")
    count: int
    response: Latency
    service: Latency | None = None


class Arm(Model):
    """One of the ways that requests went: `gateway`, `direct`, `baseline`, `candidate`, or as the profile calls it."""

    name: str
    done: int
    failed: int = Field(description="of these, those that were not answered well")
    rate: float = Field(description="answered well, per second")
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
    """One step of a search for the knee."""

    offered: float = Field(description="arrivals per second")
    done: float = Field(description="right answers per second that came while the step lasted")
    calls: int = Field(0, description="answers, right or not")
    failed: int = Field(0, description="of them, those that were not right")
    p50_us: float
    p99_us: float
    plateau: bool = Field(description="p99 is still what it is at low rates")
    void: str | None = None


class Knee(Model):
    """Where p99 leaves its plateau. `rate` is None when it was not reached, or may not be published; `said` tells."""

    points: list[RatePoint]
    rate: float | None
    said: str


class QuantileOverhead(Model):
    """What the gateway adds at one percentile."""

    percentile: float
    direct_us: float
    gateway_us: float
    overhead_us: Estimate


class Overhead(Model):
    """Paired overhead: both arms of one schedule. `stamps_us` is the same at p50 by the upstream's own clock stamps."""

    quantiles: list[QuantileOverhead]
    stamps_us: Estimate | None = None
    way_in_us: float | None = None
    way_back_us: float | None = None
    starts: int
    slots: int
    slots_left_out: int
    arm: str = "gateway"


class Measure(Model):
    """One measure of a comparison: candidate over baseline minus 1, so 0.1 is 10% more. `moved` is its own verdict."""

    name: str
    primary: bool
    unit: str
    baseline: float
    candidate: float
    change: Estimate
    moved: Literal["slower", "faster", "not slower", "cannot tell"]
    rounds: list[list[float]] = Field(description="the change in each round, by start")


class Comparison(Model):
    """The regression gate's answer, and what it rests on."""

    baseline: str
    yardstick: str = Field(
        default="", description="the target that the candidate was loaded beside; empty: the baseline"
    )
    candidate: str
    verdict: Literal["slower", "not slower", "faster", "cannot tell"]
    said: str
    margin: float
    tolerance: float
    starts: int
    rounds: int
    looks: int
    seconds: float
    shares: str = Field(description="how both were kept at equal shares of the CPU")
    measures: list[Measure]


class ResourceSample(Model):
    """The gateway's process tree at one moment; `cpu_seconds` counts from the first sample."""

    at: float = Field(description="seconds by the clock on the wall; of samples, since the start of the load")
    second: float | None = Field(default=None, description="where it lies among the moments; null between two phases")
    cpu_seconds: float
    rss_mib: float
    descriptors: int | None
    threads: int
    processes: int


class Resources(Model):
    """What the gateway's process tree used, and whether it came back down. `after` is taken once the load has ended."""

    samples: list[ResourceSample]
    cpu_us_per_call: Estimate | None = None
    cpu_share: float = Field(0.0, description="cores in use on average, during the load")
    before: ResourceSample | None = None
    after: ResourceSample | None = None
    settled: list[str] = Field(default_factory=list, description="what did not come back down, one sentence each")


class FarEnd(Model):
    """What the upstreams and the identity provider counted; per-call numbers are over the gateway's answered calls."""

    counters: dict[str, float]
    per_call: dict[str, float]


class Generator(Model):
    """The measuring side itself: what it sent, what it used, how late it was."""

    workers: int = 1
    offered: int = 0
    sent: int = 0
    done: int = 0
    connections: int = 0
    cpu_share: float = Field(description="of one core, per worker")
    lag_p50_us: float
    lag_p99_us: float
    late: int = Field(0, description="requests released a millisecond or more too late")
    dropped: int = Field(
        0, description="arrivals that were never sent: the load ended while they waited for others to finish"
    )
    in_flight_peak: int = 0
    ceiling: float | None = Field(None, description="requests per second, this generator against the upstream directly")
    steal: float = Field(0.0, description="share of the machine's CPU time that the hypervisor took")
    pressure: float | None = Field(None, description="share of time in which something waited for a CPU (PSI)")


class Judged(Model):
    """One rule of validity, with what was measured. A broken rule that `voids` makes the whole result void."""

    rule: str
    measured: float
    limit: float
    unit: str
    ok: bool
    voids: bool
    said: str


class BudgetResult(Model):
    """One budget: `measured` is None when nothing was measured for it, which breaks it too unless it is optional."""

    measure: str
    unit: str
    measured: float | None
    max: float | None = None
    min: float | None = None
    outcome: Literal["kept", "broken", "void", "not measured", "not applicable"]
    why: str


class Event(Model):
    """Something that happened during the load."""

    at: float = Field(description="seconds since its beginning; negative in a warm-up")
    what: str
    count: int = 1


class WrongAnswer(Model):
    """An answer that belonged to somebody else, or was none; the exchange is redacted."""

    at: float
    arm: str
    operation: str
    said: str
    request: str = ""
    answer: str = ""


EndedBy = Literal[
    "gateway",  # it died, fell silent, or did not answer well
    "bench",  # a part of ours was lost
    "machine",  # it was too busy for anything to be said
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
    ended_by: EndedBy | None = Field(
        default=None, description="what kept it from its end: the exit status follows from it"
    )
    conclusion: Conclusion = "ok"
    said: str = Field(default="", description="the conclusion in one sentence")
    arms: list[Arm] = Field(default_factory=list)
    moments: list[Moment] = Field(default_factory=list)
    overhead: list[Overhead] = Field(default_factory=list, description="one for each gateway arm")
    knee: Knee | None = None
    figures: dict[str, float] = Field(
        default_factory=dict, description="what the profile measures beyond latencies, by the names of its budgets"
    )
    comparison: Comparison | None = None
    resources: Resources | None = None
    far_end: FarEnd | None = None
    generator: Generator | None = None
    validity: list[Judged] = Field(default_factory=list)
    budgets: list[BudgetResult] = Field(default_factory=list)
    wrong_answers: list[WrongAnswer] = Field(default_factory=list, description="the first ten of each part of the load")
    wrong_count: int = Field(0, description="how many there were in all, warm-up included")
    events: list[Event] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list, description="what else a reader must know")


def write(report: LoadReport, folder: Path) -> Path:
    """Put load.json into the folder; returns its path."""
    path = folder / "load.json"
    path.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return path


def schema() -> str:
    """The JSON Schema of the file, as `load.schema.json` holds it."""
    made = {"$schema": "https://json-schema.org/draft/2020-12/schema", **LoadReport.model_json_schema()}
    return json.dumps(made, indent=1) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema(), encoding="utf-8")
