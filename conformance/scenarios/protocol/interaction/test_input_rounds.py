"""Calls that need input: `input_required` results, and the requests that bring the input (MCP 2026-07-28)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gatebench.conformance.scenarios.dialogue_steps import SERVERS, connected, offered, replying
from gatebench.conformance.scenarios.feature_client import SERVERS as FEATURE_SERVERS
from gatebench.conformance.scenarios.feature_client import base_of, feature_client
from gatebench.conformance.scenarios.marks import in_each_revision, judged_by_cases
from gatebench.fixtures.clients.conversation import CAPABILITIES, call_message, request_rounds, rounds
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import MODERN_REVISION

PREFIX = "test_input_required_result_"
SAMPLING = "rounds-sampling"
TOOLS = {
    "rounds-elicitation": f"{PREFIX}elicitation",
    SAMPLING: f"{PREFIX}sampling",
    "rounds-roots": f"{PREFIX}list_roots",
    "rounds-state": f"{PREFIX}request_state",
    "rounds-several-requests": f"{PREFIX}multiple_inputs",
    "rounds-several-rounds": f"{PREFIX}multi_round",
    "rounds-state-alone": "test_state_alone",
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
            kind = "several" if case == SAMPLING else "result"
            done = await rounds(client, scenario.identities.tool(server, tool, member), replying(case, kind))
            scenario.case(case, *done, server=server, principal=principal)
        beside = await connected(scenario, other, server, revision)
        tool = scenario.identities.tool(server, TOOLS["rounds-several-rounds"], member)
        both = await asyncio.gather(
            *(rounds(one, tool, replying(f"client-{number}")) for number, one in enumerate((client, beside)))
        )
        for caller, own, foreign in ((principal, both[0], both[1]), (other, both[1], both[0])):
            others = [response.exchange for response in foreign]
            scenario.case(TOGETHER, *own, server=server, principal=caller, others=others)


BESIDE_TOOLS = {"rounds-prompt": "prompts", "rounds-resource": "resources"}
ADDED = {"prompts": "added-needs-input", "resources": "needs-input"}


@contextmanager
def _added(scenario: Scenario, member: str) -> Iterator[None]:
    """Make a member list the prompt and the resource that need input within this block."""
    for kind, name in ADDED.items():
        scenario.bench.world.control(member, "PUT", kind, {"add": [name]})
    try:
        yield
    finally:
        for kind, name in ADDED.items():
            scenario.bench.world.control(member, "PUT", kind, {"remove": [name]})


@judged_by_cases(BESIDE_TOOLS, thorough=in_each_revision)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize(("principal", "server", "member"), FEATURE_SERVERS)
async def test_rounds_beside_tools(
    scenario: Scenario, *, principal: str, server: str, member: str, revision: str
) -> None:
    """A client gives what a prompt and what a resource needs, in two rounds."""
    with _added(scenario, member):
        here = await feature_client(scenario, principal, server, member, revision)
        here.client.capabilities = dict(CAPABILITIES)
        shown = {
            "prompts": await here.prompt(ADDED["prompts"]),
            "resources": await here.uri(f"added/{ADDED['resources']}"),
        }
        asked = {
            "prompts": ("prompts/get", {"name": shown["prompts"] or ADDED["prompts"]}),
            "resources": ("resources/read", {"uri": shown["resources"] or f"{base_of(member)}added/needs-input"}),
        }
        for case, kind in BESIDE_TOOLS.items():
            done = await request_rounds(here.client, *asked[kind], replying(case))
            here.case(case, *done, capability=kind, shown=shown[kind])


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
