"""Benchmark: error rates of the regression gate, with the reference gateway against itself and against a slower one.

Fresh starts of both are measured once; each replay is a whole gate with starts drawn from them.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from gatebench.load.analysis import bootstrap, sequential_test
from gatebench.load.analysis.bootstrap import Floats, Ints
from gatebench.load.analysis.rounds import ROUND
from gatebench.load.analysis.sequential_test import Decision, MeasureKind
from gatebench.load.benchmarks.markdown import Part, Section, conditions
from gatebench.load.experiments.fresh_starts import GatewayStarter
from gatebench.load.experiments.regression_run import ARMS, ROUNDS, GateOptions, RegressionRun
from gatebench.load.profiles import profiles
from gatebench.load.testbed.bench import running_load_bench

NAME = "gate"
STARTS_A_ROUND = 4
REPLAYS = 300
WRONG, FOUND, SECONDS = 0.01, 0.95, 120.0  # goals
SAME = "the same"
PAIRS = {SAME: ("reference", "reference"), "5% more": ("reference", "busy:5"), "10% more": ("reference", "busy:10")}
SMALL, MARGINS = 0.02, (0.005, 0.01)  # a change that no replay is made for, and margins with which it could be found

Changes = dict[MeasureKind, list[Floats]]


@dataclass(frozen=True)
class Pool:
    """The changes of measured starts, and the mean seconds of a start with its p50 at a fixed rate and without."""

    changes: Changes
    with_fixed: float
    without_fixed: float


@dataclass(frozen=True)
class Replays:
    """The verdicts of many gates, the share that was slower within SECONDS, and the means of their starts and seconds."""

    verdicts: Counter[str]
    in_time: float
    starts: float
    seconds: float


def measure(rounds: int, seconds: float) -> Section:
    """Measure four fresh starts of each pair per round; `seconds` is not used."""
    del seconds
    return _measure(rounds)


def _measure(rounds: int, mode: str = "") -> Section:
    starts = rounds * STARTS_A_ROUND
    pools = {name: _pool(pair, starts) for name, pair in PAIRS.items()}
    played = {name: replay(pool, np.random.default_rng(1)) for name, pool in pools.items()}
    return section(played, pools, starts, mode + conditions(rounds, ROUNDS * ROUND))


def parts() -> dict[str, Part]:
    """Return the short mode, by its name on the command line: its figures mean nothing."""
    return {
        f"{NAME}:short": lambda _rounds, _seconds: _measure(1, "Short mode, which shows only that the command works. ")
    }


def _pool(pair: tuple[str, str], starts: int) -> Pool:
    """Measure so many starts, each with its p50 at a fixed rate."""
    profile = profiles.by_name("single-call")
    able = frozenset().union(*(profile.needs(call) for call in profile.call))
    with running_load_bench() as bench:
        regression = RegressionRun(pair, GateOptions(starts=starts), bench.pinning)
        starter = GatewayStarter(bench, profile, dict.fromkeys(pair, able))
        regression.run(lambda order: starter.duet(dict(zip(ARMS, pair, strict=True)), order), lambda _: None)
        each = regression.seconds / regression.starts
        return Pool(regression.seen.changes(), each, each - regression.fixed_seconds / regression.starts)


def replay(pool: Pool, random: np.random.Generator) -> Replays:
    """Return many gates, whose starts are drawn from the pool."""
    verdicts: Counter[str] = Counter()
    in_time, starts, lasted = 0, [], []
    for _ in range(REPLAYS):
        decision, taken, seconds = _gate(pool, random)
        verdicts[decision.verdict] += 1
        in_time += decision.verdict == "slower" and seconds <= SECONDS
        starts.append(taken)
        lasted.append(seconds)
    return Replays(verdicts, in_time / REPLAYS, float(np.mean(starts)), float(np.mean(lasted)))


def _gate(pool: Pool, random: np.random.Generator) -> tuple[Decision, int, float]:
    """Return the decision of one gate, its number of starts, and its seconds."""
    turn = np.arange(sequential_test.LAST_LOOK) % 2  # in starts of a gate and of the pool, the order alternates
    order = _drawn(min(map(len, pool.changes.values())) // 2, turn, random)
    decision = Decision("cannot tell", [], final=False)
    taken = fixed = 0  # starts so far, and those with a p50
    seconds = 0.0
    for look, share in sequential_test.LOOKS.items():
        if RegressionRun.needs_fixed_rate(decision, taken):
            fixed += look - taken
            seconds += (look - taken) * pool.with_fixed
        else:
            seconds += (look - taken) * pool.without_fixed
        taken = look
        seen = {
            kind: [changes[place] for place in order[: fixed if kind is sequential_test.LATENCY else taken]]
            for kind, changes in pool.changes.items()
        }
        orders = {kind: turn[: len(starts)].tolist() for kind, starts in seen.items()}
        last = look == sequential_test.LAST_LOOK
        decision = sequential_test.decide(seen, random, last=last, share=share, orders=orders, pending=not fixed)
        if decision.final:
            break
    return decision, taken, seconds


def _drawn(pairs: int, turn: Ints, random: np.random.Generator) -> Ints:
    """Return the places in the pool of the starts of a gate. None is drawn twice, unless the pool is smaller than a gate.

    Copies of a start have no spread: a gate of few starts would take the noise of one for a change.
    """
    drawn = np.empty(len(turn), np.int64)
    for order in (0, 1):
        count = int((turn == order).sum())
        rounds = -(-count // pairs)
        drawn[turn == order] = np.concatenate([random.permutation(pairs) for _ in range(rounds)])[:count]
    return 2 * drawn + turn


def section(played: dict[str, Replays], pools: dict[str, Pool], starts: int, note: str) -> Section:
    """Return the section of the page, with the goals that were missed."""
    rows = []
    for name, replays in played.items():
        cpu = np.array([bootstrap.trimmed_mean(start) for start in pools[name].changes[sequential_test.CPU]])
        rates = " | ".join(
            f"{replays.verdicts[verdict] / REPLAYS:.1%}"
            for verdict in ("slower", "not slower", "faster", "cannot tell")
        )
        spread = f"{cpu.std(ddof=1):.1%}; {_deviation(pools[name]):.1%} without the order"
        change = f"{np.expm1(cpu.mean()):+.1%} (starts differ by {spread})"
        rows.append(
            f"| {name} | {change} | {rates} | {replays.in_time:.1%} | {replays.starts:.1f} | {replays.seconds:.0f} |"
        )
    wrong = played[SAME].verdicts["slower"] / REPLAYS
    missed = [f"{wrong:.1%} false alarms: the reference is called slower than itself"] if wrong >= WRONG else []
    missed += [
        f"{name} work was found within {SECONDS:.0f} s in {replays.in_time:.1%} of the gates"
        for name, replays in played.items()
        if name != SAME and replays.in_time < FOUND
    ]
    text = f"""## The regression gate

The reference gateway against itself, and against itself with 5% and 10% more CPU work per request (`busy:5`, `busy:10`): {starts}
fresh starts of each pair, replayed as {REPLAYS} gates, each with starts drawn from them, none twice.
Gates of many starts have most of them in common, so that their verdicts are not independent.
{note}

| candidate | CPU per request | slower | not slower | faster | cannot tell | slower within {SECONDS:.0f} s | starts | seconds |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}

Goals: the same gateway is called slower in under 1%; 5% and 10% more work is found in at least 95%, within two minutes.

{_small_change(pools[SAME])}
"""
    return Section(text, missed)


def _deviation(pool: Pool) -> float:
    """Return the standard deviation between starts, without the effect of which gateway was started first."""
    cpu = pool.changes[sequential_test.CPU]
    means = np.array([bootstrap.trimmed_mean(start) for start in cpu])
    return float(np.std(bootstrap.without_order(means, np.arange(len(cpu)) % 2), ddof=2))


def _small_change(pool: Pool) -> str:
    """Return what a small change would take, computed from the spread of starts of the same gateway."""
    cpu = pool.changes[sequential_test.CPU]
    deviation = _deviation(pool)
    within = float(np.mean([np.var(start, ddof=1) / len(start) for start in cpu]))
    needed = [
        f"with `--margin {margin * 100:g}` {count} starts (`--starts {count}`), {count * pool.with_fixed / 60:.1f} minutes"
        for margin in MARGINS
        if (count := sequential_test.starts_needed(SMALL, deviation, margin))
    ]
    return (
        f"{SMALL:.0%} more work is the margin of the gate, so it is not called slower. To find it in {sequential_test.POWER:.0%} "
        f"of gates takes, computed from the spread of {deviation:.1%} between starts, without the order "
        f"({within**0.5:.1%} of it is noise within starts):"
        f" {'; '.join(needed)}."
    )
