"""The parts of `load.json` about two arms: the overhead of a gateway, and the comparison with a baseline."""

from typing import Literal

from pydantic import Field

from gatebench.load.results.base_model import Estimate, Model


class QuantileOverhead(Model):
    """The latency that the gateway adds at one percentile."""

    percentile: float
    direct_us: float
    gateway_us: float
    overhead_us: Estimate


class Overhead(Model):
    """Paired overhead of two arms of one schedule. `stamps_us` is the p50 overhead from upstream timestamps."""

    quantiles: list[QuantileOverhead]
    stamps_us: Estimate | None = None
    way_in_us: float | None = None
    way_back_us: float | None = None
    starts: int
    slots: int
    slots_left_out: int
    arm: str = "gateway"


class Measure(Model):
    """A measure of a comparison: candidate over baseline minus 1, so 0.1 is 10% more. `moved` is its result."""

    name: str
    primary: bool
    unit: str
    baseline: float
    candidate: float
    change: Estimate
    moved: Literal["slower", "faster", "not slower", "cannot tell"]
    rounds: list[list[float]] = Field(description="the change in each round, by start")
    orders: list[int] = Field(default=[], description="by start: 1 if the candidate was started first, else 0")


class Comparison(Model):
    """The verdict of the regression gate, with its measures."""

    baseline: str
    yardstick: str = Field(
        default="", description="the reference target that was loaded together with the candidate; empty: the baseline"
    )
    candidate: str
    verdict: Literal["slower", "not slower", "faster", "cannot tell"]
    said: str
    margin: float
    tolerance: float
    starts: int
    rounds: int
    looks: int
    seconds: float
    shares: str = Field(description="how equal CPU shares were enforced")
    measures: list[Measure]
