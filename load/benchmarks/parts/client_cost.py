"""Benchmark: CPU cost of a request in gatebench users, FastHttpUser, HttpUser and wrk."""

import random
import statistics

from gatebench.fixtures.processes.child import pinned_to
from gatebench.load.benchmarks import load_tools, servers
from gatebench.load.benchmarks.load_tools import Competitor
from gatebench.load.benchmarks.markdown import Section, Turn, conditions, ratios, spoken
from gatebench.load.plan.plan import PlannedCall
from gatebench.load.testbed.cpu_affinity import CpuLayout

TIMES_FAST, SHARE_OF_WRK = 4.0, 0.12  # goals

CALLED: dict[str, Competitor] = {
    "ours": load_tools.ours,
    "FastHttpUser": load_tools.fast_http_user,
    "HttpUser": load_tools.http_user,
    "wrk": load_tools.wrk,
}


def measure(rounds: int, seconds: float) -> Section:
    """Run all competitors, in a new order in every round."""
    names = [name for name in CALLED if name != "wrk" or load_tools.wrk_path()]
    turns: dict[str, list[Turn]] = {name: [] for name in names}
    places = CpuLayout.here()
    with servers.lean(places.gateway) as server, pinned_to(places.generator):
        call = PlannedCall(operation="call", url=server.url, tool="echo", arguments={"value": "hello world"})
        for number in range(rounds):
            for name in random.Random(number).sample(names, len(names)):  # noqa: S311 - an order, no secret
                turns[name].append(CALLED[name](call, seconds))
    return _section(turns, rounds, seconds)


def _section(turns: dict[str, list[Turn]], rounds: int, seconds: float) -> Section:
    ours, missed = turns["ours"], []
    rows = []
    for name, theirs in turns.items():
        cost = statistics.median(one.microseconds for one in theirs)
        rate = statistics.median(one.requests / one.cpu for one in theirs)
        rows.append(f"| {name} | {cost:.1f} | {rate:.0f} | {spoken(ratios(ours, theirs))} |")
    fast = ratios(ours, turns["FastHttpUser"])
    goals = [f"at least {TIMES_FAST:g} times the requests per CPU second of FastHttpUser: {spoken(fast)}"]
    if fast[0] < TIMES_FAST:
        missed.append(goals[-1])
    if "wrk" in turns:
        wrk = ratios(ours, turns["wrk"])
        goals.append(f"at least {SHARE_OF_WRK:.0%} of wrk's: {spoken(wrk)}")
        if wrk[0] < SHARE_OF_WRK:
            missed.append(goals[-1])
    else:
        goals.append("wrk is not installed and was omitted")
    table = "\n".join(rows)
    text = f"""## Users

{load_tools.USERS} connections in a closed loop call one tool of a lean upstream, which has its own core if there are two.
The users of gatebench check nonce, id and result of every response and record three histograms; the others check the status.
{conditions(rounds, seconds)}

| generator | CPU us per request | requests per CPU second | ratio of gatebench to it |
| --- | --- | --- | --- |
{table}

Goals: {"; ".join(goals)}.
"""
    return Section(text, missed)
