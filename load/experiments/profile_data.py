"""Request and results of one profile run."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

from gatebench.fixtures.reference_gateway.config import WorldConfig
from gatebench.load.experiments.workload import ProfileRunOptions
from gatebench.load.profiles.profiles import CallSpec, LoadProfile
from gatebench.load.results.generator_result import Result
from gatebench.load.results.report_model import EndedBy, Knee
from gatebench.load.results.resource_model import ResourceSample
from gatebench.load.testbed.host import HostCpuSample


@dataclass(frozen=True)
class LoadRunRequest:
    """A measurement to run. `able`: the claims of the gateway (features, and `server.` and `principal.` names); `stored`: the
    world config from which a gateway that already runs was configured."""

    target: str
    profile: LoadProfile
    options: ProfileRunOptions
    able: frozenset[str]
    stored: WorldConfig | None = None


@dataclass
class ProfileData:
    """All results of a run, complete or not. `stopped` is the reason why it did not complete."""

    task: LoadRunRequest
    began: str = field(default_factory=lambda: dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))
    gateway: str = ""
    called: list[CallSpec] = field(default_factory=list)  # the calls of the profile that apply to the gateway
    results: list[Result] = field(default_factory=list)
    beyond: list[Result] = field(default_factory=list)  # steps of a search that were not on the plateau
    ceiling: float | None = None
    knee: Knee | None = None
    host_samples: tuple[HostCpuSample, HostCpuSample] | None = None
    counted: dict[str, float] = field(default_factory=dict)
    left_open: dict[str, int] = field(default_factory=dict)
    samples: list[ResourceSample] = field(default_factory=list)
    before: ResourceSample | None = None
    after: ResourceSample | None = None
    settled: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stopped: str | None = None
    ended_by: EndedBy | None = None
    redact: Callable[[str], str] = str  # replaced once the credentials of the world are known

    def forget_exchanges(self) -> None:
        """Drop recorded exchanges: secrets minted during the load are unknown and cannot be redacted."""
        self.results = [result.without_exchanges() for result in self.results]
        self.beyond = [result.without_exchanges() for result in self.beyond]

    @property
    def everything(self) -> list[Result]:
        """All results through the gateway in order of time, on the plateau or not."""
        return sorted([*self.results, *self.beyond], key=lambda result: result.start_ns)
