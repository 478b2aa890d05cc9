"""What one run shall measure, and everything that it has found."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

from fixtures.sheet import Sheet
from load.machine import Weather
from load.model import EndedBy, Knee, ResourceSample
from load.profiles import CallSpec, Profile
from load.result import Result
from load.workload import Terms


@dataclass(frozen=True)
class Task:
    """What to measure. `able` is what the gateway claims (features, and `server.` and `principal.` names); `stored` is the
    setup sheet that a gateway which runs already was configured from."""

    target: str
    profile: Profile
    terms: Terms
    able: frozenset[str]
    stored: Sheet | None = None


@dataclass
class Measured:
    """Everything that was found, however far the run came. `stopped` says why it did not come to its end."""

    task: Task
    began: str = field(default_factory=lambda: dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))
    gateway: str = ""
    called: list[CallSpec] = field(default_factory=list)  # what of the profile the gateway can be asked
    results: list[Result] = field(default_factory=list)
    beyond: list[Result] = field(default_factory=list)  # steps of a search that were not on the plateau
    ceiling: float | None = None
    knee: Knee | None = None
    weather: tuple[Weather, Weather] | None = None
    counted: dict[str, float] = field(default_factory=dict)
    left_open: dict[str, int] = field(default_factory=dict)
    samples: list[ResourceSample] = field(default_factory=list)
    before: ResourceSample | None = None
    after: ResourceSample | None = None
    settled: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stopped: str | None = None
    ended_by: EndedBy | None = None
    redact: Callable[[str], str] = str  # knows the credentials of the world, once there is one

    def forget_exchanges(self) -> None:
        """What was minted during the load cannot be asked for any more, and would not be told from other text."""
        self.results = [result.without_exchanges() for result in self.results]
        self.beyond = [result.without_exchanges() for result in self.beyond]

    @property
    def everything(self) -> list[Result]:
        """All that was played through the gateway, in its order: what happened there happened, plateau or not."""
        return sorted([*self.results, *self.beyond], key=lambda result: result.start_ns)
