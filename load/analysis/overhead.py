"""Overhead of a gateway, from one schedule whose requests are assigned at random to arms, so both share every disturbance.

Overhead is the difference of quantiles of latency from the intended start. Upstream timestamps cross-check it: the duration of
a request minus the time between its arrival at the upstream and the departure of the response.
Contended slots (half seconds) are discarded, by signs that do not depend on the gateway: scheduling lag of the generator,
direct calls much slower than in the fastest quartile of slots, other processes on the gateway's CPUs, or slow CPUs
(`gatebench.load.testbed.cpu_interference`); within the remaining slots, the tenths of a second with slow CPUs. The result is
the overhead on this machine without contention.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gatebench.load.analysis.bootstrap import BootstrapDraws, Floats, Ints, Spread, crossed, nested, weighted_quantile
from gatebench.load.results.base_model import Estimate
from gatebench.load.results.comparison_model import Overhead, QuantileOverhead

SLOT = 0.5  # seconds
LATE_US = 1000.0  # a slot whose median scheduling lag is above this is discarded
DISTURBED = (
    1.5  # times the lower quartile of direct medians, which differ by a third between slots even without contention
)
MIN_DIRECT = 8  # direct requests in a slot; with fewer, their median is ignored
FOREIGN = 0.10  # cores; slots in which other processes used more of the gateway's CPUs are discarded
LOOK = 0.1  # seconds; resolution of the slowdown of the gateway's CPUs
MAX_UNKNOWN = 0.5  # maximum share of missing samples; with more, interference data is ignored
# Slowdown relative to the fastest quartile above which a slot is discarded (measured: up to 2.0 with noisy neighbours, 1.03
# without).
SLOWED = 1.15
SMALLEST = 30  # minimum number of requests of an arm
PERCENTILES = (50.0, 90.0, 95.0, 99.0)
TAIL = 20  # requests that must lie above a percentile before it is reported
OK = 0  # number of the outcome `ok` in samples

Samples = NDArray[Any]


class TooFewError(Exception):
    """Raised if there are too few requests in uncontended slots; the message is one sentence."""


@dataclass(frozen=True)
class _Paired:
    """The requests of both arms with their slots; slots are numbered across all starts."""

    direct: Samples
    gateway: Samples
    direct_slots: Ints
    gateway_slots: Ints
    starts: Ints  # of each slot
    times: Ints  # of each slot, counted in slots since its start's load began
    slow: Floats | None  # slowdown of the gateway's CPUs in each slot, relative to their fastest quartile
    left_out: int


def overhead(
    starts: Sequence[Samples],
    arms: Sequence[str],
    random: np.random.Generator,
    *,
    arm: str,
    direct: str = "direct",
    foreign: Sequence[Floats] = (),
    slow: Floats | None = None,
    turns: bool = False,
) -> Overhead:
    """Return the overhead of one arm.

    `starts` holds the samples (gatebench.load.results.generator_result.SAMPLE) of each fresh start, `arms` the arm names in
    order, `foreign` the cores that other processes used of the gateway's CPUs in each slot of each start, where known, and
    `slow` the slowdown of these CPUs in each LOOK of the load, common to all starts
    (`gatebench.load.testbed.cpu_interference`; NaN: unknown).

    `turns`: the starts ran at the same time and took turns, a slot each. A round of turns shares the state of the machine, so
    rounds are resampled as well as starts; direct calls and the CPU samples show the speed of the machine in each round.

    Raises TooFewError.
    """
    if not starts:
        raise TooFewError("nothing was measured")
    if slow is not None and (not len(slow) or np.isnan(slow).mean() > MAX_UNKNOWN):
        slow = None
    paired = _pair(starts, list(arms).index(direct), list(arms).index(arm), foreign, slow)
    fewest = min(len(paired.direct), len(paired.gateway))
    if fewest < SMALLEST:
        raise TooFewError(
            f"only {fewest} responses of {arm} and {direct} are in uncontended half-second slots; "
            f"at least {SMALLEST} are needed: measure for longer, or on a less busy machine"
        )
    rounds = paired.times // len(starts)
    several = turns and min(len(np.unique(paired.starts)), len(np.unique(rounds))) > 1
    draws = _crossed(paired, rounds, random) if several else nested(paired.starts, random)
    quantiles = [
        _quantile(paired, draws, percentile)
        for percentile in PERCENTILES
        if percentile == PERCENTILES[0] or fewest * (1 - percentile / 100) >= TAIL
    ]
    stamps, way_in, way_back = _by_stamps(paired, draws)
    return Overhead(
        quantiles=quantiles,
        stamps_us=stamps,
        way_in_us=way_in,
        way_back_us=way_back,
        starts=len(np.unique(paired.starts)),
        slots=len(paired.starts),
        slots_left_out=paired.left_out,
        arm=arm,
    )


def _crossed(paired: _Paired, rounds: Ints, random: np.random.Generator) -> BootstrapDraws:
    draws = crossed(paired.starts, rounds, random)
    assert draws.rounds is not None  # noqa: S101 - as crossed draws have them
    machine = [weighted_quantile(paired.direct["response"].astype(float), paired.direct_slots, draws.rounds, 0.5)]
    if paired.slow is not None:
        machine.append(draws.rounds @ paired.slow / draws.rounds.sum(axis=1))
    return replace(draws, machine=tuple(machine))


def _pair(
    starts: Sequence[Samples], direct: int, gateway: int, foreign: Sequence[Floats], slow: Floats | None
) -> _Paired:
    pieces: dict[int, list[Samples]] = {direct: [], gateway: []}
    places: dict[int, list[Ints]] = {direct: [], gateway: []}
    origin: list[int] = []
    times: list[int] = []
    looks = [_look(samples, direct) for samples in starts]
    observed = np.concatenate([medians for _, _, medians in looks])
    slowest = DISTURBED * np.nanquantile(observed, 0.25) if np.isfinite(observed).any() else np.inf
    for number, (samples, (slots, lags, medians)) in enumerate(zip(starts, looks, strict=True)):
        others = np.zeros(len(lags))
        if foreign:
            others[: len(foreign[number])] = foreign[number][: len(lags)]
        calm = np.flatnonzero((lags <= LATE_US) & ~(medians > slowest) & ~(others > FOREIGN))
        if slow is not None:
            calm = calm[np.median(_tenths(slow, calm), axis=0) <= SLOWED]
        right = (samples["outcome"] == OK) & np.isin(slots, calm)
        if slow is not None:
            right &= _at(slow, samples["intended"]) <= SLOWED
        for arm in (direct, gateway):
            mine = right & (samples["arm"] == arm)
            pieces[arm].append(samples[mine])
            places[arm].append(np.searchsorted(calm, slots[mine]) + len(origin))
        origin += [number] * len(calm)
        times += calm.tolist()
    return _Paired(
        direct=np.concatenate(pieces[direct]),
        gateway=np.concatenate(pieces[gateway]),
        direct_slots=np.concatenate(places[direct]),
        gateway_slots=np.concatenate(places[gateway]),
        starts=np.array(origin, np.int64),
        times=np.array(times, np.int64),
        slow=_pace(slow, np.array(times, np.int64)) if slow is not None else None,
        left_out=sum(int(np.isfinite(lags).sum()) for _, lags, _ in looks) - len(origin),
    )


def _at(slow: Floats, seconds: NDArray[Any]) -> Floats:
    """Return the slowdown of the gateway's CPUs at these seconds; 1 where it is unknown."""
    places = (seconds / LOOK).astype(np.int64)
    return np.nan_to_num(slow[np.clip(places, 0, len(slow) - 1)], nan=1.0)


def _tenths(slow: Floats, slots: Ints) -> Floats:
    """Return the slowdown in each tenth of a second of these slots, as (tenth, slot)."""
    tenths = round(SLOT / LOOK)
    return np.array([_at(slow, (slots * tenths + number + 0.5) * LOOK) for number in range(tenths)])


def _pace(slow: Floats, slots: Ints) -> Floats:
    """Return the mean slowdown of these slots, without the discarded tenths."""
    each = _tenths(slow, slots)
    counts = each <= SLOWED
    return np.asarray((each * counts).sum(axis=0) / counts.sum(axis=0), np.float64)


def _look(samples: Samples, direct: int) -> tuple[Ints, Floats, Floats]:
    """Return the slot of each request, and for each slot the median scheduling lag and direct latency (NaN: too few)."""
    slots = (samples["intended"] / SLOT).astype(np.int64)
    answered = (samples["arm"] == direct) & (samples["outcome"] == OK)
    count = int(slots.max(initial=-1)) + 1
    lags, medians = np.full(count, np.nan), np.full(count, np.nan)
    for slot in np.unique(slots):
        lags[slot] = np.median(samples["lag"][slots == slot])
        responses = samples["response"][answered & (slots == slot)]
        if len(responses) >= MIN_DIRECT:
            medians[slot] = np.median(responses)
    return slots, lags, medians


def _quantile(paired: _Paired, draws: BootstrapDraws, percentile: float) -> QuantileOverhead:
    direct, gateway = paired.direct["response"].astype(float), paired.gateway["response"].astype(float)
    spread = _difference(direct, gateway, paired, draws, percentile / 100)
    return QuantileOverhead(
        percentile=percentile,
        direct_us=float(np.quantile(direct, percentile / 100)),
        gateway_us=float(np.quantile(gateway, percentile / 100)),
        overhead_us=_estimate(spread),
    )


def _difference(direct: Floats, gateway: Floats, paired: _Paired, draws: BootstrapDraws, quantile: float) -> Spread:
    value = float(np.quantile(gateway, quantile) - np.quantile(direct, quantile))

    def estimate(weights: Floats) -> Floats:
        mine = weighted_quantile(gateway, paired.gateway_slots, weights, quantile)
        return mine - weighted_quantile(direct, paired.direct_slots, weights, quantile)

    return draws.spread(value, estimate)


def _estimate(spread: Spread, confidence: float = 0.95) -> Estimate:
    low, high = spread.bound((1 - confidence) / 2)
    return Estimate(value=spread.value, low=low, high=high, confidence=confidence)


def _by_stamps(paired: _Paired, draws: BootstrapDraws) -> tuple[Estimate | None, float | None, float | None]:
    """Return the p50 overhead from upstream timestamps, and its parts on the request path and on the response path."""
    arms = []
    for samples, slots in ((paired.direct, paired.direct_slots), (paired.gateway, paired.gateway_slots)):
        observed = samples["upstream_recv"] > 0
        arms.append((samples[observed], slots[observed]))
    (direct, direct_slots), (gateway, gateway_slots) = arms
    if min(len(direct), len(gateway)) < SMALLEST:
        return None, None, None
    stamped = replace(paired, direct=direct, gateway=gateway, direct_slots=direct_slots, gateway_slots=gateway_slots)
    before = [(arm["upstream_recv"] - arm["sent"]) / 1e3 for arm in (direct, gateway)]
    behind = [(arm["done"] - arm["upstream_send"]) / 1e3 for arm in (direct, gateway)]
    around = [one + other for one, other in zip(before, behind, strict=True)]
    return (
        _estimate(_difference(around[0], around[1], stamped, draws, 0.5)),
        float(np.median(before[1]) - np.median(before[0])),
        float(np.median(behind[1]) - np.median(behind[0])),
    )
