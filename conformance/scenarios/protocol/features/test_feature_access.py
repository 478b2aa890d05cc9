"""Resources, prompts and completion for callers with data of their own, and for callers without access."""

import asyncio

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.feature_client import SINGLE, FeatureClient, base_of, feature_client
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases, judged_by_groups
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS

PERSONAL = ("personal-resource", "personal-resource-at-once", "own-credential", "personal-stays-private")
CALLERS = [("alice", "bob", "mail", "mail"), ("alice", "bob", "workbench", "mail")]


@judged_by_groups({"personal": PERSONAL}, *LEAKS, "CRED-005", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server", "member"), CALLERS)
@pytest.mark.parametrize("case", ["personal"])
async def test_personal(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, member: str, revision: str
) -> None:
    """Two users read the resource that is different for each of them: in turn, and at once."""
    del case
    sides = [await feature_client(scenario, one, server, member, revision) for one in (principal, other)]
    uris = [await side.uri("personal") for side in sides]
    shown = None if None in uris else "both"
    marks = {one: f"mailbox of {one}" for one in (principal, other)}

    async def read(side: FeatureClient, uri: str | None) -> McpResponse:
        return await side.client.request("resources/read", {"uri": uri or ""})

    in_turn = [await read(side, uri) for side, uri in zip(sides * 2, uris * 2, strict=True)]
    own = in_turn[0]
    sides[0].case(PERSONAL[0], *in_turn, capability="resources", shown=shown, marks=marks, control=own)
    sides[0].case(PERSONAL[3], *in_turn, capability="resources", shown=shown, control=own)
    at_once = await asyncio.gather(*(read(side, uri) for side, uri in zip(sides * 2, uris * 2, strict=True)))
    sides[0].case(PERSONAL[1], *at_once, capability="resources", shown=shown, marks=marks, control=own)
    others = []
    for side in sides:
        prompt = await side.prompt("test_prompt_with_arguments")
        reference = {"type": "ref/prompt", "name": prompt or ""}
        others += [
            await side.client.request("prompts/get", {"name": prompt or "", "arguments": {"arg1": "a"}}),
            await side.client.request(
                "completion/complete", {"ref": reference, "argument": {"name": "arg1", "value": "a"}}
            ),
            await side.client.request("resources/list"),
        ]
    sides[0].case(PERSONAL[2], *in_turn, *at_once, *others, capability="resources", shown=shown, control=own)


@judged_by_cases(["features-without-access"], "CRED-001", needs=("access-rules",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "control", "server", "member"),
    [
        ("dave", *SINGLE),
        ("dave", "alice", "desk", "web-search"),
        ("intern-bot", "support-bot", "web-search", "web-search"),
    ],
)
async def test_without_access(
    scenario: Scenario, *, principal: str, control: str, server: str, member: str, revision: str
) -> None:
    """A caller without access to the server asks for its resources and prompts; one with access gets them."""
    allowed = await feature_client(scenario, control, server, member, revision)
    uri, prompt = await allowed.uri("static-text"), await allowed.prompt("test_simple_prompt")
    accepted = await allowed.client.request("resources/read", {"uri": uri or ""})
    denied = await scenario.client(principal, server, revision)
    await denied.connect()
    argument = {"name": "id", "value": ""}
    reference = {"type": "ref/resource", "uri": base_of(member) + "template/{id}/data"}
    attempts = [
        await denied.request("resources/list"),
        await denied.request("resources/templates/list"),
        await denied.request("prompts/list"),
        await denied.request("resources/read", {"uri": uri or ""}),
        await denied.request("prompts/get", {"name": prompt or ""}),
        await denied.request("completion/complete", {"ref": reference, "argument": argument}),
    ]
    scenario.case(
        "features-without-access",
        *attempts,
        control=accepted,
        server=server,
        principal=principal,
        capability="resources",
        connected=allowed.connected.exchange,
        renamed=uri is None,
    )
