"""The load bench: a world with lean upstreams, the gateways started in it, and their counters."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from gatebench.fixtures.errors import BenchError, HarnessError
from gatebench.fixtures.gateways import lookup
from gatebench.fixtures.gateways.target import NO_ENVIRONMENT, Target
from gatebench.fixtures.harness.bench import Bench
from gatebench.fixtures.harness.notes import PrerequisiteError
from gatebench.fixtures.harness.scenario import running_scenario
from gatebench.fixtures.processes import leftovers
from gatebench.fixtures.processes.child import pinned_to
from gatebench.fixtures.recording.secrets import SecretRegistry
from gatebench.fixtures.recording.transcript_writer import TranscriptWriter
from gatebench.fixtures.reference_gateway.config import WorldConfig
from gatebench.fixtures.world import definition
from gatebench.fixtures.world.backends.lean import LeanBackend
from gatebench.fixtures.world.config import WorldJson
from gatebench.fixtures.world.gateway_config import without_tls
from gatebench.fixtures.world.world import World
from gatebench.load.profiles.profiles import MANY, LoadProfile
from gatebench.load.testbed.callers import CallerPool
from gatebench.load.testbed.container import GatewayContainer
from gatebench.load.testbed.cpu_affinity import CpuLayout
from gatebench.load.testbed.process_stats import ProcessTree
from gatebench.load.testbed.upstream_counters import UpstreamCounters

UPSTREAM_SECONDS = 30.0
"""Upstream timeout for gateways that can be configured (the default in world.json is 2); some upstreams are slow on purpose."""


LOST = (BenchError, HarnessError, httpx.HTTPError)
"""Exceptions that mean that a process of the bench was lost, for example killed."""


@dataclass
class LoadedGateway:
    """A started gateway: `bench` has its addresses and credentials, `tree` its processes (None if started elsewhere)."""

    target: Target
    bench: Bench
    tree: ProcessTree | None

    def alive(self) -> bool:
        """Return True if it runs (always True for a remote one). Raises SupervisorGoneError if its supervisor has ended."""
        self.target.check_supervised()
        return self.tree is None or self.tree.alive()

    async def _consents(self, pairs: list[tuple[str, str]]) -> None:
        revision = next(one for one in reversed(definition.REVISIONS) if one in self.target.descriptor.claims.revisions)
        for name, server in pairs:
            async with running_scenario(self.bench, f"consent of {name} for {server}", {}) as scenario:
                try:
                    await scenario.consented(name, server, revision)
                except PrerequisiteError as error:
                    raise BenchError(f"{self.target.name} cannot be loaded: {error}") from error

    def consent(self, names: Iterable[str], servers: Iterable[str]) -> None:
        """Give the consent of these users for these servers, before the load. Raises BenchError with one sentence."""
        pairs = [(name, server) for server in servers for name in names]
        if pairs:
            asyncio.run(self._consents(pairs))


@dataclass
class LoadBench:
    """A world under load. `start` starts a gateway in it; counters are those of the upstream side since its start."""

    world: World
    backend: LeanBackend
    recorder: TranscriptWriter
    pinning: CpuLayout
    _stack: ExitStack = field(repr=False)
    _started: int = 0

    def __post_init__(self) -> None:
        self._unused = deepcopy(self.world.world_json)  # before a gateway that issues its own tokens adds them

    @property
    def world_json(self) -> WorldJson:
        """The world config, as the first gateway gets it."""
        return self.world.world_json

    @property
    def secrets(self) -> SecretRegistry:
        """The credentials of this world that are known so far."""
        return self.world.secrets

    def start(
        self, named: str, cores: tuple[int, ...] | None = None, environment: Mapping[str, str] = NO_ENVIRONMENT
    ) -> LoadedGateway:
        """Start a gateway by its target name; it is stopped with the bench, or by `stop`.

        `cores`: its CPUs (default: those of the layout). `environment`: variables for it, beside those of its descriptor.
        Raises BenchError with one sentence if it does not start.
        """
        target = lookup.by_name(named)
        if not (target.descriptor.launch or target.descriptor.adapter or self.world.stored):
            raise BenchError(
                f"{target.path} describes a gateway that already runs: pass the world.json from which it was configured with "
                "--sheet (`gatebench world --save` writes one), or add [launch] so that gatebench starts it"
            )
        world_json = self._world_json_for_next()
        self._stack.callback(target.stop)
        cores = cores if cores is not None else self.pinning.gateway
        contained = GatewayContainer(cores)
        with pinned_to(cores):
            # Under load nothing is at the https addresses; a gateway may need the file of an authority to start all the same.
            authority = self.world.authority.certificate if target.trusts_our_authority else ""
            target.start(
                without_tls(world_json), self.recorder, contained.command, authority=authority, environment=environment
            )
        self._started += 1
        bench = Bench(self.world, target, self.recorder, world_json=world_json)
        launch = target.descriptor.launch
        root = contained.root() if launch and launch.image else target.pid
        return LoadedGateway(target, bench, ProcessTree([root]) if root is not None else None)

    def _world_json_for_next(self) -> WorldJson:
        """Return the world config; for gateways after the first, with their own address."""
        if self._started == 0:
            return self.world.world_json
        world_json = deepcopy(self._unused)
        port = self.backend.another_port()
        base = f"http://127.0.0.1:{port}"
        world_json["gateway"] |= {"port": port, "base_url": base, "callback_url": f"{base}/oauth/callback"}
        return world_json

    def counted(self) -> UpstreamCounters:
        """Return the counters of the upstream side."""
        upstreams = {
            name: self.world.control(name, "GET", "counters")
            for name, upstream in definition.UPSTREAMS.items()
            if name != "scripted" and not upstream.shared_mock
        }
        return UpstreamCounters(upstreams, self.world.control("idp", "GET", "stats")["issuers"])

    def learn_minted(self) -> bool:
        """Register all secrets that the identity provider minted, for redaction; return False if it has ended."""
        for world_json in (self._unused, self.world_json):
            for name, who in world_json["principals"].items():
                for token in who.get("tokens", []):
                    self.secrets.add("gateway-token", f"token:{name}", token, owner=name)
        try:
            minted = self.world.control("idp", "GET", "secrets")["secrets"]
        except LOST:
            return False
        for one in minted:
            self.world.learn(one)
        return True

    def set(self, mock: str, method: str, path: str, body: Any = None) -> Any:
        """Call the control API of a mock."""
        return self.world.control(mock, method, path, body)


@contextmanager
def running_load_bench(
    profile: LoadProfile | None = None, *, stored: WorldConfig | None = None, pinning: CpuLayout | None = None
) -> Iterator[LoadBench]:
    """Start a world with lean upstreams; stop everything on exit. Raises BenchError.

    The world config includes the callers and virtual servers that the profile needs beyond the standard world. `stored`: a
    stored world config to use instead of a new one, for a gateway that was configured from it.
    """
    pinning = CpuLayout.here() if pinning is None else pinning
    if stored is not None and profile is not None:
        _refuse_what_is_missing(profile, stored)
    backend = LeanBackend(pinning.upstreams)
    secrets = SecretRegistry()
    leftovers.sweep()
    with ExitStack() as stack:
        stack.enter_context(pinned_to(pinning.generator))  # the cores of the gateway stay free of the bench
        world = stack.enter_context(World(secrets, stored, backend=backend))
        if stored is None:
            world.world_json["gateway"]["upstream_seconds"] = UPSTREAM_SECONDS
            if profile is not None:
                _widen(world.world_json, profile)
        recorder = stack.enter_context(TranscriptWriter(Path(os.devnull), secrets, run=world.world_json["run"]))
        world.serve(recorder)
        yield LoadBench(world, backend, recorder, pinning, stack)


def _widen(world_json: WorldJson, profile: LoadProfile) -> None:
    """Add the callers and virtual servers of the profile to a new world config."""
    virtual = profile.virtual | ({MANY: list(names)} if (names := profile.crowd.member_names) else {})
    world_json["virtual_servers"] |= virtual
    for name in names:
        world_json["upstreams"][name] = deepcopy(world_json["upstreams"]["calculator"])
    for name, who in definition.PRINCIPALS.items():
        if who.access == definition.EVERYTHING:
            world_json["access"][name] += [*virtual, *names]
    CallerPool(profile.crowd.users, profile.crowd.externals).join(world_json)


def _refuse_what_is_missing(profile: LoadProfile, stored: WorldConfig) -> None:
    """Raise BenchError if the stored world config lacks callers or virtual servers of the profile."""
    wanted = [*profile.virtual, *([MANY] if profile.crowd.members else [])]
    missing = [f"the virtual server {name}" for name in wanted if name not in stored.virtual_servers]
    if profile.crowd.users or profile.crowd.externals:
        missing.insert(0, f"{profile.crowd.users + profile.crowd.externals} callers of its own")
    if missing:
        raise BenchError(
            f"profile {profile.name} needs {' and '.join(missing)}, which are not in the world.json given: "
            "use another profile, or a descriptor with [launch], whose world.json includes them"
        )
