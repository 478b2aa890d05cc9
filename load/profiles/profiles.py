"""Load profiles: models and reader of `profiles.toml` and of custom profile files."""

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.extensions import catalog
from gatebench.fixtures.extensions.manifest import Extension
from gatebench.fixtures.protocol.validation import explain, nearest
from gatebench.fixtures.recording import files
from gatebench.fixtures.world import definition
from gatebench.load.plan.plan import DEFAULT_USER, Kind

COMPARED = ", "  # separates operation and phase in names of operations that are compared between phases
CROWDS = ("crowd", "crowd-external", "strangers")  # callers in addition to the standard world
MANY = "many-members"  # a virtual server with as many members as `crowd` says


class _ProfileModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ControlCall(_ProfileModel):
    """A call to the control API of a mock."""

    method: Literal["PUT", "POST", "DELETE"]
    path: str
    body: Any = None


class Condition(ControlCall):
    """A condition set through the control API of a mock, and the call that undoes it."""

    mock: str
    undo: ControlCall | None = None

    @model_validator(mode="after")
    def _known(self) -> "Condition":
        known = definition.MOCKS
        if self.mock not in known:
            raise ValueError(f"unknown mock {self.mock!r}; expected one of {', '.join(known)}")
        return self


class CallSpec(_ProfileModel):
    """One kind of call (see the head of profiles.toml)."""

    operation: str = Field(min_length=1)
    server: str = "calculator"
    member: str | None = None
    method: str = "tools/call"
    tool: str = "whoami"
    arguments: dict[str, Any] = {}
    pad: int = Field(default=0, ge=0, le=64 << 20)
    kind: Kind = "request"
    hold: float = Field(default=1.0, gt=0, le=60)
    nonce: bool = True
    personal: bool = False
    era: Literal["modern", "legacy", "any"] = "any"
    callers: list[str] = Field(default=["alice"], min_length=1)
    weight: float = Field(default=1.0, gt=0)
    arm: Literal["gateway", "direct", "hung"] = "gateway"
    events: int = Field(default=0, ge=0)
    waits: bool = False
    together: bool = False

    def operation_in(self, phase: "Phase") -> str:
        """Return its name in the results of a phase."""
        if not phase.name:
            return self.operation
        return f"{self.operation} ({phase.name})" if self.waits else f"{self.operation}{COMPARED}{phase.name}"


class Phase(_ProfileModel):
    """A part of the load with its own conditions; other phases are compared with the one without a name."""

    name: str = ""
    condition: list[Condition] = []


class CallerCounts(_ProfileModel):
    """Numbers of callers in addition to those of the standard world."""

    users: int = Field(default=0, ge=0, le=20_000)
    externals: int = Field(default=0, ge=0, le=20_000)
    strangers: int = Field(default=0, ge=0, le=20_000)
    members: int = Field(default=0, ge=0, le=200)

    @property
    def member_names(self) -> tuple[str, ...]:
        """The upstreams behind the virtual server `MANY`: copies of `calculator`."""
        return tuple(f"member-{number:03d}" for number in range(self.members))


class LoadProfile(_ProfileModel):
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
    crowd: CallerCounts = CallerCounts()
    consents: dict[str, list[str]] = {}
    virtual: dict[str, list[str]] = {}
    growth: tuple[str, str, float] | None = None
    timeout: float = Field(default=10.0, gt=0, le=120)
    user: str = DEFAULT_USER
    prepare: list[Condition] = []

    @model_validator(mode="after")
    def _consistent(self) -> "LoadProfile":
        servers = (*definition.EVERYTHING, *self.virtual, *((MANY,) if self.crowd.members else ()))
        for call in self.call:
            if call.server not in servers:
                raise ValueError(
                    f"call {call.operation!r}: unknown server {call.server!r}; expected one of {', '.join(servers)}"
                )
            members = self.members(call.server)
            if call.server not in definition.UPSTREAMS and call.method == "tools/call" and call.member not in members:
                raise ValueError(f"call {call.operation!r}: `member` must be one of {', '.join(members)}")
            for caller in call.callers:
                if caller not in (*definition.PRINCIPALS, *CROWDS):
                    raise ValueError(f"call {call.operation!r}: unknown caller {caller!r}")
        if any(share <= 0 or low < 0 or high < 0 for share, low, high in self.shape):
            raise ValueError("shape: shares must be positive, and multiples of the rate must not be negative")
        if not any(max(low, high) > 0 for _, low, high in self.shape):
            raise ValueError("shape: nothing would be sent; at least one multiple of the rate must be positive")
        self._refuse_unknown_names()
        return self

    def _refuse_unknown_names(self) -> None:
        """Raise ValueError for unknown upstreams and users in `virtual` and `consents`."""
        for server, members in self.virtual.items():
            if unknown := [member for member in members if member not in definition.UPSTREAMS] or [""] * (not members):
                raise ValueError(
                    f"virtual.{server}: unknown upstream {unknown[0]!r}; expected one of {', '.join(definition.UPSTREAMS)}"
                )
        for server, names in self.consents.items():
            if server not in definition.UPSTREAMS:
                raise ValueError(
                    f"consents: unknown upstream {server!r}; expected one of {', '.join(definition.UPSTREAMS)}"
                )
            if strangers := [name for name in names if name not in definition.PRINCIPALS]:
                raise ValueError(f"consents.{server}: unknown user {strangers[0]!r}")

    def members(self, server: str) -> tuple[str, ...]:
        """Return the upstreams behind a server."""
        if server == MANY:
            return self.crowd.member_names
        return tuple(self.virtual.get(server, definition.VIRTUAL_SERVERS.get(server, (server,))))

    def needs(self, call: CallSpec) -> set[str]:
        """Return the claims that this call needs, without revisions."""
        members = ("calculator",) if call.server == MANY else self.members(call.server)
        needed = {f"upstream.{definition.UPSTREAMS[member].model}" for member in members}
        if call.server not in definition.UPSTREAMS:
            needed.add("virtual-servers")
        else:
            needed.add(f"server.{call.server}")
        for caller in call.callers:
            needed |= needs_of_caller(caller)
        if call.kind == "listen" and call.era == "modern":
            needed.add("mcp.subscriptions")
        return needed

    def with_callers(self, call: CallSpec, able: frozenset[str]) -> CallSpec:
        """Return the call with those of its callers that are claimed; unchanged if it needs all of them, or none is claimed."""
        claimed = [caller for caller in call.callers if needs_of_caller(caller) <= able]
        return call if call.together or not claimed else call.model_copy(update={"callers": claimed})


def needs_of_caller(caller: str) -> set[str]:
    """Return the claims that a caller of a profile needs."""
    if caller == "strangers":
        return set()
    kind = {"crowd": "user", "crowd-external": "external"}.get(caller)
    return {f"caller.{kind}"} if kind else {f"caller.{definition.PRINCIPALS[caller].kind}", f"principal.{caller}"}


def load(path: Path | None = None) -> dict[str, LoadProfile]:
    """Return the profiles of a file, or of all extensions, by name. Raises BenchError that names file and key."""
    if path is None:
        return catalog.merged("load profile", _of_extension)
    try:
        given = tomllib.loads(files.read_text(path))
    except OSError as error:
        raise BenchError(f"cannot read the profiles {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BenchError(f"{path} is not valid TOML: {error}") from error
    found = {}
    for name, content in given.items():
        if not isinstance(content, dict):
            raise BenchError(f"{path}: {name} must be a table, [{name}]")
        if "name" in content:
            raise BenchError(
                f"{path}: profile {name}: name: the name of the table is the name of the profile; remove it"
            )
        try:
            found[name] = LoadProfile(name=name, **content)
        except ValidationError as error:
            # An error of the whole profile has no key.
            why = explain(error, LoadProfile).removeprefix(" is wrong: ")
            raise BenchError(f"{path}: profile {name}: {why}") from error
    return found


def _of_extension(extension: Extension) -> dict[str, LoadProfile]:
    found: dict[str, LoadProfile] = {}
    for path in extension.files("profiles"):
        for name, profile in load(path).items():
            if name in found:
                raise BenchError(f"{path}: another file of the extension has the profile {name}; choose another name")
            found[name] = profile
    return found


def by_name(name: str, path: Path | None = None) -> LoadProfile:
    """Return a profile of a file, or of an extension. Raises BenchError that names the others."""
    profiles = load(path)
    if name not in profiles:
        raise BenchError(
            f"unknown profile {name!r}{f' in {path.name}' if path else ''}; {nearest(name, list(profiles))}"
        )
    users = places_of_users()
    if profiles[name].user not in users:
        raise BenchError(
            f"profile {name}: user {profiles[name].user!r} is in no extension; available: {', '.join(users)}"
        )
    return profiles[name]


def places_of_users() -> dict[str, tuple[Extension, str]]:
    """Return the extension and the place of each locust user, by name. Raises BenchError for a name in two extensions."""
    return catalog.merged("load user", lambda one: {name: (one, place) for name, place in one.users.items()})
