"""A user's own server behind the gateway (`--upstream`): handshake, lists, calls, errors, credentials, access."""

from collections.abc import Sequence
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.marks import judged_by_groups
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import OWN_UPSTREAM, REVISIONS
from gatebench.fixtures.world.own_upstream.model import OwnCall

LISTS = {
    "own-tools": ("tools/list", "tools", "name"),
    "own-resources": ("resources/list", "resources", "uri"),
    "own-templates": ("resources/templates/list", "resourceTemplates", "uriTemplate"),
    "own-prompts": ("prompts/list", "prompts", "name"),
}
"""Method, member of the result, and what identifies an entry."""
CAPABILITIES = {"own-resources": "resources", "own-templates": "resources", "own-prompts": "prompts"}
CONNECTED = ("own-handshake", "own-capabilities", "own-instructions", *LISTS)
CALLED = ("own-calls", "own-arguments", "own-unknown-tool", "own-token", "own-configured-header")
GROUPS = {"connected": CONNECTED, "called": CALLED}
MOST_PAGES = 100
END_SECONDS = 2.0  # for the end of a server that no longer answers: its supervisor reports it a moment later
NO_CREDENTIAL = ("Authorization", "Proxy-Authorization", "Cookie")


@judged_by_groups(GROUPS, *LEAKS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", OWN_UPSTREAM)])
@pytest.mark.parametrize("case", list(GROUPS))
async def test_own_upstream(scenario: Scenario, *, case: str, principal: str, server: str, revision: str) -> None:
    """The server directly and through the gateway: its handshake and its lists, or the calls that its description names."""
    direct = await scenario.client_of_upstream(principal, server, revision)
    original = await direct.connect()
    if reason := _not_served(scenario, original, revision):
        for name in GROUPS[case]:
            scenario.case(name, original, inapplicable=reason, server=server, principal=principal)
        return
    client = await scenario.client(principal, server, revision)
    connected = await client.connect()
    if case == "connected":
        facts: dict[str, Any] = {"original": [original.exchange], "server": server, "principal": principal}
        for name in ("own-handshake", "own-capabilities", "own-instructions"):
            scenario.case(name, connected, **facts)
        for name in LISTS:
            await _list(scenario, name, connected, (client, direct), principal)
        return
    _require_tools(scenario, await direct.pages("tools/list", MOST_PAGES))
    await _calls(scenario, client, principal)


def _not_served(scenario: Scenario, original: McpResponse, revision: str) -> str:
    """Return why the server itself is not asked in this revision; empty if it is. Raise OwnServerError if it does not answer."""
    if original.status == 0 or original.status in (401, 403) or original.status >= 500:
        own = scenario.bench.world.own
        assert own is not None
        # A server that answered 401 or 403 is alive.
        own.check(0 if original.status in (401, 403) else END_SECONDS)
        status = f"status {original.status}" if original.status else original.error_text
        said = " ".join(scenario.bench.secrets.redact(original.body).split())[:100]
        raise own.described.error(
            "call", f"the server itself does not answer ({status}, {said}); see why, and run again"
        )
    chosen = original.result.get("protocolVersion", revision)
    if "result" not in original.answer or chosen != revision:
        return f"the server itself does not serve {revision}"
    return ""


async def _list(
    scenario: Scenario, name: str, connected: McpResponse, clients: tuple[McpClient, McpClient], principal: str
) -> None:
    """Fetch all pages of a list from the server, through the gateway, and once more from the server."""
    method, key, identity = LISTS[name]
    client, direct = clients
    original = await direct.pages(method, MOST_PAGES)
    listed = await client.pages(method, MOST_PAGES)
    entries = _entries(original, key)
    facts: dict[str, Any] = {"key": key, "identity": identity, "member": OWN_UPSTREAM}
    if not entries:
        facts["inapplicable"] = f"the server itself lists no {key}"
    elif _entries(await direct.pages(method, MOST_PAGES), key) != entries:
        facts["inapplicable"] = f"the server itself lists other {key} each time"
    if capability := CAPABILITIES.get(name):
        facts |= {"capability": capability, "connected": connected.exchange}
    exchanges = [page.exchange for page in original]
    scenario.case(name, *listed, original=exchanges, server=OWN_UPSTREAM, principal=principal, **facts)


def _entries(pages: Sequence[McpResponse], key: str) -> list[Any]:
    return [entry for page in pages for entry in page.result.get(key) or []]


def _require_tools(scenario: Scenario, pages: Sequence[McpResponse]) -> None:
    """Raise OwnServerError if the description names a tool that the server does not list."""
    names = [str(tool.get("name")) for tool in _entries(pages, "tools") if isinstance(tool, dict)]
    own = scenario.bench.world.own
    if own is None or not names:
        return
    for call in own.described.upstream.call:
        if call.tool not in names:
            raise own.described.error(
                "call", f"the server lists no tool {call.tool!r}; available: {', '.join(sorted(names)[:10])}"
            )


def described_calls(scenario: Scenario) -> list[OwnCall]:
    """Return the calls that the description of the server names."""
    own = scenario.bench.world.own
    return list(own.described.upstream.call) if own else []


async def _call(client: McpClient, tool: str, arguments: dict[str, Any]) -> McpResponse:
    """Call a tool; the nonce is in `_meta` only: a user's tool takes no such argument."""
    return await client.request("tools/call", {"name": client.named(tool), "arguments": arguments})


async def _calls(scenario: Scenario, client: McpClient, principal: str) -> None:
    """Call each described tool, and one that does not exist."""
    begin, server = scenario.here(), OWN_UPSTREAM
    calls = described_calls(scenario)
    answers = [await _call(client, call.tool, call.arguments) for call in calls]
    unknown = await _call(client, "gatebench-no-such-tool", {})
    who: dict[str, Any] = {"server": server, "principal": principal}
    scenario.case("own-calls", *answers, **who)
    given = [answer for answer, call in zip(answers, calls, strict=True) if call.arguments]
    nothing: dict[str, Any] = {} if given else {"inapplicable": "no described call has arguments"}
    scenario.case("own-arguments", *(given or answers), **who, **nothing)
    scenario.case("own-unknown-tool", unknown, **who)
    redact = scenario.bench.secrets.redact
    label = redact(scenario.identities.token(principal)).rstrip("»")
    scenario.case(
        "own-token", *answers, unknown, since=begin, markers=[label], what="the caller's gateway token", **who
    )
    auth = scenario.bench.world_json["upstreams"][server]["auth"]
    expected: dict[str, str | None] = dict.fromkeys(NO_CREDENTIAL)
    if auth["model"] == "static":
        expected = {name: None for name in NO_CREDENTIAL if name.lower() != auth["header"].lower()}
        expected[auth["header"]] = redact(auth["value"])
    scenario.case("own-configured-header", *answers, headers=[expected] * len(answers), **who)


@judged_by_groups({"without-access": ["own-without-access"]}, "CRED-001", needs=("access-rules",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "control"), [("dave", OWN_UPSTREAM, "alice")])
@pytest.mark.parametrize("case", ["without-access"])
async def test_without_access(
    scenario: Scenario, *, case: str, principal: str, server: str, control: str, revision: str
) -> None:
    """Each described call by a caller who may not use the server, and by one who may."""
    del case
    who: dict[str, Any] = {"server": server, "principal": principal}
    direct = await scenario.client_of_upstream(control, server, revision)
    original = await direct.connect()
    if reason := _not_served(scenario, original, revision):
        scenario.case("own-without-access", original, inapplicable=reason, **who)
        return
    allowed = await scenario.client(control, server, revision)
    await allowed.connect()
    listed = await allowed.list_tools()
    denied = await scenario.client(principal, server, revision)
    await denied.connect()
    attempts = [await _call(denied, call.tool, call.arguments) for call in described_calls(scenario)]
    scenario.case("own-without-access", *attempts, control=listed, **who)
