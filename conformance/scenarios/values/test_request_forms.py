"""The same request as JSON that is written in different ways: order of members, blanks, escapes, names that occur twice."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gatebench.conformance.scenarios.marks import in_each_era, judged_by_groups
from gatebench.fixtures.clients.mcp import McpClient, new_nonce
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps import scripted_calls
from gatebench.fixtures.harness.steps.scripted_calls import ScriptedCall, call_all
from gatebench.fixtures.world.definition import REVISIONS

MEMBER = "calculator"
VALUE = {"name": "fail", "method": "ping", "id": 0, "params": {"name": "add"}, "arguments": {}}


def reversed_members(value: Any) -> Any:
    """Return the JSON value with the members of each object in reverse."""
    if isinstance(value, dict):
        return {name: reversed_members(one) for name, one in reversed(value.items())}
    return [reversed_members(one) for one in value] if isinstance(value, list) else value


def escaped(value: Any) -> str:
    """Return the JSON text of a value, with an escape for each character of a string."""
    if isinstance(value, str):
        return '"' + "".join(f"\\u{ord(character):04x}" for character in value) + '"'
    if isinstance(value, dict):
        return "{" + ",".join(f"{escaped(name)}:{escaped(one)}" for name, one in value.items()) + "}"
    return "[" + ",".join(map(escaped, value)) + "]" if isinstance(value, list) else json.dumps(value)


def _with_other_cases(message: dict[str, Any]) -> str:
    """Return a request with further members whose names differ from its own in case only."""
    params = message["params"]
    arguments = params["arguments"] | {"value": "of another member"}  # with the nonce, to find it at the upstream
    others = {"Name": params["name"].replace("echo", "fail"), "Arguments": arguments, "ARGUMENTS": arguments}
    return json.dumps(
        {**message, "params": params | others, "Method": "tools/list", "METHOD": "ping", "Id": 7, "ID": 8}
    )


def _with_its_names_in_arguments(message: dict[str, Any]) -> str:
    """Return a request whose arguments have members with the names of its own, and come before the name of its tool."""
    params = message["params"]
    repeated = {"name": "of the arguments", "arguments": {"name": 1}, "method": "tools/list", "params": {}, "id": 7}
    arguments = {"arguments": params["arguments"] | repeated}
    return json.dumps(message | {"params": arguments | params | arguments})


Write = Callable[[dict[str, Any]], str]
FORMS: dict[str, dict[str, Write]] = {
    "forms": {
        "request-in-reverse": lambda message: json.dumps(reversed_members(message)),
        "request-with-blanks": lambda message: " \n" + json.dumps(message, indent="\t").replace("\n", "\r\n") + "\r\n ",
        "request-escaped": escaped,
        "request-that-names-its-tool-again": json.dumps,
        "request-with-its-names-in-arguments": _with_its_names_in_arguments,
        "request-with-names-in-other-cases": _with_other_cases,
    }
}


async def post(scenario: Scenario, client: McpClient, value: Any, write: Write) -> McpResponse:
    """Call `echo` with a value, in a request that `write` makes the text of."""
    nonce = new_nonce()
    name = scenario.identities.tool(client.tags["server"], scripted_calls.TOOL, MEMBER)
    params = {"name": name, "arguments": {"value": value, "nonce": nonce}}
    message = client.message("tools/call", params, nonce, f"call-{nonce}")
    return await client.post(message, content=write(message).encode(), nonce=nonce)


@judged_by_groups(FORMS, "END-002", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", MEMBER), ("alice", "desk")])
@pytest.mark.parametrize("case", list(FORMS))
async def test_request_forms(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Calls whose requests are the same JSON in another form than the usual one."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    (control,) = await call_all(scenario, client, MEMBER, ScriptedCall())
    name = scenario.identities.tool(server, scripted_calls.TOOL, MEMBER)
    for form, write in FORMS[case].items():
        value: Any = VALUE
        if "again" in form:
            value = [name, f"use {name}, not {name}_2", {name: {"name": name}}]
        elif "cases" in form:
            value = 1  # as the control
        attempt = await post(scenario, client, value, write)
        tools = [scripted_calls.TOOL]
        scenario.case(form, attempt, control=control, server=server, principal=principal, tools=tools)
