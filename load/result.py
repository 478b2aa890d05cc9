"""What a load generator found, as data: `result.json` beside `samples.npy`, read by the orchestrator.

Times are seconds from the start of the measured part unless a name says otherwise; latencies are microseconds. Of each request
three are kept: `response` from the intended start to the last byte of the answer, `service` from the real send, and `lag`, the
lateness that is our own: from the intended start to the moment at which the dispatcher took the arrival up. What an arrival
then waits because `max_in_flight` others have no answer yet is in `response` alone. Streams add `first` (send to first event)
and `event` (delay of each event since the far end stamped it, same host only).
"""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fixtures.errors import BenchError
from load.histogram import Histogram
from load.plan import SESSION_PARTS

RESULT, SAMPLES = "result.json", "samples.npy"
VERSION = 1

# In order of their numbers in samples. Only `ok` is a right answer.
Outcome = Literal[
    "ok",
    "wrong",  # somebody else's answer: not this call's nonce, identity or upstream credential
    "incomplete",  # a stream that brought fewer events than it had to
    "tool-error",  # isError
    "rpc-error",  # a JSON-RPC error
    "unauthorized",  # 401, 403
    "throttled",  # 429
    "http-error",  # any other status below 500 that is no success
    "server-error",  # 5xx
    "malformed",  # no HTTP, no JSON-RPC, or no answer to this request in it
    "timeout",
    "refused",  # no connection
    "reset",  # the connection ended before the answer did
    "unfinished",  # under way when the run was ended
    "failed",  # a user class of somebody else said so
]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
CONNECTION: tuple[Outcome, ...] = ("refused", "reset", "timeout")  # outcomes that say: there is nobody there
LATE = 1000  # microseconds of lag from which a start counts as late

Metric = Literal["response", "service", "lag", "first", "event"]

# One request. `upstream_recv`, `upstream_send`, `sent`, `done` are CLOCK_MONOTONIC nanoseconds (0: absent); arm, operation and
# outcome are places in Result.arms, Result.operations and OUTCOMES. `session` parts and warm-up are not among the samples.
SAMPLE = np.dtype(
    [
        ("intended", "f8"), ("lag", "f4"), ("service", "f4"), ("response", "f4"), ("arm", "u1"), ("operation", "u1"),
        ("outcome", "u1"), ("upstream_recv", "i8"), ("upstream_send", "i8"), ("sent", "i8"), ("done", "i8"),
    ]
)  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Cell(_Part):
    """Everything of one arm, operation and outcome; histograms are HdrHistogram V2, base64 (`histogram` decodes one)."""

    arm: str
    operation: str
    outcome: Outcome
    count: int
    histograms: dict[Metric, str] = {}

    def histogram(self, metric: Metric) -> Histogram:
        """The histogram of a metric in microseconds; empty when nothing was recorded."""
        encoded = self.histograms.get(metric)
        return Histogram.decode(encoded) if encoded else Histogram()


class Interval(_Part):
    """One second. Its cells, of `response` alone, are of the requests whose *intended* start lies in it.

    `sent` and `done` count what happened in it, whenever it was due.
    """

    start: float
    offered: int = 0
    sent: int = 0
    done: int = 0
    late: int = 0
    in_flight: int = 0  # at its end
    waiting: int = 0  # arrivals at its end that had to wait for others to finish
    cpu: float = 0.0  # CPU seconds of the generator, all processes
    cells: list[Cell] = []


class Counts(_Part):
    """Arrivals of the measured part. offered = sent + dropped; sent = done + unfinished requests (outcome `unfinished`)."""

    offered: int = 0
    sent: int = 0
    done: int = 0
    late: int = 0  # lag of LATE or more
    dropped: int = 0  # never sent: the run ended while they waited
    connections: int = 0  # opened, warm-up included
    sessions: int = 0  # opened, warm-up included


class Event(_Part):
    """Something that a reader of the numbers must know; repeated ones of one second are one, with a count."""

    t: float
    kind: (
        str  # an outcome, or: "target gone", "target back", "worker lost", "interrupted", "gave up", "session lost" ...
    )
    arm: str | None = None
    detail: str = ""
    count: int = 1


class WrongAnswer(_Part):
    """An answer that belonged to somebody else, with its exchange; credentials are replaced by labels."""

    t: float
    arm: str
    operation: str
    server: str
    caller: str
    detail: str
    request: str
    response: str


class Machine(_Part):
    """The generator's own effort, all processes together, over the measured part."""

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    in_flight_peak: int = 0
    processes: int = 1
    timer: Literal["timerfd", "loop"] = "timerfd"
    garbage_collection: str = "once a second by hand, with the flush of the records"
    versions: dict[str, str] = {}


Ended = Literal["complete", "interrupted", "gave up", "incomplete"]


class Result(_Part):
    """What became of a plan. `ended` is `incomplete` where a worker was lost; whatever was measured is here all the same."""

    version: Annotated[int, Field(ge=VERSION, le=VERSION)] = VERSION
    ended: Ended = "complete"
    started_at: str = ""  # UTC, ISO 8601
    start_ns: int = 0  # CLOCK_MONOTONIC nanoseconds of second 0 (of this machine; several machines have several)
    seconds: float = 0.0  # how much of the measured part there was
    arms: list[str] = []
    operations: list[str] = []
    counts: Counts = Counts()
    cells: list[Cell] = []
    warmup: list[Cell] = []
    intervals: list[Interval] = []
    events: list[Event] = []
    wrong: list[WrongAnswer] = []  # the first ten
    wrong_count: int = 0
    samples: int = 0  # in samples.npy; fewer than done when the plan's limit was reached
    machine: Machine = Machine()

    def without_exchanges(self) -> "Result":
        """The same without what anybody sent or said, for when credentials in it can no longer be told from other text."""
        wrong = [one.model_copy(update={"detail": "", "request": "", "response": ""}) for one in self.wrong]
        events = [one.model_copy(update={"detail": ""}) for one in self.events]
        return self.model_copy(update={"wrong": wrong, "events": events})

    def whole_calls(self) -> "Result":
        """The same without the parts of sessions, which are no calls of their own: cells, and those of its intervals."""
        intervals = [one.model_copy(update={"cells": _whole(one.cells)}) for one in self.intervals]
        return self.model_copy(update={"cells": _whole(self.cells), "intervals": intervals})

    def total(self, metric: Metric, **match: str) -> Histogram:
        """The histograms of all cells that match, as one: `total("response", arm="gateway", outcome="ok")`."""
        return Histogram.sum(
            cell.histogram(metric)
            for cell in self.cells
            if all(getattr(cell, key) == value for key, value in match.items())
        )

    def count(self, **match: str) -> int:
        """How many requests match: `count(outcome="ok")`."""
        return sum(
            cell.count for cell in self.cells if all(getattr(cell, key) == value for key, value in match.items())
        )


def _whole(cells: list[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.operation not in SESSION_PARTS]


def read(folder: Path) -> Result:
    """The result that a generator wrote into a folder; raises BenchError with one sentence when there is none."""
    path = folder / RESULT
    try:
        return Result.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BenchError(f"the load generator left no result at {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise BenchError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def read_samples(folder: Path) -> NDArray[Any]:
    """The single requests of a run (dtype SAMPLE), in order of completion; empty when there is no file."""
    path = folder / SAMPLES
    return np.load(path, allow_pickle=False) if path.exists() else np.zeros(0, SAMPLE)
