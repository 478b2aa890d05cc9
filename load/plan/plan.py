"""The load plan: the input file of `python -m gatebench.load.generator`.

A plan determines the times of all requests, and the arm, call and caller of each (`gatebench.load.plan.schedule`). It contains
credentials, so the file has mode 0600 and is in a temporary folder.
"""

import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.protocol.client_tls import TlsSettings
from gatebench.fixtures.recording.secrets import MIN_LENGTH
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, MODERN_REVISION, REVISIONS
from gatebench.load.plan.expected_value import ExpectedValue

DEFAULT_USER = "mcp"
MAX_WAIT = 120.0  # seconds; the range of histograms

Kind = Literal["request", "session", "stream", "shared", "listen"]
Arrivals = Literal["poisson", "constant", "closed"]


class _PlanModel(BaseModel):
    # Errors do not show the input, which contains credentials.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Stage(_PlanModel):
    """A part of the schedule; rates are requests per second over all arms and change linearly.

    In a closed loop, they are the number of concurrent users.
    """

    seconds: float = Field(gt=0, allow_inf_nan=False)
    rate_from: float = Field(ge=0, allow_inf_nan=False)
    rate_to: float = Field(ge=0, allow_inf_nan=False)

    @property
    def arrivals(self) -> float:
        """The expected number of requests in the stage."""
        return self.seconds * (self.rate_from + self.rate_to) / 2


class PlannedCaller(_PlanModel):
    """A caller: its headers (with the credential), and texts and values that only responses to it contain."""

    name: str
    headers: dict[str, str] = {}
    expect: list[
        str
    ] = []  # texts that every response must contain, such as the digest of this caller's upstream credential
    own_values: list[ExpectedValue] = []  # values that every result must hold; another caller's value is a wrong answer


class PlannedCall(_PlanModel):
    """One kind of traffic to one endpoint.

    - `request`: one JSON-RPC request; in a legacy revision in a session, which is opened if none is free, and reused.
    - `session`: handshake, one request, DELETE, as one unit (in the stateless era: `server/discover` and the request).
    - `stream`: a request with a progress token, whose events are timed individually.
    - `shared`: a request in a session that all `shared` calls of its caller to this URL use at the same time (stateless era: as
      `request`).
    - `listen`: an event stream of notifications, left by its client after `hold` seconds: GET within a session,
      `subscriptions/listen` in the stateless era. Its duration ends with the head of the response. 405 for GET is correct
      (MCP 2025-11-25, transports).
    """

    operation: str  # the name in results: call, list, session, stream ...
    url: str
    server: str = ""  # a label for reports
    revision: str = MODERN_REVISION
    kind: Kind = "request"
    method: str = "tools/call"
    tool: str = ""
    arguments: dict[str, Any] = {}
    headers: dict[str, str] = {}
    expect: list[str] = []  # texts that every response must contain, for any caller
    values: list[ExpectedValue] = []  # values that every result must hold, for any caller
    # Requests have a nonce, in `_meta` and, of tools/call, in the arguments; the response to tools/call must contain it, as the
    # mock tools return it. False for other servers: a request holds only what the protocol requires, and the given arguments.
    nonce: bool = True
    events: int = Field(default=0, ge=0)  # minimum number of progress events before the response of a stream
    refused: bool = False  # the callers must be refused: a status from 400 to 499, or a JSON-RPC error
    hold: float = Field(default=1.0, gt=0, le=MAX_WAIT)  # seconds that a client listens (`listen`)
    callers: list[PlannedCaller] = Field(default=[PlannedCaller(name="anonymous")], min_length=1)
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)

    @property
    def returns_nonce(self) -> bool:
        """True if the response must contain the nonce of the request."""
        return self.nonce and self.method == "tools/call" and not self.refused

    @property
    def legacy(self) -> bool:
        """True for revisions with sessions."""
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
            raise ValueError(f"unknown protocol revision {revision!r}; expected one of {', '.join(REVISIONS)}")
        return revision

    @model_validator(mode="after")
    def _whole(self) -> "PlannedCall":
        if self.method == "tools/call" and not self.tool:
            raise ValueError("a tools/call needs `tool`")
        return self


class PlannedArm(_PlanModel):
    """An alternative to compare; the arm of every request is drawn at random, in proportion to the weights.

    Arms that are `in_turn` take turns by the clock (`Plan.turn`) with requests drawn for any of them; they have equal calls.
    """

    name: str
    calls: list[PlannedCall] = Field(min_length=1)
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    in_turn: bool = False


class Plan(_PlanModel):
    """A load, from the first request to the last."""

    seed: int = Field(ge=0)
    arms: list[PlannedArm] = Field(min_length=1, max_length=250)
    stages: list[Stage] = Field(min_length=1)
    arrivals: Arrivals = "poisson"
    warmup: float = Field(default=0.0, ge=0, allow_inf_nan=False)  # seconds at the first rate, recorded separately
    turn: float = Field(
        default=0.5, gt=0, allow_inf_nan=False
    )  # seconds per turn of arms that are `in_turn`; open loop only
    max_in_flight: int = Field(
        default=1000, ge=1, le=20_000
    )  # over all workers; further requests wait, which counts as latency
    timeout: float = Field(default=30.0, gt=0, le=MAX_WAIT)  # seconds for one response
    workers: int = Field(default=1, ge=1, le=64)  # processes on this machine
    samples: int = Field(default=2_000_000, ge=0, le=20_000_000)  # maximum number of single requests to store
    user: str = DEFAULT_USER  # the name of a locust user of an extension, which sends the requests
    own_arm: bool = (
        False  # closed loop: each user has one arm, assigned in turn, so that a slow arm does not delay others
    )
    give_up_after: float | None = Field(default=10.0, gt=0)  # seconds with failures only, after which the run ends
    tls: TlsSettings = TlsSettings()
    secrets: dict[str, str] = {}  # label: value, of everything to redact

    @property
    def seconds(self) -> float:
        """The duration of the measured part."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def operations(self) -> list[str]:
        """All operation names in order of appearance; parts of sessions come last."""
        names = [call.operation for arm in self.arms for call in arm.calls]
        return list(dict.fromkeys([*names, *SESSION_PARTS]))

    @model_validator(mode="after")
    def _consistent(self) -> "Plan":
        names = [arm.name for arm in self.arms]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two arms are called {min(twice)!r}")
        if self.arrivals == "closed" and any(arm.in_turn for arm in self.arms):
            raise ValueError("arms can take turns only in an open loop")
        if len({tuple(_asked(call) for call in arm.calls) for arm in self.arms if arm.in_turn}) > 1:
            raise ValueError("arms that take turns must have the same calls and callers")
        if len(self.operations) > 250:
            raise ValueError("more than 250 operations")
        peak = max(max(stage.rate_from, stage.rate_to) for stage in self.stages)
        if peak == 0:
            raise ValueError("all rates are zero: nothing would be sent")
        if short := [label for label, value in self.secrets.items() if len(value) < MIN_LENGTH]:
            raise ValueError(f"the secret {short[0]!r} has fewer than {MIN_LENGTH} characters and cannot be redacted")
        if self.arrivals == "closed" and peak > self.max_in_flight:
            raise ValueError(f"{peak:g} users at the same time, but max_in_flight is {self.max_in_flight}")
        return self


def _asked(call: PlannedCall) -> tuple[str, float, int]:
    return call.operation, call.weight, len(call.callers)


SESSION_PARTS = ("initialize", "delete")  # reported as separate operations


def address(url: str) -> SplitResult:
    """Parse an http(s) URL with a host. Raises ValueError with one sentence for anything else."""
    parts = urlsplit(url if url.isprintable() else "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an http or https URL")
    _ = parts.port  # raises ValueError for an invalid port
    return parts


def write(plan: Plan, path: Path) -> None:
    """Write the plan with mode 0600."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        os.fchmod(handle, 0o600)
        file.write(plan.model_dump_json())


def read(path: Path) -> Plan:
    """Read a plan. Raises BenchError with one sentence that names file and key, without credentials."""
    try:
        return Plan.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BenchError(f"cannot read the plan {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BenchError(f"{path}: {key or 'the plan'}: {first['msg']}") from None
