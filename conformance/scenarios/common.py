"""Common parts of several suites: the requirements that any traffic is checked by, and a complete client session."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gatebench.conformance.requirements.features import features_of, world_of
from gatebench.conformance.scenarios.marks import Params, When, legacy, model, modern
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.gateways.adapter import UnsupportedVerbError
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import UPSTREAMS

# Secrets stay where they belong: checked on any traffic.
LEAKS = ("CRED-001", "CRED-006", "CRED-008", "CRED-010", "CRED-011", "CRED-013")
# Calls arrive, and responses are well-formed.
ARRIVALS = ("END-001", "END-002", "END-005", "ACC-004")
# Each upstream gets the credentials of its auth model.
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
# Messages of both legs have what HTTP and their revision require: judged on the traffic of one caller, and over the whole run.
OF_ALL = (
    "HTP-001",
    "HTP-002",
    "HTP-003",
    "HTP-008",
    "HTP-009",
    "HTP-010",
    "JSM-002",
    "JSM-003",
    "JSM-004",
    "JSM-005",
)
REQUESTS: dict[str, dict[str, Any]] = {
    "tools/list": {},
    "resources/list": {},
    "resources/read": {"uri": "test://none"},
    "prompts/get": {"name": "none"},
}
OF_SESSIONS = ("HTP-007", "HTP-011", "SNM-001", "SNM-003", "SNM-004", "SNM-005", "SNM-006", "SNM-007")
OF_STATELESS = ("STL-001", "STL-002", "STL-006", "STL-007", "STL-008")


def _of_one_caller(when: When) -> When:
    def of_one(params: Params) -> bool:
        return params["principal"] == "alice" and when(params)

    return of_one


MESSAGES: dict[str, When] = {
    **dict.fromkeys(OF_ALL, _of_one_caller(lambda _params: True)),
    **dict.fromkeys(OF_SESSIONS, _of_one_caller(legacy)),
    **dict.fromkeys(OF_STATELESS, _of_one_caller(modern)),
}
# No line separators: a gateway that ends a line of an event stream at them would fail all requirements that use these values.
AWKWARD_VALUES = {"value": ["ü€𝄞", 2**53, -0.5, None, {"a": ""}]}


def refresh(scenario: Scenario, server: str) -> None:
    """Make the gateway read the tools of a server again, if the adapter supports it."""
    try:
        scenario.verbs.refresh_tools(server)
    except UnsupportedVerbError:
        return  # the gateway has to detect the change itself


@contextmanager
def granted(scenario: Scenario, principal: str, *servers: str) -> Iterator[None]:
    """Let a caller use these servers within this block."""
    for server in servers:
        scenario.verbs.grant(principal, server)
    try:
        yield
    finally:
        for server in servers:
            scenario.verbs.withdraw(principal, server)


WITHOUT_A_PROMISE = 5.0  # seconds: long enough for a gateway with any timeout, and no verdict depends on it


def patience(scenario: Scenario) -> float:
    """Return a little more than the time limit that the gateway declares."""
    return (scenario.bench.target.descriptor.dialect.upstream_seconds or WITHOUT_A_PROMISE) + 1


def within_claims(scenario: Scenario, **params: Any) -> bool:
    """Return whether the target claims what these parameters need: for callers and servers that a scenario can do without."""
    section = scenario.bench.target.descriptor.claims
    revisions = {f"revision.{one}" for one in section.revisions}
    return features_of(params) <= scenario.bench.features | world_of(section) | revisions


def page_with(pages: Sequence[McpResponse], tool: str) -> McpResponse:
    """Return the page that lists a tool (by its name there), or else the first one."""
    for page in pages:
        tools = page.result.get("tools")
        if any(isinstance(one, dict) and one.get("name") == tool for one in (tools if isinstance(tools, list) else [])):
            return page
    return pages[0]


async def whole_life(scenario: Scenario, client: McpClient, server: str) -> None:
    """Send everything that a client of its era sends: list, call (also without arguments), ping, listen, disconnect.

    `client` is connected.
    """
    await client.list_tools()
    await client.call(scenario.identities.tool(server, "whoami"))
    await client.request("tools/call", {"name": client.named(scenario.identities.tool(server, "whoami"))})
    await client.call(scenario.identities.tool(server, "echo"), AWKWARD_VALUES)
    if not client.modern:
        await client.request("ping")
        await client.open_stream_and_leave()
        await client.delete()


async def concurrent_calls(
    scenario: Scenario, principals: tuple[str, ...], server: str, revision: str, tool: str
) -> None:
    """Run several callers concurrently and repeatedly, all with the same JSON-RPC ids."""
    callers = joined_by(scenario, principals, server)
    clients = [await scenario.consented(principal, server, revision) for principal in callers]
    for number in range(100, 104):
        await asyncio.gather(*(client.call(tool, rpc_id=number) for client in clients))


def joined_by(scenario: Scenario, principals: tuple[str, ...], server: str) -> tuple[str, ...]:
    """Return these callers, and one of each other claimed kind that may use the server (a virtual account has no consent)."""
    personal = "oauth" in {UPSTREAMS[member].model for member in scenario.identities.members(server)}
    others = ["carol"] if personal else ["support-bot", "carol"]
    return (*principals, *(one for one in others if within_claims(scenario, principal=one, server=server)))


def together(value: object) -> str | None:
    """Return the id of a parameter that names several principals."""
    return "+".join(value) if isinstance(value, tuple) else None


async def after_a_loss(client: McpClient, first: McpResponse, ask: Callable[[], Awaitable[McpResponse]]) -> McpResponse:
    """Send a request again whose upstream has lost its sessions, in a new session if the client's is gone; return the response.

    A gateway may answer `first` with an error, and end the session then: the next request is answered 404.
    """
    if first.status == 404:
        await client.connect()
        return await ask()
    second = await ask()
    if second.status != 404:
        return second
    await client.connect()
    return await ask()


async def at_second_try(ask: Callable[[], Awaitable[McpResponse]]) -> McpResponse:
    """Send a request, and if it is answered with neither a result nor 404 once more; return the last response.

    A gateway may find out with one failed request that its session at an upstream is of no use.
    """
    answer = await ask()
    return answer if answer.succeeded or answer.status == 404 else await ask()


async def connected(
    scenario: Scenario, principal: str, server: str, revision: str, *, token: str | None = None
) -> tuple[McpClient, McpResponse]:
    """Return a client, and the response to its handshake."""
    client = await scenario.client(principal, server, revision, token=token)
    return client, await client.connect()


async def each_request(client: McpClient) -> list[McpResponse]:
    """Send a request of each kind that may reach an upstream, beside calls; the last one ends the session, if there is one."""
    attempts = [await client.request(method, params) for method, params in REQUESTS.items()]
    if not client.modern:
        attempts += [await client.request("ping"), await client.open_stream_and_leave(), await client.delete()]
    return attempts
