"""What a request costs the one who sends it: our users against FastHttpUser, HttpUser and wrk."""

import random
import statistics

from load.benchmarks import competitors, servers
from load.benchmarks.competitors import Competitor
from load.benchmarks.page import Section, Turn, conditions, ratios, spoken
from load.pinning import Pinning, on
from load.plan import Call

TIMES_FAST, SHARE_OF_WRK = 4.0, 0.12  # what must be reached (issue 5)

CALLED: dict[str, Competitor] = {
    "ours": competitors.ours,
    "FastHttpUser": competitors.fast_http_user,
    "HttpUser": competitors.http_user,
    "wrk": competitors.wrk,
}


def measure(rounds: int, seconds: float) -> Section:
    """All competitors, in a new order in every round."""
    names = [name for name in CALLED if name != "wrk" or competitors.wrk_path()]
    turns: dict[str, list[Turn]] = {name: [] for name in names}
    places = Pinning.here()
    with servers.lean(places.gateway) as server, on(places.generator):
        call = Call(operation="call", url=server.url, tool="echo", arguments={"value": "hello world"})
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
        goals.append("wrk is not installed here and was left out")
    table = "\n".join(rows)
    text = f"""## Users

{competitors.USERS} connections in a closed loop call one tool of the lean far end, on a core of its own where there are two.
Ours check nonce, id and result of every answer and record three histograms; the others look at the status.
{conditions(rounds, seconds)}

| generator | CPU us per request | requests per CPU second | ours, in times of it |
| --- | --- | --- | --- |
{table}

Goals: {"; ".join(goals)}.
"""
    return Section(text, missed)
