"""Tools and servers by name: those of other servers and members, in other spellings, and servers that do not exist."""

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, page_with
from gatebench.conformance.scenarios.identity.refusals.test_refusals import echo_of
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS, VIRTUAL_SERVERS

HYPHEN, FULL_WIDTH, ZERO_WIDTH = "\u2010", "\uff45\uff43\uff48\uff4f", "\u200b"


def spellings(name: str, tool: str, permitted: str) -> list[str]:
    """Return names that resemble the name of a tool of a server that the caller may not use; `permitted` is one that it may."""
    before = name.removesuffix(tool)
    return [
        name.upper(),
        name.capitalize(),
        f" {name}",
        f"{name} ",
        f"{name}\n",
        f"{ZERO_WIDTH}{name}",
        name.replace("-", HYPHEN, 1),
        f"{before}{FULL_WIDTH}",
        f"{before}/{tool}",
        f"{before.rstrip('_')}/{tool}",
        f"{before.rstrip('_')}.{tool}",
        f"{before.rstrip('_')}__{tool}",
        f"{before.rstrip('_')}:{tool}",
        f"{permitted}{name}",
        f"{permitted}../{name}",
        f"{name}\0",
        f"{name}?",
    ]


async def calls(client: McpClient, names: list[str]) -> list[McpResponse]:
    """Call these names exactly as they are written."""
    client.named = str
    if client.modern:  # a header mirrors the name (MCP 2026-07-28 transports, Request Headers): plain ones only
        names = [name for name in names if name.isascii() and name.isprintable() and name == name.strip()]
    return [await client.call(name, {"value": 1}) for name in names]


@judged_by_cases(["tools-of-other-servers"], needs=("access-rules",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("intern-bot", "calculator")])
async def test_other_servers(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A caller with access to one server asks there for a tool of another one, in many spellings."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    control = await client.call("echo", AWKWARD_VALUES)
    begin, dialect = scenario.here(), scenario.dialect
    name = dialect.tool_of("web-search", "echo", alone=False)
    attempts = await calls(client, [name, *spellings(name, "echo", dialect.tool_of(server, "", alone=False))])
    scenario.case(
        "tools-of-other-servers",
        *attempts,
        control=control,
        since=begin,
        server=server,
        principal=principal,
        allowed=[server],
    )


MEMBER_CASES = ["member-listed", "member-called", "member-called-by-other-names", "other-member-called"]


@judged_by_cases(MEMBER_CASES, needs=("member-access", "runtime-grants"), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("dave", "desk")])
@pytest.mark.parametrize("member", ["web-search"])
async def test_member(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """Access to one member of a virtual server is withdrawn; a session that is open, and a new one, ask for its tools."""
    tool, name = echo_of(scenario, server), scenario.identities.tool(server, "echo", member)
    permitted = [server, *VIRTUAL_SERVERS[server]]
    for one in permitted:
        scenario.verbs.grant(principal, one)
    try:
        client = await scenario.client(principal, server, revision)
        await client.connect()
        listed, called = page_with(await client.pages("tools/list"), name), await client.call(name, AWKWARD_VALUES)
        other = await client.call(tool, AWKWARD_VALUES)
        scenario.verbs.withdraw(principal, member)
        begin = scenario.here()
        further = await scenario.client(principal, server, revision)
        await further.connect()
        both = (client, further)
        lists = [page for one in both for page in await one.pages("tools/list")]
        attempts = [await one.call(name, AWKWARD_VALUES) for one in both]
        others = [await one.call(tool, AWKWARD_VALUES) for one in both]
        tricks = await calls(further, spellings(name, "echo", tool.removesuffix("echo")))
    finally:
        for one in permitted:
            scenario.verbs.withdraw(principal, one)
    made = {
        "member-listed": (lists, listed),
        "member-called": (attempts, called),
        "other-member-called": (others, other),
    }
    for case, (answers, control) in made.items():
        scenario.case(case, *answers, control=control, since=begin, server=server, principal=principal, member=member)
    allowed = [one for one in VIRTUAL_SERVERS[server] if one != member]
    scenario.case(
        "member-called-by-other-names",
        *tricks,
        control=called,
        since=begin,
        server=server,
        principal=principal,
        allowed=allowed,
    )


@judged_by_cases(["server-that-does-not-exist"], needs=("hidden-servers",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("alice", "desk")])
async def test_unknown_server(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Requests without a valid token at a server that exists, and at two that do not."""
    accepted = await scenario.client(principal, server, revision)
    await accepted.connect()
    control = await accepted.call(echo_of(scenario, server), AWKWARD_VALUES)
    names = [server, "no-such-server", f"{server}x"]
    unknown = scenario.unknown_token(scenario.identities.token(principal))
    for token in (None, unknown):
        attempts = []
        for name in names:
            client = await scenario.client(
                principal if token else None, server, revision, token=token, url=scenario.url(name)
            )
            attempts.append(await client.list_tools())
        variant = "with an unknown token" if token else "without a token"
        scenario.case(
            "server-that-does-not-exist",
            *attempts,
            control=control,
            server=server,
            principal=principal,
            names=names,
            variant=variant,
        )
