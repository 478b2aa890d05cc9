"""Values that gateways lose, in arguments and in results, and what surrounds them: request ids and metadata."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import connected, within_claims
from gatebench.conformance.scenarios.marks import (
    in_each_era,
    in_one_with_sessions,
    judged_by,
    judged_by_cases,
    judged_by_groups,
)
from gatebench.fixtures.clients.mcp import McpClient, new_nonce
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps import scripted_calls
from gatebench.fixtures.harness.steps.scripted_calls import ScriptedCall, call_all
from gatebench.fixtures.protocol.messages import CLIENT_INFO
from gatebench.fixtures.world.corpus import catalog
from gatebench.fixtures.world.definition import REVISIONS

KINDS = catalog.values()
MEMBER = "calculator"
SERVERS = [("alice", MEMBER), ("alice", "desk")]
IDS = (0, -1, -9007199254740991, 9007199254740991, "", "0", "1", "-1", "null", "1.0", "a b/ü€", "1a2b3c4d-0", "x" * 256)
FURTHER_IDS = (-2, "-2", "+1", "2e0")
EMPTY_IDS = (0, "")
ORDINARY_ID = 41
REFUSED_CASES = ["unknown-tool-ids", "unknown-method-ids", "no-access-ids", "bad-override-ids"]
ALIKE_IDS = (61, "61", "61.0", " 61")
TOKENS = (0, -1, 7, "", "7", "0", "a/b ü", "6f1a3c52-7f0e-4d0b-9b0e-3f1f5d1c9a10")
NOTE = {"parents": [None, {"a": {}}, "ü", 0, False, ""], "progressToken": "mine", "size": 9007199254740993}


@judged_by_groups({group: [kind.name for kind in kinds] for group, kinds in KINDS.items()}, "END-002", "JSM-004")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", list(KINDS))
async def test_values(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Calls whose arguments hold values of one kind, and results that hold them; the control has one plain value."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    (control,) = await call_all(scenario, client, MEMBER, ScriptedCall())
    scripted = []
    for kind in KINDS[case]:
        structured = f'"structuredContent":{{"value":{kind.text}}}'
        result = f'{{"content":{kind.content},{structured}{scripted_calls.COMPLETE}}}'
        response = scripted_calls.as_json(scripted_calls.result_text(result))
        scripted.append(ScriptedCall(kind.text, response))
    answers = await call_all(scenario, client, MEMBER, *scripted)
    for kind, answer in zip(KINDS[case], answers, strict=True):
        alone = await call_all(scenario, client, MEMBER, *map(ScriptedCall, kind.alone))
        scenario.case(kind.name, answer, *alone, control=control, server=server, principal=principal)


@judged_by_cases(["request-ids"], "END-002")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", ["request-ids"])
async def test_request_ids(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Calls, lists and first requests with ids that are zero, negative, empty, long, or texts that look like numbers."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    refused = scripted_calls.as_json('{"jsonrpc":"2.0","id":"$id","error":{"code":-32602,"message":"as asked"}}')
    control, *attempts = await call_all(
        scenario,
        client,
        MEMBER,
        ScriptedCall(),
        *(ScriptedCall(rpc_id=rpc_id) for rpc_id in IDS),
        *(ScriptedCall(rpc_id=rpc_id, response=refused) for rpc_id in FURTHER_IDS),
    )
    attempts += [await client.request("tools/list", rpc_id=f" {rpc_id}") for rpc_id in FURTHER_IDS]
    attempts += [await client.request("tools/list", rpc_id=rpc_id) for rpc_id in EMPTY_IDS]
    attempts += [await _first_request(client, rpc_id) for rpc_id in EMPTY_IDS]
    scenario.case(case, *attempts, control=control, server=server, principal=principal)


async def _first_request(client: McpClient, rpc_id: Any) -> McpResponse:
    """Send the era's first request under this id."""
    if client.modern:
        return await client.request("server/discover", rpc_id=rpc_id)
    hello = {"protocolVersion": client.revision, "capabilities": {}, "clientInfo": CLIENT_INFO}
    return await client.request("initialize", hello, rpc_id=rpc_id)


@judged_by_cases(REFUSED_CASES, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
async def test_ids_of_refusals(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Requests that the gateway refuses by itself, with an ordinary id, with 0 and with an empty text.

    Each case has a session of its own, in which no id is used twice.
    """
    client, _ = await connected(scenario, principal, server, revision)
    (control,) = await call_all(scenario, client, MEMBER, ScriptedCall())
    header: dict[str, str | list[str] | None] = {scenario.dialect.override_header: "{not json"}
    refused: dict[str, dict[str, Any]] = {
        "unknown-tool-ids": {"method": "tools/call", "params": {"name": "no-such-tool", "arguments": {}}},
        "unknown-method-ids": {"method": "no/such/method"},
    }
    if scenario.bench.features >= {"header-override", "override.json"}:
        refused["bad-override-ids"] = {"method": "tools/list", "headers": header}
    ids, made = (ORDINARY_ID, *EMPTY_IDS), {}
    for case, request in refused.items():
        other, _ = await connected(scenario, principal, server, revision)
        made[case] = [await other.request(**request, rpc_id=rpc_id) for rpc_id in ids]
    if "access-rules" in scenario.bench.features and within_claims(scenario, principal="dave", server=server):
        stranger = await scenario.client("dave", server, revision)
        made["no-access-ids"] = [await _first_request(stranger, rpc_id) for rpc_id in ids]
    for case, attempts in made.items():
        scenario.case(case, *attempts, control=control, server=server, principal=principal)


@judged_by_cases(["ids-at-once"], "END-002", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", ["ids-at-once"])
async def test_ids_at_once(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Calls under way at once in one session, whose ids are a number and the text that looks like it."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    (control,) = await call_all(scenario, client, MEMBER, ScriptedCall())
    slow = scenario.identities.tool(server, "slow", MEMBER)
    arguments = {"steps": 2, "interval_ms": 40}
    attempts = await asyncio.gather(*(client.call(slow, arguments, rpc_id=rpc_id) for rpc_id in ALIKE_IDS))
    scenario.case(case, *attempts, control=control, server=server, principal=principal)


OWN_MEMBERS = {
    "request-meta": ScriptedCall(meta={"note": NOTE}),
    "request-unknown-params": ScriptedCall(others={"x-vendor": NOTE}),
}


@judged_by_groups({"own-members": list(OWN_MEMBERS)}, "END-002")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", ["own-members"])
async def test_request_meta(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Calls with a member of their own, in `_meta` and beside the arguments, which holds values of every type."""
    del case
    client = await scenario.client(principal, server, revision)
    await client.connect()
    (control,) = await call_all(scenario, client, MEMBER, ScriptedCall())
    for name, call in OWN_MEMBERS.items():
        (attempt,) = await call_all(scenario, client, MEMBER, replace(call, nonce=new_nonce()))
        scenario.case(name, attempt, control=control, server=server, principal=principal)


@judged_by("FID-003", "END-002", thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
async def test_progress_tokens(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Progress of calls whose tokens are zero, negative, empty, or texts that look like numbers."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    response = scripted_calls.as_progress()
    await call_all(
        scenario, client, MEMBER, *(ScriptedCall(response=response, meta={"progressToken": token}) for token in TOKENS)
    )
