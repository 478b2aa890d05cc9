"""The standing load bench: a world with a lean far end, gateways started in it, and what can be read off both."""

import asyncio
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from fixtures import standard
from fixtures.bench import Bench
from fixtures.errors import BenchError, HarnessError
from fixtures.gateways import target as targets
from fixtures.gateways.target import Target
from fixtures.recorder import Recorder
from fixtures.scenario import PrerequisiteError
from fixtures.secrets import SecretRegistry
from fixtures.sheet import Sheet
from fixtures.world import World
from load.callers import Crowd
from load.contained import Contained
from load.counters import Counted
from load.far_end import LeanFarEnd
from load.pinning import Pinning, on
from load.profiles import Profile
from load.resources import ProcessTree

UPSTREAM_SECONDS = 30.0
"""How long a gateway that lets us choose waits for an upstream: under load some are slow on purpose (the sheet's own is 2)."""


LOST = (BenchError, HarnessError, httpx.HTTPError)
"""What it comes to when a part of the bench is no longer there: its processes may be killed, as any."""


@dataclass
class Gateway:
    """One started gateway: `bench` knows its addresses and credentials, `tree` its processes (None where they are not ours)."""

    target: Target
    bench: Bench
    tree: ProcessTree | None

    def alive(self) -> bool:
        """Is it still there? (Of one that runs elsewhere, nobody knows.)"""
        return self.tree is None or self.tree.alive()

    async def _consents(self, pairs: list[tuple[str, str]]) -> None:
        revision = next(one for one in reversed(standard.REVISIONS) if one in self.target.descriptor.claims.revisions)
        for name, server in pairs:
            async with self.bench.scenario(f"consent of {name} for {server}", {}) as scenario:
                try:
                    await scenario.consented(name, server, revision)
                except PrerequisiteError as error:
                    raise BenchError(f"{self.target.name} cannot be loaded: {error}") from error

    def consent(self, names: Iterable[str], servers: Iterable[str]) -> None:
        """Have these users give their consent for these servers, before the load. Raises BenchError with one sentence."""
        pairs = [(name, server) for server in servers for name in names]
        if pairs:
            asyncio.run(self._consents(pairs))


@dataclass
class LoadBench:
    """A world under load. `start` brings a gateway up in it; counters are those of the far end since it was started."""

    world: World
    far_end: LeanFarEnd
    recorder: Recorder
    pinning: Pinning
    _stack: ExitStack = field(repr=False)
    _started: int = 0

    def __post_init__(self) -> None:
        self._unused = deepcopy(self.world.sheet)  # before a gateway that gives out its own tokens has put them there

    @property
    def sheet(self) -> Sheet:
        """The setup sheet of the world, as the first gateway gets it."""
        return self.world.sheet

    @property
    def secrets(self) -> SecretRegistry:
        """Every credential that was minted for this world, as far as it is known by now."""
        return self.world.secrets

    def start(self, named: str, cores: tuple[int, ...] | None = None) -> Gateway:
        """Start one more gateway by its target name; it is stopped with the bench, or by `stop`.

        `cores`: where it runs (default: as the pinning has it). Raises BenchError with one sentence when it does not come.
        """
        target = targets.named(named)
        if not (target.descriptor.launch or target.descriptor.adapter or self.world.stored):
            raise BenchError(
                f"{target.path} describes a gateway that runs already: say --sheet, the setup sheet that it was configured "
                "from (`gatebench world --save` makes one), or have it started, with [launch]"
            )
        sheet = self._sheet_for_next()
        self._stack.callback(target.stop)
        cores = cores if cores is not None else self.pinning.gateway
        contained = Contained(cores)
        with on(cores):
            target.start(sheet, self.recorder, contained.command)
        self._started += 1
        bench = Bench(self.world, target, self.recorder, sheet=sheet)
        launch = target.descriptor.launch
        root = contained.root() if launch and launch.image else target.pid
        return Gateway(target, bench, ProcessTree([root]) if root is not None else None)

    def _sheet_for_next(self) -> Sheet:
        """The world's sheet; for gateways beside the first one with an address of their own."""
        if self._started == 0:
            return self.world.sheet
        sheet = deepcopy(self._unused)
        port = self.far_end.another_port()
        base = f"http://127.0.0.1:{port}"
        sheet["gateway"] |= {"port": port, "base_url": base, "callback_url": f"{base}/oauth/callback"}
        return sheet

    def counted(self) -> Counted:
        """What the far end has counted so far."""
        upstreams = {
            name: self.world.control(name, "GET", "counters") for name in standard.UPSTREAMS if name != "scripted"
        }
        return Counted(upstreams, self.world.control("idp", "GET", "stats")["issuers"])

    def learn_minted(self) -> bool:
        """Make everything that the identity provider has minted known, so that it can be redacted; False when it is gone."""
        for sheet in (self._unused, self.sheet):
            for name, who in sheet["principals"].items():
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
        """Use a mock's control API."""
        return self.world.control(mock, method, path, body)


@contextmanager
def standing(
    profile: Profile | None = None, *, stored: Sheet | None = None, pinning: Pinning | None = None
) -> Iterator[LoadBench]:
    """A world with a lean far end, up; everything is stopped on leaving, whatever happened. Raises BenchError.

    What the profile needs beyond the standard world (callers, virtual servers) is in its sheet. `stored`: the world of that
    sheet instead of a new one, for a gateway that was configured from it.
    """
    pinning = Pinning.here() if pinning is None else pinning
    if stored is not None and profile is not None:
        _refuse_what_is_missing(profile, stored)
    far_end = LeanFarEnd(pinning.upstreams)
    secrets = SecretRegistry()
    with ExitStack() as stack:
        stack.enter_context(on(pinning.generator))  # nothing of ours runs where the gateway does
        world = stack.enter_context(World(secrets, stored, far_end=far_end))
        if stored is None:
            world.sheet["gateway"]["upstream_seconds"] = UPSTREAM_SECONDS
            if profile is not None:
                _widen(world.sheet, profile)
        recorder = stack.enter_context(Recorder(Path(os.devnull), secrets, run=world.sheet["run"]))
        world.serve(recorder)
        yield LoadBench(world, far_end, recorder, pinning, stack)


def _widen(sheet: Sheet, profile: Profile) -> None:
    """Put into a new sheet what the profile needs beyond the standard world."""
    sheet["virtual_servers"] |= profile.virtual
    for name, who in standard.PRINCIPALS.items():
        if who.access == standard.EVERYTHING:
            sheet["access"][name] += profile.virtual
    Crowd(profile.crowd.users, profile.crowd.externals).join(sheet)


def _refuse_what_is_missing(profile: Profile, stored: Sheet) -> None:
    """Raise BenchError where a gateway that was configured from this sheet cannot know what the profile asks it for."""
    missing = [f"the virtual server {name}" for name in profile.virtual if name not in stored["virtual_servers"]]
    if profile.crowd.users or profile.crowd.externals:
        missing.insert(0, f"{profile.crowd.users + profile.crowd.externals} callers of its own")
    if missing:
        raise BenchError(
            f"profile {profile.name} needs {' and '.join(missing)}, which the setup sheet does not hold: "
            "take another profile, or a descriptor with [launch], which gets a sheet that does"
        )
