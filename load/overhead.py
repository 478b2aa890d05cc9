"""What a gateway adds, from one schedule whose arrivals were assigned at random to arms: both share every disturbance.

Overhead is the difference of quantiles of latency from the intended start. It is cross-checked by the upstream's own clock
stamps: what remains of a request's time when the time from its arrival at the upstream to the answer's departure is taken off.
Slots (half seconds) in which something disturbed us are left out, by signs that do not depend on what the gateway does: our own
generator was late before it sent anything, the calls past the gateway took much longer than in the calm quarter of all slots,
somebody else used the gateway's processors, or these were slow (`load.pace`); of other slots, the tenths in which they were.
What is measured thereby is the overhead on this machine while nobody else uses it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from load.model import Estimate, Overhead, QuantileOverhead
from load.statistics import Draws, Floats, Ints, Spread, crossed, nested, weighted_quantile

SLOT = 0.5  # seconds
LATE_US = 1000.0  # a slot in which half of the requests started later than this is no measurement of a gateway
DISTURBED = (
    1.5  # times the lower quartile of direct medians, which differ by a third from slot to slot in the calmest of runs
)
FEWEST_DIRECT = 8  # direct requests of a slot, below which they say nothing of it
FOREIGN = 0.10  # of a core: so much of the gateway's processors used by others is no measurement of it
LOOK = 0.1  # seconds for which it is known how slow the gateway's processors were
MOST_UNKNOWN = 0.5  # of the looks, above which nobody knows how slow they were
SLOWED = 1.15  # times the calm quarter: they do the same work with neighbours in up to twice the time, and in 3% more without
SMALLEST = 30  # requests of an arm, below which nothing is said
PERCENTILES = (50.0, 90.0, 95.0, 99.0)
TAIL = 20  # requests that must lie above a percentile before it is reported
OK = 0  # number of the outcome `ok` in samples

Samples = NDArray[Any]


class TooFewError(Exception):
    """There are not enough requests in calm slots to say anything; the message is one sentence."""


@dataclass(frozen=True)
class _Paired:
    """The requests of both arms, with the slot of each; slots are numbered through over all starts."""

    direct: Samples
    gateway: Samples
    direct_slots: Ints
    gateway_slots: Ints
    starts: Ints  # of each slot
    times: Ints  # of each slot, counted in slots since its start's load began
    slow: Floats | None  # how slow the gateway's processors were in each slot, in times of their calm quarter
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
    """Overhead of one arm; `starts` holds the samples (load.result.SAMPLE) of each fresh start, `arms` the names in their order,
    `foreign` what others used of the gateway's processors in each slot of each start (cores), where that is known, and `slow`
    how slow these were in each LOOK of the load, which all starts have in common (`load.pace`; NaN: unknown).

    `turns`: the starts were all there at the same time and took turns, a slot each. What the machine did in a round of turns
    is common to them, so rounds are drawn as well as starts; how fast it was in each, direct calls and its processors show.

    Raises TooFewError.
    """
    if not starts:
        raise TooFewError("nothing was measured")
    if slow is not None and (not len(slow) or np.isnan(slow).mean() > MOST_UNKNOWN):
        slow = None
    paired = _pair(starts, list(arms).index(direct), list(arms).index(arm), foreign, slow)
    fewest = min(len(paired.direct), len(paired.gateway))
    if fewest < SMALLEST:
        raise TooFewError(
            f"only {fewest} of the answers of {arm} and {direct} came in half seconds in which the generator was on time; "
            f"at least {SMALLEST} are needed: measure for longer, or on a quieter machine"
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


def _crossed(paired: _Paired, rounds: Ints, random: np.random.Generator) -> Draws:
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
    told = np.concatenate([medians for _, _, medians in looks])
    slowest = DISTURBED * np.nanquantile(told, 0.25) if np.isfinite(told).any() else np.inf
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
    """How slow the gateway's processors were at these seconds; as in a calm moment where nobody knows."""
    places = (seconds / LOOK).astype(np.int64)
    return np.nan_to_num(slow[np.clip(places, 0, len(slow) - 1)], nan=1.0)


def _tenths(slow: Floats, slots: Ints) -> Floats:
    """The same of each tenth of a second of these slots (tenth, slot)."""
    tenths = round(SLOT / LOOK)
    return np.array([_at(slow, (slots * tenths + number + 0.5) * LOOK) for number in range(tenths)])


def _pace(slow: Floats, slots: Ints) -> Floats:
    """The same of these slots, but for the tenths that are left out."""
    each = _tenths(slow, slots)
    counts = each <= SLOWED
    return np.asarray((each * counts).sum(axis=0) / counts.sum(axis=0), np.float64)


def _look(samples: Samples, direct: int) -> tuple[Ints, Floats, Floats]:
    """The slot of each request; and of each slot the median of our own lateness, and of the direct calls (NaN: too few)."""
    slots = (samples["intended"] / SLOT).astype(np.int64)
    past = (samples["arm"] == direct) & (samples["outcome"] == OK)
    count = int(slots.max(initial=-1)) + 1
    lags, medians = np.full(count, np.nan), np.full(count, np.nan)
    for slot in np.unique(slots):
        lags[slot] = np.median(samples["lag"][slots == slot])
        responses = samples["response"][past & (slots == slot)]
        if len(responses) >= FEWEST_DIRECT:
            medians[slot] = np.median(responses)
    return slots, lags, medians


def _quantile(paired: _Paired, draws: Draws, percentile: float) -> QuantileOverhead:
    direct, gateway = paired.direct["response"].astype(float), paired.gateway["response"].astype(float)
    spread = _difference(direct, gateway, paired, draws, percentile / 100)
    return QuantileOverhead(
        percentile=percentile,
        direct_us=float(np.quantile(direct, percentile / 100)),
        gateway_us=float(np.quantile(gateway, percentile / 100)),
        overhead_us=_estimate(spread),
    )


def _difference(direct: Floats, gateway: Floats, paired: _Paired, draws: Draws, quantile: float) -> Spread:
    value = float(np.quantile(gateway, quantile) - np.quantile(direct, quantile))

    def estimate(weights: Floats) -> Floats:
        mine = weighted_quantile(gateway, paired.gateway_slots, weights, quantile)
        return mine - weighted_quantile(direct, paired.direct_slots, weights, quantile)

    return draws.spread(value, estimate)


def _estimate(spread: Spread, confidence: float = 0.95) -> Estimate:
    low, high = spread.bound((1 - confidence) / 2)
    return Estimate(value=spread.value, low=low, high=high, confidence=confidence)


def _by_stamps(paired: _Paired, draws: Draws) -> tuple[Estimate | None, float | None, float | None]:
    """Overhead at p50 by the upstream's stamps, and how much of it lies before the upstream and how much behind it."""
    arms = []
    for samples, slots in ((paired.direct, paired.direct_slots), (paired.gateway, paired.gateway_slots)):
        told = samples["upstream_recv"] > 0
        arms.append((samples[told], slots[told]))
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
