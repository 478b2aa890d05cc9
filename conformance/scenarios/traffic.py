"""What several suites have in common: the requirements that any traffic is judged by, and a client's whole life."""

import asyncio

from conformance.suite import When, legacy, model
from fixtures.clients.raw import RawClient
from fixtures.scenario import Scenario

# No secret where it does not belong: judged on whatever is going on.
LEAKS = ("CRED-001", "CRED-006", "CRED-008", "CRED-010", "CRED-011", "CRED-013")
# Calls arrive, and answers are answers.
ARRIVALS = ("END-001", "END-002", "END-005", "ACC-004")
# Each upstream gets what its auth model says.
MODELS: dict[str, When] = {
    "CRED-002": model("none"),
    "CRED-003": model("static"),
    "CRED-004": model("static"),
    "CRED-005": model("oauth"),
    "CRED-007": model("passthrough"),
    "CRED-014": model("passthrough"),
    "END-003": legacy,
    "AUTH-007": lambda params: params["principal"] == "carol",
}
AWKWARD_VALUES = {"value": ["ü€𝄞", 2**53, -0.5, None, {"a": ""}, "\u2028"]}


async def whole_life(scenario: Scenario, client: RawClient, server: str) -> None:
    """All that a client of its era does: list, call, ping, listen, leave. `client` is connected."""
    await client.list_tools()
    await client.call(scenario.bench.tool(server, "whoami"))
    await client.call(scenario.bench.tool(server, "echo"), AWKWARD_VALUES)
    if not client.modern:
        await client.request("ping")
        await client.open_stream_and_leave()
        await client.delete()


async def at_once(scenario: Scenario, principals: tuple[str, ...], server: str, revision: str, tool: str) -> None:
    """Several callers at the same time, over and over, all with the same JSON-RPC ids."""
    clients = [await scenario.consented(principal, server, revision) for principal in principals]
    for number in range(100, 104):
        await asyncio.gather(*(client.call(tool, rpc_id=number) for client in clients))


def together(value: object) -> str | None:
    """The id of a parameter that names several principals."""
    return "+".join(value) if isinstance(value, tuple) else None
