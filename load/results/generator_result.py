"""Results of a load generator: `result.json` and `samples.npy`.

Times are seconds from the start of the measured part unless a name says otherwise; latencies are microseconds. Each request has
three: `response` from the intended start to the last byte of the response, `service` from the actual send, and `lag`, the
scheduling lag of the generator, from the intended start until the dispatcher released the request. Waiting because of
`max_in_flight` is included in `response` only. Streams add `first` (send to first event) and `event` (delay of each event since
the upstream stamped it, same host only).
"""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gatebench.fixtures.errors import BenchError
from gatebench.load.plan.plan import SESSION_PARTS
from gatebench.load.results.histogram import Histogram

RESULT, SAMPLES = "result.json", "samples.npy"
VERSION = 1

# In the order of their numbers in samples. Only `ok` is a correct response.
Outcome = Literal[
    "ok",
    "wrong",  # the response of another caller: wrong nonce, identity or upstream credential
    "incomplete",  # a stream with too few events
    "tool-error",  # isError
    "rpc-error",  # a JSON-RPC error
    "unauthorized",  # 401, 403
    "throttled",  # 429
    "http-error",  # any other error status below 500
    "server-error",  # 5xx
    "malformed",  # not HTTP, not JSON-RPC, or no response to this request
    "timeout",
    "refused",  # no connection
    "reset",  # the connection ended before the response
    "unfinished",  # in flight at the end of the run
    "failed",  # reported by a custom user class
    "unexpected",  # a result without the value that the plan expects
]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
CONNECTION: tuple[Outcome, ...] = ("refused", "reset", "timeout")  # outcomes of an unreachable target
LATE = 1000  # microseconds of lag from which a request counts as late

Metric = Literal["response", "service", "lag", "first", "event"]

# A request. `upstream_recv`, `upstream_send`, `sent`, `done` are CLOCK_MONOTONIC nanoseconds (0: absent); arm, operation and
# outcome are indices in Result.arms, Result.operations and OUTCOMES. `session` parts and warm-up are not in the samples.
SAMPLE = np.dtype(
    [
        ("intended", "f8"), ("lag", "f4"), ("service", "f4"), ("response", "f4"), ("arm", "u1"), ("operation", "u1"),
        ("outcome", "u1"), ("upstream_recv", "i8"), ("upstream_send", "i8"), ("sent", "i8"), ("done", "i8"),
    ]
)  # fmt: skip


class _ResultModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Cell(_ResultModel):
    """Results of one arm, operation and outcome; histograms are HdrHistogram V2, base64 (`histogram` decodes one)."""

    arm: str
    operation: str
    outcome: Outcome
    count: int
    histograms: dict[Metric, str] = {}

    def histogram(self, metric: Metric) -> Histogram:
        """Return the histogram of a metric in microseconds; empty if nothing was recorded."""
        encoded = self.histograms.get(metric)
        return Histogram.decode(encoded) if encoded else Histogram()


class Interval(_ResultModel):
    """One second. Its cells, of `response` only, are of requests whose *intended* start is in it.

    `sent` and `done` count requests sent and completed in it, whenever they were due.
    """

    start: float
    offered: int = 0
    sent: int = 0
    done: int = 0
    late: int = 0
    in_flight: int = 0  # at the end of the second
    waiting: int = 0  # requests waiting for others at the end of the second
    cpu: float = 0.0  # CPU seconds of the generator, all processes
    cells: list[Cell] = []


class Counts(_ResultModel):
    """Requests of the measured part. offered = sent + dropped; sent = done + unfinished requests (outcome `unfinished`)."""

    offered: int = 0
    sent: int = 0
    done: int = 0
    late: int = 0  # lag of LATE or more
    dropped: int = 0  # never sent: waiting at the end of the run
    connections: int = 0  # opened, warm-up included
    sessions: int = 0  # opened, warm-up included


class GeneratorEvent(_ResultModel):
    """An event; events of the same kind within a second are merged, with a count."""

    t: float
    kind: (
        str  # an outcome, or: "target gone", "target back", "worker lost", "interrupted", "gave up", "session lost" ...
    )
    arm: str | None = None
    detail: str = ""
    count: int = 1


class WrongAnswerSample(_ResultModel):
    """A response that belonged to another caller, with its exchange; credentials are replaced by labels."""

    t: float
    arm: str
    operation: str
    server: str
    caller: str
    detail: str
    request: str
    response: str


class GeneratorHost(_ResultModel):
    """Resource usage of the generator, all processes together, over the measured part."""

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    in_flight_peak: int = 0
    processes: int = 1
    timer: Literal["timerfd", "loop"] = "timerfd"
    garbage_collection: str = "once a second by hand, with the flush of the records"
    versions: dict[str, str] = {}


Ended = Literal["complete", "interrupted", "gave up", "incomplete"]


class Result(_ResultModel):
    """The result of a plan. `ended` is `incomplete` if a worker was lost; results so far are included."""

    version: Annotated[int, Field(ge=VERSION, le=VERSION)] = VERSION
    ended: Ended = "complete"
    started_at: str = ""  # UTC, ISO 8601
    start_ns: int = 0  # CLOCK_MONOTONIC nanoseconds of second 0 (of this machine)
    seconds: float = 0.0  # completed duration of the measured part
    arms: list[str] = []
    operations: list[str] = []
    counts: Counts = Counts()
    cells: list[Cell] = []
    warmup: list[Cell] = []
    intervals: list[Interval] = []
    events: list[GeneratorEvent] = []
    wrong: list[WrongAnswerSample] = []  # the first ten
    wrong_count: int = 0
    samples: int = 0  # in samples.npy; fewer than done if the plan limits them
    machine: GeneratorHost = GeneratorHost()

    def without_exchanges(self) -> "Result":
        """Return a copy without requests, responses and details, for use if they cannot be redacted."""
        wrong = [one.model_copy(update={"detail": "", "request": "", "response": ""}) for one in self.wrong]
        events = [one.model_copy(update={"detail": ""}) for one in self.events]
        return self.model_copy(update={"wrong": wrong, "events": events})

    def whole_calls(self) -> "Result":
        """Return a copy without parts of sessions (handshake, DELETE), in cells and intervals."""
        intervals = [one.model_copy(update={"cells": _whole(one.cells)}) for one in self.intervals]
        return self.model_copy(update={"cells": _whole(self.cells), "intervals": intervals})

    @property
    def first_failure(self) -> str:
        """The earliest failure as text, `rpc-error: -32602: invalid arguments`; empty if there is none."""
        failures = [event for event in self.events if event.kind in OUTCOMES and event.kind not in ("ok", "unfinished")]
        first = min(failures, key=lambda event: event.t, default=None)
        return ": ".join(filter(None, (first.kind, first.detail))) if first else ""

    def total(self, metric: Metric, **match: str) -> Histogram:
        """Return the merged histogram of all matching cells: `total("response", arm="gateway", outcome="ok")`."""
        return Histogram.sum(
            cell.histogram(metric)
            for cell in self.cells
            if all(getattr(cell, key) == value for key, value in match.items())
        )

    def count(self, **match: str) -> int:
        """Return the number of matching requests: `count(outcome="ok")`."""
        return sum(
            cell.count for cell in self.cells if all(getattr(cell, key) == value for key, value in match.items())
        )


def _whole(cells: list[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.operation not in SESSION_PARTS]


def read(folder: Path) -> Result:
    """Read the result in a folder. Raises BenchError with one sentence if there is none."""
    path = folder / RESULT
    try:
        return Result.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BenchError(f"the load generator wrote no result at {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise BenchError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def read_samples(folder: Path) -> NDArray[Any]:
    """Return the single requests of a run (dtype SAMPLE), in order of completion; empty without a file."""
    path = folder / SAMPLES
    return np.load(path, allow_pickle=False) if path.exists() else np.zeros(0, SAMPLE)
