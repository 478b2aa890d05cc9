"""Upstreams that answer a call with an HTTP error: in a content coding, and with the header fields that belong to its status."""

import time
from email.utils import formatdate
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, patience
from gatebench.conformance.scenarios.marks import in_each_era, judged_by, judged_by_groups
from gatebench.conformance.scenarios.protocol.http.test_upstream_http import (
    MEMBER,
    SERVER,
    VIRTUAL,
    echo_of,
    record,
    settled,
    witnessed,
)
from gatebench.fixtures.clients.mcp import new_nonce
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.upstream_habits import upstream_habits
from gatebench.fixtures.world.definition import REVISIONS

ERROR = {"jsonrpc": "2.0", "id": "$id", "error": {"code": -32000, "message": "the tool is not available just now"}}
ALLOW = {"Allow": "GET, HEAD"}  # as a server of files answers POST
RETRY = {"Retry-After": "1"}
UNTIL = "-until"  # Retry-After is a date, a second from now, instead of a number


def _error(status: int, fields: dict[str, str] | None = None, *, text: bool = False) -> dict[str, Any]:
    """Return a scripted response: a JSON-RPC error, or a text, with these header fields."""
    kind, body = ("text/plain", "not now") if text else ("application/json", ERROR)
    return {"status": status, "headers": {"Content-Type": kind, **(fields or {})}, "chunks": [{"body": body}]}


ERRORS = {
    "error-400-encoded": _error(400),
    "error-404-encoded": _error(404),
    "error-429-encoded": _error(429, RETRY),
    "error-500-encoded": _error(500),
    "error-500-text-encoded": _error(500, text=True),
    "error-405": _error(405, ALLOW),
    "error-405-text": _error(405, ALLOW, text=True),
    "error-429": _error(429, RETRY),
    "error-503": _error(503, RETRY),
    "error-503-text": _error(503, RETRY, text=True),
    "error-429-until": _error(429),
    "error-503-text-until": _error(503, text=True),
}


def _dated(name: str) -> dict[str, Any]:
    """Return the response of a case. A date is near: a gateway may leave the upstream alone until then."""
    answer = ERRORS[name]
    if not name.endswith(UNTIL):
        return answer
    return {**answer, "headers": {**answer["headers"], "Retry-After": formatdate(time.time() + 1, usegmt=True)}}


CHALLENGES = {
    status: {
        "WWW-Authenticate": 'Bearer error="insufficient_scope", resource_metadata="https://upstream.example/metadata"'
    }
    for status in (401, 403)
}
GROUPS = {"errors": list(ERRORS)}


@judged_by_groups(GROUPS, "HTP-005")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize("server", [SERVER, VIRTUAL])
@pytest.mark.parametrize("case", list(GROUPS))
async def test_error(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A call of a client that accepts gzip, which its upstream answers with an error; each in a session of its own.

    The upstream uses the coding whatever the gateway asked for: not all gateways hand on Accept-Encoding. With the errors
    that it does not encode it sets a cookie.
    """
    tool = echo_of(scenario, server)
    _, control = await witnessed(scenario, principal, server, revision, tool)
    for name in GROUPS[case]:
        client = await scenario.client(principal, server, revision)  # a 404 ends the session of the one before
        client.patience, client.changes = patience(scenario), {"Accept-Encoding": "gzip"}
        await settled(client)
        cookie = new_nonce()
        cookies = {"cookies": [f"{cookie}=1; Path=/; Max-Age=1"]}
        habits: dict[str, Any] = {"coding": "gzip", "unasked": True} if name.endswith("-encoded") else cookies
        begin = scenario.here()
        rule = {"method": "tools/call", "action": {"respond": _dated(name)}}
        with upstream_habits(scenario, MEMBER, **habits), scenario.upstream_fault(MEMBER, rule):
            attempts = [await client.call(tool, AWKWARD_VALUES)]
        facts = {"markers": [cookie], "what": "a cookie of the upstream"}
        record(scenario, client, name, attempts, control, since=begin, **facts)
    for status, challenge in CHALLENGES.items():
        client = await scenario.client(principal, server, revision)
        client.patience = patience(scenario)
        await settled(client)
        rule = {"method": "tools/call", "action": {"respond": _error(status, challenge)}}
        with scenario.upstream_fault(MEMBER, rule):
            await client.call(tool, AWKWARD_VALUES)


QUOTES = {
    "json": ("application/json", {"error": "invalid_key", "received": "$credentials"}),
    "text": ("text/plain", '"received": "$credentials"'),
}


def _quoting(form: str) -> dict[str, Any]:
    kind, body = QUOTES[form]
    chunk = {"text": body} if isinstance(body, str) else {"body": body}
    return {"status": 401, "headers": {"Content-Type": kind}, "chunks": [chunk]}


@judged_by("CRED-008", "CRED-011", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("server", "member"), [("web-search", "web-search"), ("desk", "web-search")])
async def test_refused_credential(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """An upstream refuses the configured credential with 401, and quotes it: a call, and each request of a new client.

    The status is 401 only: a gateway may not relay it (TRB-004), and has no reason to show the upstream's text.
    """
    tool = scenario.identities.tool(server, "echo", member)
    client = await scenario.client(principal, server, revision)
    await client.connect()
    await client.call(tool, AWKWARD_VALUES)
    client.patience = patience(scenario)
    for form in QUOTES:
        answer = {"action": {"respond": _quoting(form)}}
        with scenario.upstream_fault(member, {"method": "tools/call", **answer}):
            await client.call(tool, AWKWARD_VALUES)
        begun = await scenario.client(principal, server, revision)
        begun.patience = patience(scenario)
        with scenario.upstream_fault(member, answer):
            await settled(begun)
            await begun.list_tools()
