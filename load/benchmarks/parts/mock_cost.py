"""Benchmark: CPU cost of a request in the lean mock, in plain FastMCP, and in the recording mock."""

import random
import statistics

from gatebench.fixtures.processes.child import pinned_to
from gatebench.load.benchmarks import load_tools, servers
from gatebench.load.benchmarks.markdown import Section, Turn, conditions, ratios, spoken
from gatebench.load.plan.plan import PlannedCall
from gatebench.load.testbed.cpu_affinity import CpuLayout

TIMES_FASTMCP = 100.0  # goal
USERS = 64  # enough to keep the servers busy; idle time costs CPU as well


def measure(rounds: int, seconds: float) -> Section:
    """Call all servers in turns; they run the whole time."""
    places = CpuLayout.here()
    with (
        servers.lean(places.gateway) as lean,
        servers.fastmcp(places.gateway) as fastmcp,
        servers.recording(places.gateway) as recording,
        pinned_to(places.generator),
    ):
        called = {"lean": lean, "FastMCP": fastmcp, "the recording mock": recording}
        turns: dict[str, list[Turn]] = {name: [] for name in called}
        for number in range(rounds):
            for name in random.Random(number).sample(list(called), len(called)):  # noqa: S311 - an order, no secret
                turns[name].append(_turn(called[name], seconds))
    return _section(turns, rounds, seconds)


def _turn(server: servers.Server, seconds: float) -> Turn:
    call = PlannedCall(operation="call", url=server.url, tool="whoami")
    before = server.processes.cpu_seconds()
    driven = load_tools.ours(call, seconds, USERS)
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

Users of gatebench, {USERS} connections in a closed loop, call `whoami` on each server (2026-07-28, JSON responses). FastMCP is a
plain server with eight tools; the recording mock is that of the conformance scenarios, also on FastMCP (without its search of
the tool list at every call).
{conditions(rounds, seconds)}

| upstream | CPU us per request | requests per CPU second | ratio of lean to it |
| --- | --- | --- | --- |
{rows}

Goal: {goal}.
"""
    return Section(text, [] if ratio[0] >= TIMES_FASTMCP else [goal])
