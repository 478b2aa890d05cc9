"""Profiles as data: `profiles.toml`, or a file of the user's own in the same form."""

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fixtures import standard
from fixtures.errors import BenchError

SHIPPED = Path(__file__).parent / "profiles.toml"
COMPARED = ", "  # stands in the name of an operation that must be as quick in a phase as without its conditions


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Control(_Part):
    """One use of a mock's control API."""

    method: Literal["PUT", "POST", "DELETE"]
    path: str
    body: Any = None


class Condition(Control):
    """What a mock is told, and how that is taken back."""

    mock: str
    undo: Control | None = None

    @model_validator(mode="after")
    def _known(self) -> "Condition":
        known = ("idp", *standard.UPSTREAMS)
        if self.mock not in known:
            raise ValueError(f"there is no mock {self.mock!r}; there are {', '.join(known)}")
        return self


class CallSpec(_Part):
    """One kind of call (see the head of profiles.toml)."""

    operation: str = Field(min_length=1)
    server: str = "calculator"
    member: str | None = None
    method: str = "tools/call"
    tool: str = "whoami"
    arguments: dict[str, Any] = {}
    pad: int = Field(default=0, ge=0, le=64 << 20)
    kind: Literal["request", "session", "stream"] = "request"
    era: Literal["modern", "legacy", "any"] = "any"
    callers: list[str] = Field(default=["alice"], min_length=1)
    weight: float = Field(default=1.0, gt=0)
    arm: Literal["gateway", "direct", "hung"] = "gateway"
    events: int = Field(default=0, ge=0)
    waits: bool = False

    def operation_in(self, phase: "Phase") -> str:
        """Its name in the results of a phase."""
        if not phase.name:
            return self.operation
        return f"{self.operation} ({phase.name})" if self.waits else f"{self.operation}{COMPARED}{phase.name}"


class Phase(_Part):
    """A stretch of the load under conditions of its own; the one without a name is what others are compared with."""

    name: str = ""
    condition: list[Condition] = []


class Crowd(_Part):
    """How many callers come on top of the standard world's."""

    users: int = Field(default=0, ge=0, le=20_000)
    externals: int = Field(default=0, ge=0, le=20_000)


class Profile(_Part):
    """One named workload."""

    name: str
    purpose: str = Field(min_length=1)
    finds: str = Field(min_length=1)
    rate: float = Field(gt=0)
    seconds: float = Field(gt=0)
    call: list[CallSpec] = Field(min_length=1)
    shape: list[tuple[float, float, float]] = [(1.0, 1.0, 1.0)]
    search: bool = False
    repeat: int = Field(default=1, ge=1, le=20)
    phase: list[Phase] = Field(default=[Phase()], min_length=1)
    crowd: Crowd = Crowd()
    consents: dict[str, list[str]] = {}
    virtual: dict[str, list[str]] = {}
    growth: tuple[str, str, float] | None = None
    timeout: float = Field(default=10.0, gt=0, le=120)
    prepare: list[Condition] = []

    @model_validator(mode="after")
    def _consistent(self) -> "Profile":
        servers = (*standard.EVERYTHING, *self.virtual)
        for call in self.call:
            if call.server not in servers:
                raise ValueError(f"call {call.operation!r}: no server {call.server!r}; there are {', '.join(servers)}")
            members = self.members(call.server)
            if call.server not in standard.UPSTREAMS and call.method == "tools/call" and call.member not in members:
                raise ValueError(f"call {call.operation!r}: `member` must be one of {', '.join(members)}")
            for caller in call.callers:
                if caller not in (*standard.PRINCIPALS, "crowd", "crowd-external"):
                    raise ValueError(f"call {call.operation!r}: nobody is called {caller!r}")
        if any(share <= 0 or low < 0 or high < 0 for share, low, high in self.shape):
            raise ValueError("shape: shares must be above zero, multiples of the rate not below it")
        if not any(max(low, high) > 0 for _, low, high in self.shape):
            raise ValueError("shape: nothing would be sent; one multiple of the rate at least must be above zero")
        self._refuse_unknown_names()
        return self

    def _refuse_unknown_names(self) -> None:
        """Of upstreams and people in tables, as those of calls."""
        for server, members in self.virtual.items():
            if unknown := [member for member in members if member not in standard.UPSTREAMS] or [""] * (not members):
                raise ValueError(
                    f"virtual.{server}: no upstream {unknown[0]!r}; there are {', '.join(standard.UPSTREAMS)}"
                )
        for server, names in self.consents.items():
            if server not in standard.UPSTREAMS:
                raise ValueError(f"consents: no upstream {server!r}; there are {', '.join(standard.UPSTREAMS)}")
            if strangers := [name for name in names if name not in standard.PRINCIPALS]:
                raise ValueError(f"consents.{server}: nobody is called {strangers[0]!r}")

    def members(self, server: str) -> tuple[str, ...]:
        """The upstreams behind a server."""
        return tuple(self.virtual.get(server, standard.VIRTUAL_SERVERS.get(server, (server,))))

    def needs(self, call: CallSpec) -> set[str]:
        """What a gateway must claim for this call to make sense; revisions apart."""
        needed = {f"upstream.{standard.UPSTREAMS[member].model}" for member in self.members(call.server)}
        if call.server not in standard.UPSTREAMS:
            needed.add("virtual-servers")
        else:
            needed.add(f"server.{call.server}")
        for caller in call.callers:
            kind = {"crowd": "user", "crowd-external": "external"}.get(caller)
            needed |= (
                {f"caller.{kind}"} if kind else {f"caller.{standard.PRINCIPALS[caller].kind}", f"principal.{caller}"}
            )
        return needed


def load(path: Path = SHIPPED) -> dict[str, Profile]:
    """The profiles of a file, by name; raises BenchError with one sentence that names file and key."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchError(f"cannot read the profiles {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BenchError(f"{path} is no TOML: {error}") from error
    found = {}
    for name, content in given.items():
        if not isinstance(content, dict):
            raise BenchError(f"{path}: {name} must be a table, [{name}]")
        try:
            found[name] = Profile(name=name, **content)
        except (ValidationError, TypeError) as error:
            raise BenchError(f"{path}: profile {name}: {_told(error)}") from error
    return found


def _told(error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return str(error)
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    text = first["msg"].removeprefix("Value error, ")
    return f"{key}: {text}" if key else text


def named(name: str, path: Path = SHIPPED) -> Profile:
    """One profile; raises BenchError that names the others."""
    profiles = load(path)
    if name not in profiles:
        close = difflib.get_close_matches(name, profiles, 1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(profiles)}"
        raise BenchError(f"there is no profile {name!r} in {path.name}; {hint}")
    return profiles[name]
