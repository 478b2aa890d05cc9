"""Benchmark: CPU cost of a request in gatebench users, those of locust, and the load generators of others; and where it goes."""

import functools
import random
import statistics

from gatebench.fixtures.processes.child import pinned_to
from gatebench.load.benchmarks import load_tools, outside_tools, servers
from gatebench.load.benchmarks.load_tools import Competitor
from gatebench.load.benchmarks.markdown import Section, Turn, conditions, ratios, spoken
from gatebench.load.plan.plan import PlannedCall
from gatebench.load.testbed.cpu_affinity import CpuLayout

TIMES_FAST, SHARE_OF_WRK = 4.0, 0.55  # goals
WANTED = 0.85  # of wrk's; below it, the text says what is in the way

Turns = dict[str, list[Turn]]

CALLED: dict[str, Competitor] = {
    "ours": load_tools.ours,
    "ours, checks off": load_tools.unchecked,
    "FastHttpUser": load_tools.fast_http_user,
    "HttpUser": load_tools.http_user,
}
# Each with less work than the one before; the difference of neighbours is the cost of the part.
REDUCED: dict[str, Competitor] = {
    "ours, no records": load_tools.unrecorded,
    "gevent loop": load_tools.gevent_loop,
    "epoll loop": load_tools.epoll_loop,
}
PARTS = {
    "checks (nonce, id, result) and upstream timestamps": ("ours", "ours, checks off"),
    "records and their histograms": ("ours, checks off", "ours, no records"),
    "schedule, request, response head, connection pool": ("ours, no records", "gevent loop"),
    "gevent: hub, callback, switch of greenlets": ("gevent loop", "epoll loop"),
}


def measure(rounds: int, seconds: float) -> Section:
    """Run all competitors, in a new order in every round."""
    places = CpuLayout.here()
    with outside_tools.installed() as programs, servers.lean(places.gateway) as server, pinned_to(places.generator):
        call = PlannedCall(operation="call", url=server.url, tool="echo", arguments={"value": "hello world"})
        called = CALLED | REDUCED | {name: _outside(name, program) for name, program in programs.items()}
        turns: Turns = {name: [] for name in called}
        for number in range(rounds):
            for name in random.Random(number).sample(list(called), len(called)):  # noqa: S311 - an order, no secret
                turns[name].append(called[name](call, seconds))
    return _section(turns, rounds, seconds)


def _outside(name: str, program: str) -> Competitor:
    return functools.partial(_run_outside, name, program)


def _run_outside(name: str, program: str, call: PlannedCall, seconds: float) -> Turn:
    return outside_tools.TOOLS[name](program, load_tools.request_of(call), load_tools.USERS, seconds)


def _section(turns: Turns, rounds: int, seconds: float) -> Section:
    ours, missed = turns["ours"], []
    rows = []
    for name, theirs in turns.items():
        if name in REDUCED:
            continue
        cost = _cost(theirs)
        rate = statistics.median(one.requests / one.cpu for one in theirs)
        off = spoken(ratios(turns["ours, checks off"], theirs))
        rows.append(f"| {name} | {cost:.1f} | {rate:.0f} | {spoken(ratios(ours, theirs))} | {off} |")
    fast = ratios(ours, turns["FastHttpUser"])
    goals = [f"at least {TIMES_FAST:g} times the requests per CPU second of FastHttpUser: {spoken(fast)}"]
    if fast[0] < TIMES_FAST:
        missed.append(goals[-1])
    if "wrk" in turns:
        wrk = ratios(ours, turns["wrk"])
        goals.append(f"at least {SHARE_OF_WRK:.0%} of wrk's: {spoken(wrk)}")
        if wrk[0] < SHARE_OF_WRK:
            missed.append(goals[-1])
    table = "\n".join(rows)
    text = f"""## Users

{load_tools.USERS} connections in a closed loop call one tool of a lean upstream, which has its own core if there are two.
The users of gatebench check nonce, id and result of every response and record three histograms; with checks off, they look
only at the status, as the others do. {outside_tools.missing(list(turns))}
{conditions(rounds, seconds)}

| generator | CPU us per request | requests per CPU second | ratio of gatebench to it | ratio with checks off |
| --- | --- | --- | --- | --- |
{table}

Goals: {"; ".join(goals)}.

{_where_the_time_goes(turns)}
"""
    return Section(text, missed)


def _cost(turns: list[Turn]) -> float:
    return statistics.median(one.microseconds for one in turns)


def _where_the_time_goes(turns: Turns) -> str:
    """Return the table of the parts, and the reason for the distance to wrk."""
    whole = _cost(turns["ours"])
    system = statistics.median(one.system / max(one.requests, 1) * 1e6 for one in turns["epoll loop"])
    costs = {name: _difference(turns[more], turns[less]) for name, (more, less) in PARTS.items()}
    costs["interpreter in a bare epoll loop (user time)"] = _cost(turns["epoll loop"]) - system
    costs["the kernel in that loop: send, recv, epoll_wait (system time)"] = system
    rows = "\n".join(f"| {name} | {cost:.1f} | {cost / whole:.0%} |" for name, cost in costs.items())
    return f"""Where the time goes: what a request costs more than in the same client without this part, in the same round
(median over the rounds, so the parts add up approximately). The two loops send fixed bytes and look at nothing.
A client that is faster than the server waits more often, which costs system time: a part can look smaller than it is,
even negative.

| part | CPU us per request | share |
| --- | --- | --- |
{rows}

{_distance(turns)}"""


def _difference(more: list[Turn], less: list[Turn]) -> float:
    return statistics.median(one.microseconds - other.microseconds for one, other in zip(more, less, strict=True))


def _distance(turns: Turns) -> str:
    """Return what the loops, which do no work, reach of wrk's requests per CPU second, and what is left for the work."""
    if "wrk" not in turns:
        return "wrk is not installed here, so the distance to it is not measured."
    reached = ratios(turns["ours"], turns["wrk"])
    loops = ", ".join(
        f"the {name} {spoken(ratios(turns[name], turns['wrk']))}" for name in ("epoll loop", "gevent loop")
    )
    said = f"Of wrk's requests per CPU second, {loops} and gatebench {spoken(reached)}."
    if reached[0] >= WANTED:
        return said
    allowed, floor = _cost(turns["wrk"]) / WANTED, _cost(turns["gevent loop"])
    work = _difference(turns["ours"], turns["gevent loop"])
    spare = allowed - floor
    left = f"leaves {spare:.1f} us for" if spare > 0 else f"is {-spare:.1f} us less than the gevent loop needs, without"
    wanted = f"{WANTED:.0%} would be {allowed:.1f} us per request, which {left} all work beyond the gevent loop"
    return f"{said}\n{wanted}; that work takes {work:.1f} us."
