"""Calls that need input: `input_required` results, and the requests that bring the input (MCP 2026-07-28)."""

import asyncio

import pytest

from gatebench.conformance.scenarios.dialogue_steps import SERVERS, connected, offered, replying
from gatebench.conformance.scenarios.marks import in_each_revision, judged_by_cases
from gatebench.fixtures.clients.conversation import call_message, rounds
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import MODERN_REVISION

PREFIX = "test_input_required_result_"
TOOLS = {
    "rounds-elicitation": f"{PREFIX}elicitation",
    "rounds-sampling": f"{PREFIX}sampling",
    "rounds-roots": f"{PREFIX}list_roots",
    "rounds-state": f"{PREFIX}request_state",
    "rounds-several-requests": f"{PREFIX}multiple_inputs",
    "rounds-several-rounds": f"{PREFIX}multi_round",
}
TOGETHER = "rounds-of-two-callers"


@judged_by_cases([*TOOLS, TOGETHER], thorough=in_each_revision)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize(("principal", "other"), [("alice", "bob")])
@pytest.mark.parametrize(("server", "member", "claim"), SERVERS)
async def test_rounds(
    scenario: Scenario, *, principal: str, other: str, server: str, member: str, claim: str, revision: str
) -> None:
    """A client gives what a tool needs, in one or several rounds; two callers do so at once."""
    del claim
    with offered(scenario, server, [member], list(TOOLS.values())):
        client = await connected(scenario, principal, server, revision)
        for case, tool in TOOLS.items():
            done = await rounds(client, scenario.identities.tool(server, tool, member), replying(case))
            scenario.case(case, *done, server=server, principal=principal)
        beside = await connected(scenario, other, server, revision)
        tool = scenario.identities.tool(server, TOOLS["rounds-several-rounds"], member)
        both = await asyncio.gather(
            *(rounds(one, tool, replying(f"client-{number}")) for number, one in enumerate((client, beside)))
        )
        for caller, own, foreign in ((principal, both[0], both[1]), (other, both[1], both[0])):
            others = [response.exchange for response in foreign]
            scenario.case(TOGETHER, *own, server=server, principal=caller, others=others)


CHANGED = ("state-changed", "state-cut", "state-of-another-tool")


@judged_by_cases(CHANGED, thorough=in_each_revision)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("server", "member", "claim"), SERVERS)
async def test_state_that_no_server_gave(
    scenario: Scenario, *, principal: str, server: str, member: str, claim: str, revision: str
) -> None:
    """A client changes the state, or takes it to another tool."""
    del claim
    names = [f"{PREFIX}tampered_state", f"{PREFIX}multi_round"]
    with offered(scenario, server, [member], names):
        client = await connected(scenario, principal, server, revision)
        own, another = (scenario.identities.tool(server, name, member) for name in names)
        first = await client.call(own)
        state = str(first.result.get("requestState"))
        altered = {CHANGED[0]: (own, f"x{state[1:]}"), CHANGED[1]: (own, state[:-1]), CHANGED[2]: (another, state)}
        for case, (tool, text) in altered.items():
            given = {"confirm": {"action": "accept", "content": {"ok": True}}}
            message, nonce = call_message(client, tool, inputResponses=given, requestState=text)
            attempt = await client.post(message, nonce=nonce)
            scenario.case(case, attempt, control=first, server=server, principal=principal)
