"""What a request costs the far end: the lean mock against FastMCP, as it comes and as the conformance suites use it."""

import random
import statistics

from load.benchmarks import competitors, servers
from load.benchmarks.page import Section, Turn, conditions, ratios, spoken
from load.pinning import Pinning, on
from load.plan import Call

TIMES_FASTMCP = 100.0  # what must be reached (issue 5)
USERS = 64  # enough that none of the servers ever waits for the next request: an idle moment costs CPU as well


def measure(rounds: int, seconds: float) -> Section:
    """All servers are up all the time and are called in turns."""
    places = Pinning.here()
    with (
        servers.lean(places.gateway) as lean,
        servers.fastmcp(places.gateway) as fastmcp,
        servers.recording(places.gateway) as recording,
        on(places.generator),
    ):
        called = {"lean": lean, "FastMCP": fastmcp, "the recording mock": recording}
        turns: dict[str, list[Turn]] = {name: [] for name in called}
        for number in range(rounds):
            for name in random.Random(number).sample(list(called), len(called)):  # noqa: S311 - an order, no secret
                turns[name].append(_turn(called[name], seconds))
    return _section(turns, rounds, seconds)


def _turn(server: servers.Server, seconds: float) -> Turn:
    call = Call(operation="call", url=server.url, tool="whoami")
    before = server.processes.cpu_seconds()
    driven = competitors.ours(call, seconds, USERS)
    return Turn(driven.everything, server.processes.cpu_seconds() - before, driven.wall)


def _section(turns: dict[str, list[Turn]], rounds: int, seconds: float) -> Section:
    ratio = ratios(turns["lean"], turns["FastMCP"])
    rows = "\n".join(
        f"| {name} | {statistics.median(one.microseconds for one in of):.1f} "
        f"| {statistics.median(one.requests / one.cpu for one in of):.0f} | {spoken(ratios(turns['lean'], of))} |"
        for name, of in turns.items()
    )
    goal = f"at least {TIMES_FASTMCP:g} times FastMCP's requests per CPU second: {spoken(ratio)}"
    text = f"""## Mocks

Our users, {USERS} connections in a closed loop, call `whoami` of each, 2026-07-28, JSON answers. FastMCP is a plain
server with eight tools; the recording mock is that of the conformance suites, on FastMCP too (but spared its search of the
catalogue at every call).
{conditions(rounds, seconds)}

| far end | CPU us per request | requests per CPU second | lean, in times of it |
| --- | --- | --- | --- |
{rows}

Goal: {goal}.
"""
    return Section(text, [] if ratio[0] >= TIMES_FASTMCP else [goal])
