"""Benchmark: error rates of the regression gate, with the reference gateway against itself and against a slower one.

Fresh starts of both are measured once; each replay is a whole gate with starts drawn from them.
"""

from collections import Counter

import numpy as np

from gatebench.load.analysis import sequential_test
from gatebench.load.analysis.bootstrap import Floats
from gatebench.load.analysis.rounds import ROUND
from gatebench.load.analysis.sequential_test import MeasureKind
from gatebench.load.benchmarks.markdown import Section, conditions
from gatebench.load.experiments.fresh_starts import GatewayStarter
from gatebench.load.experiments.regression_run import ARMS, ROUNDS, GateOptions, RegressionRun
from gatebench.load.profiles import profiles
from gatebench.load.testbed.bench import running_load_bench

STARTS_A_ROUND = 4
REPLAYS = 300
WRONG, FOUND, SECONDS = 0.02, 0.95, 180.0  # goals
PAIRS = {"the same": ("reference", "reference"), "a tenth more": ("reference", "busy:10")}

Changes = dict[MeasureKind, list[Floats]]


def measure(rounds: int, seconds: float) -> Section:
    """Measure four fresh starts of each pair per round; `seconds` is not used."""
    del seconds
    starts = rounds * STARTS_A_ROUND
    pools, each = {}, {}
    for name, pair in PAIRS.items():
        pools[name], each[name] = _pool(pair, starts)
    played = {name: _replay(pool, np.random.default_rng(1)) for name, pool in pools.items()}
    return _section(played, pools, each, starts, conditions(rounds, ROUNDS * ROUND))


def _pool(pair: tuple[str, str], starts: int) -> tuple[Changes, float]:
    """Return the changes of `starts` starts, and the seconds per start."""
    profile = profiles.by_name("single-call")
    able = frozenset().union(*(profile.needs(call) for call in profile.call))
    with running_load_bench() as bench:
        regression = RegressionRun(pair, GateOptions(starts=starts), bench.pinning)
        starter = GatewayStarter(bench, profile, dict.fromkeys(pair, able))
        regression.run(lambda order: starter.duet(dict(zip(ARMS, pair, strict=True)), order), lambda _: None)
        return regression.seen.changes(), regression.seconds / regression.starts


def _replay(pool: Changes, random: np.random.Generator) -> tuple[Counter[str], float]:
    """Return the verdicts of many gates, and their mean number of starts."""
    verdicts: Counter[str] = Counter()
    taken = []
    count = min(map(len, pool.values()))
    for _ in range(REPLAYS):
        order = random.integers(count, size=sequential_test.LAST_LOOK)
        for look in sequential_test.LOOKS:
            seen = {kind: [starts[place] for place in order[:look]] for kind, starts in pool.items()}
            decision = sequential_test.decide(seen, random, last=look == sequential_test.LAST_LOOK)
            if decision.final:
                break
        verdicts[decision.verdict] += 1
        taken.append(look)
    return verdicts, float(np.mean(taken))


def _section(
    played: dict[str, tuple[Counter[str], float]],
    pools: dict[str, Changes],
    each: dict[str, float],
    starts: int,
    note: str,
) -> Section:
    rows = []
    for name, (verdicts, taken) in played.items():
        cpu = np.array([np.mean(start) for start in pools[name][sequential_test.CPU]])
        rates = " | ".join(
            f"{verdicts[verdict] / REPLAYS:.1%}" for verdict in ("slower", "not slower", "faster", "cannot tell")
        )
        change = f"{np.expm1(cpu.mean()):+.1%} (starts differ by {cpu.std(ddof=1):.1%})"
        rows.append(f"| {name} | {change} | {rates} | {taken:.1f} | {taken * each[name]:.0f} |")
    wrong = played["the same"][0]["slower"] / REPLAYS
    found = played["a tenth more"][0]["slower"] / REPLAYS
    needed = played["a tenth more"][1] * each["a tenth more"]
    missed = [f"{wrong:.1%} false alarms: the reference is called slower than itself"] if wrong >= WRONG else []
    missed += [f"10% more work was found in {found:.1%}"] if found < FOUND else []
    missed += [f"finding 10% more work took {needed:.0f} s"] if needed > SECONDS else []
    text = f"""## The regression gate

The reference gateway against itself, and against itself with 10% more CPU work per request (`busy:10`): {starts} fresh starts of
each pair, replayed as {REPLAYS} gates each with starts drawn from them.
{note}

| candidate | CPU per request | slower | not slower | faster | cannot tell | starts | seconds |
| --- | --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}

Goals: the same gateway is called slower in under 2%; 10% more work is found in at least 95%, within three minutes.
"""
    return Section(text, missed)
