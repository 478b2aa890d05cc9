"""Names with quotation marks, backslashes and line breaks, which a gateway may quote in its errors."""

import base64
from typing import Any
from urllib.parse import quote

import pytest

from gatebench.conformance.scenarios.marks import in_each_era, judged_by
from gatebench.conformance.scenarios.protocol.http.test_upstream_http import SERVER, VIRTUAL
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.protocol.messages import NAMED
from gatebench.fixtures.world.definition import REVISIONS

AWKWARD = 'no "such\\ one"}],\n\t\u2028ü'
METHOD = 'no/"such\\one"}'  # which header fields have too
REQUESTS: dict[str, dict[str, Any]] = {
    "tools/call": {"name": AWKWARD, "arguments": {}},
    "resources/read": {"uri": f"test://{AWKWARD}"},
    "resources/list": {"cursor": AWKWARD},
    "resources/templates/list": {},
    "prompts/list": {},
    "prompts/get": {"name": AWKWARD},
    "completion/complete": {"ref": {"type": "ref/prompt", "name": AWKWARD}, "argument": {"name": "a", "value": "b"}},
    "logging/setLevel": {"level": AWKWARD},
    METHOD: {},
}
NOTIFICATIONS: dict[str, dict[str, Any]] = {
    "notifications/cancelled": {"requestId": "none", "reason": AWKWARD},
    "notifications/roots/list_changed": {},
}


def _encoded(text: str) -> str:
    """Return the value of Mcp-Name for a name that header fields cannot have (MCP 2026-07-28, Value Encoding)."""
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


@judged_by("AUTH-015", "HTP-010", "HTP-011", "HTP-012", "JSM-001", "JSM-003", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", SERVER), ("alice", VIRTUAL), ("alice", "everything")])
async def test_awkward_names(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Tools, resources, prompts, methods and servers of such a name, and header fields with such a value."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    for method, params in REQUESTS.items():
        named = client.modern and method in NAMED
        client.changes = {"Mcp-Name": _encoded(str(params[NAMED[method]]))} if named else {}
        await client.request(method, params)
    for name in ('"1"', "\\", '2025-11-25"}'):
        client.changes = {"MCP-Protocol-Version": name}
        await client.list_tools()
        client.changes = {"Mcp-Session-Id": name}
        await client.list_tools()
    client.changes = {}
    for method, params in NOTIFICATIONS.items():
        await client.notify(method, params)
    for one, name in ((principal, AWKWARD), (None, AWKWARD), (None, server)):
        other = await scenario.client(one, server, revision, url=scenario.url(quote(name, safe="")))
        await other.connect()
        if not other.modern:
            await other.open_stream_and_leave()
            await other.delete()
