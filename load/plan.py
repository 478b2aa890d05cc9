"""What a load generator shall do, as data: the file that the orchestrator writes and `python -m load.generator` reads.

A plan is complete: the times of all arrivals, and which arm, call and caller each of them is, follow from it alone
(`load.schedule`). It holds credentials, hence mode 0600, and a place in a temporary folder.
"""

import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fixtures.errors import BenchError
from fixtures.secrets import SHORTEST
from fixtures.standard import LEGACY_REVISIONS, MODERN_REVISION, REVISIONS

LONGEST_WAIT = 120.0  # seconds; what histograms can hold

Kind = Literal["request", "session", "stream"]
Arrivals = Literal["poisson", "constant", "closed"]


class _Part(BaseModel):
    # What is refused is not shown: it holds credentials.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Stage(_Part):
    """A stretch of the schedule; rates are arrivals per second over all arms and go from one to the other in a straight line.

    In a closed loop they are the number of users who call at the same time.
    """

    seconds: float = Field(gt=0, allow_inf_nan=False)
    rate_from: float = Field(ge=0, allow_inf_nan=False)
    rate_to: float = Field(ge=0, allow_inf_nan=False)

    @property
    def arrivals(self) -> float:
        """How many arrivals the stage brings, in expectation."""
        return self.seconds * (self.rate_from + self.rate_to) / 2


class Caller(_Part):
    """Somebody who calls: the headers that say who (credential included), and what only an answer to them contains."""

    name: str
    headers: dict[str, str] = {}
    expect: list[
        str
    ] = []  # texts that must stand in every answer: the digest of this caller's upstream credential, say


class Call(_Part):
    """One kind of traffic to one endpoint.

    - `request`: one JSON-RPC request; in a legacy revision within a session that is opened when none is free, and kept.
    - `session`: handshake, one request, DELETE, all in one arrival (in the stateless era: `server/discover` and the request).
    - `stream`: a request with a progress token, whose events are timed one by one.
    """

    operation: str  # the name in results: call, list, session, stream ...
    url: str
    server: str = ""  # a label for people
    revision: str = MODERN_REVISION
    kind: Kind = "request"
    method: str = "tools/call"
    tool: str = ""
    arguments: dict[str, Any] = {}
    headers: dict[str, str] = {}
    expect: list[str] = []  # texts that must stand in every answer, whoever called
    nonce: bool = True  # must the answer contain the call's own nonce? (tools/call: our tools return it)
    events: int = Field(default=0, ge=0)  # progress events that a stream must bring before its answer
    callers: list[Caller] = Field(default=[Caller(name="nobody")], min_length=1)
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)

    @property
    def legacy(self) -> bool:
        """Is this the era of sessions?"""
        return self.revision in LEGACY_REVISIONS

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        address(url)
        return url

    @field_validator("revision")
    @classmethod
    def _known(cls, revision: str) -> str:
        if revision not in REVISIONS:
            raise ValueError(f"unknown protocol revision {revision!r}; there are {', '.join(REVISIONS)}")
        return revision

    @model_validator(mode="after")
    def _whole(self) -> "Call":
        if self.method == "tools/call" and not self.tool:
            raise ValueError("a tools/call needs `tool`")
        return self


class Arm(_Part):
    """One of the things compared; the arm of every arrival is drawn at random, in proportion to the weights.

    Those that are `in_turn` share what is drawn to any of them by the clock (`Plan.turn`); they are asked the same calls.
    """

    name: str
    calls: list[Call] = Field(min_length=1)
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    in_turn: bool = False


class Plan(_Part):
    """One load, from the first arrival to the last."""

    seed: int = Field(ge=0)
    arms: list[Arm] = Field(min_length=1, max_length=250)
    stages: list[Stage] = Field(min_length=1)
    arrivals: Arrivals = "poisson"
    warmup: float = Field(default=0.0, ge=0, allow_inf_nan=False)  # seconds at the first rate, recorded apart
    turn: float = Field(
        default=0.5, gt=0, allow_inf_nan=False
    )  # seconds for each arm that is `in_turn`; open loop only
    max_in_flight: int = Field(
        default=1000, ge=1, le=20_000
    )  # over all workers; what comes on top waits, and its clock runs
    timeout: float = Field(default=30.0, gt=0, le=LONGEST_WAIT)  # seconds for one answer
    workers: int = Field(default=1, ge=1, le=64)  # processes on this machine
    samples: int = Field(default=2_000_000, ge=0, le=20_000_000)  # single requests to keep, at most
    own_arm: bool = (
        False  # closed loop: each user keeps to one arm, dealt in turn; a slow arm keeps nobody else waiting
    )
    give_up_after: float | None = Field(
        default=10.0, gt=0
    )  # seconds without one answer, but with failures, end the run
    secrets: dict[str, str] = {}  # label: value, of all that must never be written down

    @property
    def seconds(self) -> float:
        """How long the measured part lasts."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def operations(self) -> list[str]:
        """All names of operations, in order of appearance; the parts of sessions come last."""
        names = [call.operation for arm in self.arms for call in arm.calls]
        return list(dict.fromkeys([*names, *SESSION_PARTS]))

    @model_validator(mode="after")
    def _consistent(self) -> "Plan":
        names = [arm.name for arm in self.arms]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two arms are called {min(twice)!r}")
        if self.arrivals == "closed" and any(arm.in_turn for arm in self.arms):
            raise ValueError("arms take turns on a schedule of arrivals, and a closed loop has none")
        if len({tuple(_asked(call) for call in arm.calls) for arm in self.arms if arm.in_turn}) > 1:
            raise ValueError("arms that take turns must be asked the same calls of the same callers")
        if len(self.operations) > 250:
            raise ValueError("more than 250 operations")
        peak = max(max(stage.rate_from, stage.rate_to) for stage in self.stages)
        if peak == 0:
            raise ValueError("all rates are zero: nothing would be sent")
        if short := [label for label, value in self.secrets.items() if len(value) < SHORTEST]:
            raise ValueError(
                f"the secret {short[0]!r} has fewer than {SHORTEST} characters: no text could be cleared of it"
            )
        if self.arrivals == "closed" and peak > self.max_in_flight:
            raise ValueError(f"{peak:g} users at the same time, but max_in_flight is {self.max_in_flight}")
        return self


def _asked(call: Call) -> tuple[str, float, int]:
    return call.operation, call.weight, len(call.callers)


SESSION_PARTS = ("initialize", "delete")  # operations of their own in results, whatever a plan asks for


def address(url: str) -> SplitResult:
    """The parts of an http(s) URL with a host; raises ValueError with one sentence for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no http or https URL")
    _ = parts.port  # raises ValueError where it is no port
    return parts


def write(plan: Plan, path: Path) -> None:
    """Write the plan for its owner's eyes only."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        os.fchmod(handle, 0o600)
        file.write(plan.model_dump_json())


def read(path: Path) -> Plan:
    """Read a plan; raises BenchError with one sentence that names the file and the key, and never quotes a credential."""
    try:
        return Plan.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BenchError(f"cannot read the plan {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BenchError(f"{path}: {key or 'the plan'}: {first['msg']}") from None
