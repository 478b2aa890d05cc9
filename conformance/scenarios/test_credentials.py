"""Whose credentials reach the upstream: every kind of caller at every kind of server, on every method of both eras."""

import asyncio

import pytest

from conformance.suite import judged_by, legacy, model
from fixtures.clients.raw import RawClient
from fixtures.scenario import Scenario
from fixtures.standard import REVISIONS

CALLERS_AND_SERVERS = [
    ("alice", "calculator"),
    ("support-bot", "calculator"),
    ("carol", "calculator"),
    ("alice", "web-search"),
    ("support-bot", "web-search"),
    ("carol", "web-search"),
    ("alice", "mail"),
    ("carol", "mail"),
    ("bob", "calendar"),
    ("carol", "crm"),
]
EVERY_LAYER = ("CRED-001", "CRED-006", "CRED-008", "CRED-010", "CRED-011", "CRED-013")


async def every_method(scenario: Scenario, client: RawClient, server: str) -> None:
    """All that a client of its era does in a life: list, call, ping, listen, leave."""
    await client.list_tools()
    await client.call(scenario.bench.tool(server, "whoami"))
    await client.call(scenario.bench.tool(server, "echo"), {"value": ["ü€𝄞", 2**53, -0.5, None, {"a": ""}]})
    if not client.modern:
        await client.request("ping")
        await client.open_stream_and_leave()
        await client.delete()


@judged_by(
    *EVERY_LAYER,
    "END-001",
    "END-002",
    "END-005",
    "ACC-004",
    {
        "CRED-002": model("none"),
        "CRED-003": model("static"),
        "CRED-004": model("static"),
        "CRED-005": model("oauth"),
        "CRED-007": model("passthrough"),
        "CRED-014": model("passthrough"),
        "END-003": legacy,
        "AUTH-007": lambda params: params["principal"] == "carol",
    },
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), CALLERS_AND_SERVERS)
async def test_every_method(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """One caller, one server, everything that the era has."""
    client = await scenario.consented(principal, server, revision)
    await every_method(scenario, client, server)


@judged_by(*EVERY_LAYER, "CRED-012", "END-001", "END-002", "END-005", "ACC-004")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "workbench"), ("carol", "workbench"), ("bob", "inbox")])
async def test_virtual_server(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """One gateway token, and each member what its own model says."""
    client = await scenario.consented(principal, server, revision)
    await client.list_tools()
    for member in scenario.bench.members(server):
        await client.call(scenario.bench.tool(server, "whoami", member))
        await client.call(scenario.bench.tool(server, "echo", member), {"value": {"nested": [1, 1.5, "ß"]}})
    if not client.modern:
        await client.delete()


@judged_by(
    *EVERY_LAYER,
    "END-006",
    {
        "SES-003": legacy,
        "CONS-007": model("oauth"),
        "CRED-003": model("static"),
        "CRED-004": model("static"),
        "CRED-005": model("oauth"),
    },
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principals", "server"),
    [
        (("alice", "bob", "carol"), "mail"),
        (("alice", "support-bot", "carol"), "web-search"),
        (("alice", "bob", "support-bot"), "calculator"),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
async def test_at_the_same_time(scenario: Scenario, principals: tuple[str, ...], server: str, revision: str) -> None:
    """Several callers at once, each with the same JSON-RPC ids, over and over."""
    clients = [await scenario.consented(principal, server, revision) for principal in principals]
    tool = "mailbox" if server == "mail" else "whoami"
    for number in range(100, 104):
        await asyncio.gather(*(client.call(tool, rpc_id=number) for client in clients))


@judged_by("CRED-009", "CRED-001")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["calculator", "web-search"])
@pytest.mark.parametrize("principal", ["alice"])
async def test_cookies(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A caller whose HTTP client has a cookie jar and a proxy."""
    cookie, proxy = scenario.new_secret("cookie", "cookie"), scenario.new_secret("cookie", "proxy")
    planted = {"Cookie": f"session={cookie}", "Proxy-Authorization": f"Bearer {proxy}"}
    client = await scenario.client(principal, server, revision, headers=planted)
    await client.connect()
    await client.call("whoami")
