"""Tool lists as published servers have them, in pages, up to 1,000 tools."""

import json
from collections import Counter
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import patience, refresh
from gatebench.conformance.scenarios.marks import in_each_era, in_each_revision, judged_by_cases, judged_by_groups
from gatebench.conformance.scenarios.values.test_values import MEMBER, SERVERS
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps import scripted_calls
from gatebench.fixtures.harness.steps.scripted_calls import ScriptedCall
from gatebench.fixtures.world.corpus import catalog, tool_lists
from gatebench.fixtures.world.definition import MODERN_REVISION, REVISIONS

FRAMINGS = [
    framing
    for group in ("line-ends", "event-fields", "other-events")
    for framing in catalog.framings()[group]
    if "{progress}" not in framing.body  # nothing asked for progress
]
MOST_PAGES = 100  # more would not be read in the time of a scenario
RESULTS = catalog.results()["checked-results"]


IN_EACH_REVISION = ["schema-tools"]
ANY_RESULT = "any-result-tools"
IN_ONE_REVISION = [name for name in tool_lists.LISTS if name not in (*IN_EACH_REVISION, ANY_RESULT)]


@judged_by_cases(IN_ONE_REVISION, "END-002")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", IN_ONE_REVISION)
async def test_tool_lists(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """All pages of a list, through the gateway and directly."""
    client = await scenario.client(principal, server, revision)
    rules = scripted_calls.tool_list_rules(tool_lists.pages(case), framed={})
    await play(scenario, case, client, rules)


@judged_by_cases([ANY_RESULT], "END-002")
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", [ANY_RESULT])
async def test_tools_with_any_result(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The same for tools whose results need not be objects."""
    client = await scenario.client(principal, server, revision)
    await play(scenario, case, client, scripted_calls.tool_list_rules(tool_lists.pages(case), framed={}))


@judged_by_cases(IN_EACH_REVISION, "END-002", thorough=in_each_revision)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", IN_EACH_REVISION)
async def test_schemas(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The same for a tool of each schema: a gateway may have other types for the tools of each revision."""
    client = await scenario.client(principal, server, revision)
    await play(scenario, case, client, scripted_calls.tool_list_rules(tool_lists.pages(case), framed={}))


@judged_by_cases(["framed-pages"], "END-002")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", ["framed-pages"])
async def test_framed_pages(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A list with one tool on each page, which has the name of the framing of its page."""
    client = await scenario.client(principal, server, revision)
    pages = [[{"name": framing.name, "inputSchema": {"type": "object"}}] for framing in FRAMINGS]
    framed = {number: framing.response_of for number, framing in enumerate(FRAMINGS)}
    await play(scenario, case, client, scripted_calls.tool_list_rules(pages, framed=framed))


@judged_by_cases(["odd-tools-called"], "END-002", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", ["odd-tools-called"])
async def test_odd_tools_called(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A list of tools with unusual names, and a call of each."""
    client = await scenario.client(principal, server, revision)
    names = {
        str(tool["name"]): scenario.identities.tool(server, tool["name"], MEMBER) for tool in tool_lists.odd_names()
    }
    given = Counter(names.values())  # a dialect may give two tools the same name
    tools = [tool for tool, name in names.items() if given[name] == 1]
    response = scripted_calls.as_json(scripted_calls.result_of({"content": [{"type": "text", "text": "called"}]}))
    rules = scripted_calls.tool_list_rules(tool_lists.pages("odd-tool-names"), framed={})
    rules += [{"method": "tools/call", "tool": tool, "action": {"respond": response}} for tool in tools]
    with scripted_calls.tool_list(scenario, MEMBER, rules):
        refreshed(scenario, client)
        await client.connect()
        await client.pages("tools/list")
        attempts = [await client.call(names[tool]) for tool in tools]
    refreshed(scenario, client)
    scenario.case(case, *attempts, server=server, principal=principal, tools=tools)


@judged_by_cases(["empty-cursor"], thorough=in_each_era)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", ["empty-cursor"])
async def test_empty_cursor(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A list of two pages, of which the second one has an empty cursor."""
    client = await scenario.client(principal, server, revision)
    tools = tool_lists.odd_names()
    rules = scripted_calls.tool_list_rules([tools[:2], tools[2:4]], framed={})
    own = json.dumps(tool_lists.cursor(1))
    await play(
        scenario,
        case,
        client,
        json.loads(json.dumps(rules).replace(json.dumps(own)[1:-1], '\\"\\"').replace(own, '""')),
    )


@judged_by_cases(["empty-page"])
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", ["empty-page"])
async def test_empty_page(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A list of three pages, of which the second one has a cursor and no tool."""
    client = await scenario.client(principal, server, revision)
    tools = tool_lists.odd_names()
    await play(scenario, case, client, scripted_calls.tool_list_rules([tools[:2], [], tools[2:4]], framed={}))


REPEATED = "repeated-cursor"


@judged_by_cases([REPEATED], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "desk")])
async def test_repeated_cursor(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """An upstream whose every page of tools leads to the same next page; a member of a virtual server."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    control = await client.list_tools()
    (first,) = scripted_calls.tool_list_rules([tool_lists.odd_names()[:1]], framed={})
    page = first["action"]["respond"]["chunks"][0]["text"].replace('"_meta"', '"nextCursor":"again","_meta"', 1)
    with scripted_calls.tool_list(
        scenario, MEMBER, [{"method": "tools/list", "action": {"respond": scripted_calls.as_json(page)}}]
    ):
        refreshed(scenario, client)
        client.patience = patience(scenario)
        attempt = await client.list_tools()
    refreshed(scenario, client)
    scenario.case(REPEATED, attempt, control=control, server=server, principal=principal)


@judged_by_groups({"checked-results": RESULTS}, "END-002")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", ["checked-results"])
async def test_checked_results(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Results and errors of a tool that has an output schema, after the client has listed it."""
    del case
    client = await scenario.client(principal, server, revision)
    texts = [scripted_calls.result_of(result) for result in RESULTS.values()]
    calls = [ScriptedCall(response=scripted_calls.as_json(text)) for text in texts]
    rules = scripted_calls.tool_list_rules([tool_lists.checked()], framed={})
    with scripted_calls.tool_list(scenario, MEMBER, [*rules, *(call.rule for call in calls)]):
        refreshed(scenario, client)
        await client.connect()
        await client.list_tools()
        answers = [await scripted_calls.call(scenario, client, MEMBER, one) for one in calls]
    refreshed(scenario, client)
    for name, answer in zip(RESULTS, answers, strict=True):
        scenario.case(name, answer, server=server, principal=principal)


def refreshed(scenario: Scenario, client: McpClient) -> None:
    """Let the gateway read the tools of the upstream again, and those of the virtual server that the client uses."""
    for server in dict.fromkeys((MEMBER, str(client.tags["server"]))):
        refresh(scenario, server)


async def play(scenario: Scenario, case: str, client: McpClient, rules: list[dict[str, Any]]) -> None:
    """List all pages through the gateway (a hundred at most), and directly."""
    server, principal = str(client.tags["server"]), str(client.tags["principal"])
    with scripted_calls.tool_list(scenario, MEMBER, rules):
        refreshed(scenario, client)
        await client.connect()
        listed = await client.pages("tools/list", most=MOST_PAGES)
        original = await (await scenario.client_of_upstream(principal, MEMBER, client.revision)).pages("tools/list")
    refreshed(scenario, client)
    exchanges = [page.exchange for page in original]
    cut = len(listed) == MOST_PAGES and "nextCursor" in listed[-1].result
    facts: dict[str, Any] = {"member": MEMBER, "original": exchanges, "cut": cut}
    scenario.case(case, *listed, server=server, principal=principal, **facts)
