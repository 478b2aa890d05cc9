"""The parts of `load.json` about the machine, and what gateway, upstream side and load generator used on it."""

from pydantic import Field

from gatebench.load.results.base_model import Estimate, Model


class Machine(Model):
    """The machine of a measurement. Only results with the same `id` are comparable."""

    id: str
    cpu: str
    cores: int
    memory_mib: int
    system: str
    python: str


class ResourceSample(Model):
    """A sample of the process tree of the gateway; `cpu_seconds` counts from the first sample."""

    at: float = Field(description="seconds of wall-clock time; of samples, since the start of the load")
    second: float | None = Field(
        default=None, description="its place on the time axis of `moments`; null between two phases"
    )
    cpu_seconds: float
    rss_mib: float
    descriptors: int | None
    threads: int
    processes: int


class Resources(Model):
    """Resource usage of the process tree of the gateway, and whether it was released. `after` is a sample after the load."""

    samples: list[ResourceSample]
    cpu_us_per_call: Estimate | None = None
    cpu_share: float = Field(0.0, description="cores in use on average, during the load")
    before: ResourceSample | None = None
    after: ResourceSample | None = None
    settled: list[str] = Field(default_factory=list, description="resources that were not released, one sentence each")


class FarEnd(Model):
    """Counters of upstreams and identity provider; per-call values are per completed call of the gateway."""

    counters: dict[str, float]
    per_call: dict[str, float]


class Generator(Model):
    """The load generator: requests, resource usage, scheduling lag."""

    workers: int = 1
    offered: int = 0
    sent: int = 0
    done: int = 0
    connections: int = 0
    cpu_share: float = Field(description="of one core, per worker")
    lag_p50_us: float
    lag_p99_us: float
    late: int = Field(0, description="requests released a millisecond or more late")
    dropped: int = Field(
        0, description="scheduled requests that were never sent: the load ended while they waited for others"
    )
    in_flight_peak: int = 0
    ceiling: float | None = Field(None, description="requests per second, this generator against the upstream directly")
    steal: float = Field(0.0, description="share of the machine's CPU time that the hypervisor took")
    pressure: float | None = Field(None, description="share of time in which a process waited for a CPU (PSI)")
