"""How often the regression gate errs, with real gateways: the reference against itself, and against one that works more.

Fresh starts of both are measured once, then replayed: each replay is a whole gate, its starts drawn from those measured.
"""

from collections import Counter

import numpy as np

from load import gate, profiles
from load.bench import standing
from load.benchmarks.page import Section, conditions
from load.contest import ARMS, ROUNDS, Contest, Terms
from load.duet import ROUND
from load.gate import Kind
from load.stands import Stands
from load.statistics import Floats

STARTS_A_ROUND = 4
REPLAYS = 300
WRONG, FOUND, SECONDS = 0.02, 0.95, 180.0  # what must be reached (issue 5)
PAIRS = {"the same": ("reference", "reference"), "a tenth more": ("reference", "busy:10")}

Changes = dict[Kind, list[Floats]]


def measure(rounds: int, seconds: float) -> Section:
    """Four fresh starts of each pair for every round; `seconds` is the gate's own affair."""
    del seconds
    starts = rounds * STARTS_A_ROUND
    pools, each = {}, {}
    for name, pair in PAIRS.items():
        pools[name], each[name] = _pool(pair, starts)
    played = {name: _replay(pool, np.random.default_rng(1)) for name, pool in pools.items()}
    return _section(played, pools, each, starts, conditions(rounds, ROUNDS * ROUND))


def _pool(pair: tuple[str, str], starts: int) -> tuple[Changes, float]:
    """The changes of so many starts, and seconds for one."""
    profile = profiles.named("single-call")
    able = frozenset().union(*(profile.needs(call) for call in profile.call))
    with standing() as bench:
        contest = Contest(pair, Terms(starts=starts), bench.pinning)
        stands = Stands(bench, profile, dict.fromkeys(pair, able))
        contest.run(lambda order: stands.duet(dict(zip(ARMS, pair, strict=True)), order), lambda _: None)
        return contest.seen.changes(), contest.seconds / contest.starts


def _replay(pool: Changes, random: np.random.Generator) -> tuple[Counter[str], float]:
    """Verdicts of many gates, and the mean number of starts that they took."""
    verdicts: Counter[str] = Counter()
    taken = []
    count = min(map(len, pool.values()))
    for _ in range(REPLAYS):
        order = random.integers(count, size=gate.LAST_LOOK)
        for look in gate.LOOKS:
            seen = {kind: [starts[place] for place in order[:look]] for kind, starts in pool.items()}
            decision = gate.decide(seen, random, last=look == gate.LAST_LOOK)
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
    said: str,
) -> Section:
    rows = []
    for name, (verdicts, taken) in played.items():
        cpu = np.array([np.mean(start) for start in pools[name][gate.CPU]])
        rates = " | ".join(
            f"{verdicts[verdict] / REPLAYS:.1%}" for verdict in ("slower", "not slower", "faster", "cannot tell")
        )
        change = f"{np.expm1(cpu.mean()):+.1%} (starts differ by {cpu.std(ddof=1):.1%})"
        rows.append(f"| {name} | {change} | {rates} | {taken:.1f} | {taken * each[name]:.0f} |")
    wrong = played["the same"][0]["slower"] / REPLAYS
    found = played["a tenth more"][0]["slower"] / REPLAYS
    needed = played["a tenth more"][1] * each["a tenth more"]
    missed = [f"{wrong:.1%} wrong alarms of the same against itself"] if wrong >= WRONG else []
    missed += [f"a tenth more was found in {found:.1%}"] if found < FOUND else []
    missed += [f"finding a tenth more took {needed:.0f} s"] if needed > SECONDS else []
    text = f"""## The regression gate

The reference gateway against itself, and against itself with a tenth more CPU work for each request (`busy:10`): {starts} fresh
starts of each pair, replayed as {REPLAYS} gates each, whose starts are drawn from those measured.
{said}

| candidate | CPU per request | slower | not slower | faster | cannot tell | starts | seconds |
| --- | --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}

Goals: the same is called slower in under 2%; a tenth more is found in at least 95%, within three minutes.
"""
    return Section(text, missed)
