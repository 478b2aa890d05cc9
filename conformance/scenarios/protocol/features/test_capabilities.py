"""What servers announce, and methods that they do not have."""

from typing import Any

import pytest

from gatebench.conformance.scenarios.feature_client import OF_TOOLS, SERVERS, FeatureClient, base_of, feature_client
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases, judged_by_groups, modern
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, REVISIONS, UPSTREAMS

NOT_CONFIGURED = "the gateway is not configured with this server"
ANNOUNCED = {
    "announced-resources": ("resources", ("resources/list", "resources/templates/list")),
    "announced-prompts": ("prompts", ("prompts/list",)),
}
ABSENT = {
    "absent-resources": ("resources", ("resources/list", "resources/templates/list", "resources/read")),
    "absent-prompts": ("prompts", ("prompts/list", "prompts/get")),
    "absent-completion": ("completions", ("completion/complete",)),
}
OF_A_SERVER = ["server-capabilities", "server-instructions", *ANNOUNCED, "announced-completion"]
PARAMS: dict[str, dict[str, Any]] = {
    "resources/read": {"uri": f"{base_of('web-search')}static-text"},
    "prompts/get": {"name": "test_simple_prompt"},
    "completion/complete": {
        "ref": {"type": "ref/prompt", "name": "test_prompt_with_arguments"},
        "argument": {"name": "arg1", "value": "a"},
    },
}


async def _originals(here: FeatureClient, revision: str) -> list[McpResponse]:
    """Connect to each upstream behind the server directly."""
    members = here.scenario.identities.members(here.server)
    clients = [await here.scenario.client_of_upstream(here.principal, one, revision) for one in members]
    return [await client.connect() for client in clients]


@judged_by_groups({"server": OF_A_SERVER}, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), [*SERVERS, *OF_TOOLS])
@pytest.mark.parametrize("case", ["server"])
async def test_announced(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, revision: str
) -> None:
    """The handshake through the gateway and with each upstream; then the methods of each capability."""
    del case
    here = await feature_client(scenario, principal, server, member, revision)
    if not here.configured:
        for name in OF_A_SERVER:
            scenario.case(name, here.connected, server=server, principal=principal, inapplicable=NOT_CONFIGURED)
        return
    original = [one.exchange for one in await _originals(here, revision)]
    facts: dict[str, Any] = {"control": here.connected, "original": original}
    scenario.case("server-capabilities", here.connected, server=server, principal=principal, **facts)
    own = original if here.alone else []
    scenario.case("server-instructions", here.connected, server=server, principal=principal, original=own)
    has = UPSTREAMS[member].application == "features"
    for name, (capability, methods) in ANNOUNCED.items():
        answers = [await here.client.request(method) for method in methods]
        here.case(name, *answers, capability=capability, has=has)
    prompt = await here.prompt("test_prompt_with_arguments") if has else "any"
    params = PARAMS["completion/complete"] | {"ref": {"type": "ref/prompt", "name": prompt or ""}}
    answer = await here.client.request("completion/complete", params)
    here.case("announced-completion", answer, capability="completions", shown=prompt if has else None, has=has)


@judged_by_groups({"absent": ABSENT}, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), OF_TOOLS)
@pytest.mark.parametrize("case", ["absent"])
async def test_absent(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, revision: str
) -> None:
    """Methods of features that the upstream does not have, about resources and prompts of another server."""
    del case
    here = await feature_client(scenario, principal, server, member, revision)
    for name, (capability, methods) in ABSENT.items():
        if not here.configured:
            scenario.case(name, here.connected, server=server, principal=principal, inapplicable=NOT_CONFIGURED)
            continue
        answers = [await here.client.request(method, PARAMS.get(method)) for method in methods]
        scenario.case(
            name,
            *answers,
            server=server,
            principal=principal,
            control=here.connected,
            connected=here.connected.exchange,
            lacks=capability,
        )


@judged_by_cases(["unknown-method"], {"STL-003": modern}, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS[:2])
async def test_unknown_method(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """A method that no revision defines."""
    here = await feature_client(scenario, principal, server, member, revision)
    answer = await here.client.request("gatebench/unknown", {"a": 1})
    scenario.case("unknown-method", answer, server=server, principal=principal)


UNKNOWN = (
    "unknown-resource",
    "unknown-prompt",
    "unknown-cursor",
    "unknown-cursor-of-templates",
    "unknown-cursor-of-prompts",
)


@judged_by_cases(["unknown-log-level"], thorough=in_each_era)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS[:2])
async def test_unknown_log_level(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """Log levels that the protocol does not define: one that other systems have, and one in another spelling."""
    here = await feature_client(scenario, principal, server, member, revision)
    answers = [await here.client.request("logging/setLevel", {"level": level}) for level in ("verbose", "Info")]
    here.case("unknown-log-level", *answers, capability="logging")


@judged_by_groups(
    {"unknown": [*UNKNOWN, *(f"{name}-relayed" for name in UNKNOWN)]}, {"STL-005": modern}, thorough=in_each_era
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS[:2])
@pytest.mark.parametrize("case", ["unknown"])
async def test_unknown(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, revision: str
) -> None:
    """A resource, a prompt and cursors of each list that do not exist."""
    del case
    here = await feature_client(scenario, principal, server, member, revision)
    asked = {
        UNKNOWN[0]: ("resources/read", {"uri": f"{base_of(member)}nothing%20here"}, "resources"),
        UNKNOWN[1]: ("prompts/get", {"name": scenario.identities.tool(server, "nothing", member)}, "prompts"),
        UNKNOWN[2]: ("resources/list", {"cursor": "nothing"}, "resources"),
        UNKNOWN[3]: ("resources/templates/list", {"cursor": "nothing"}, "resources"),
        UNKNOWN[4]: ("prompts/list", {"cursor": "nothing"}, "prompts"),
    }
    for name, (method, params, capability) in asked.items():
        answer = await here.client.request(method, params)
        here.case(name, answer, capability=capability)
        # A virtual server answers for itself.
        here.case(f"{name}-relayed", answer, capability=capability, shown="" if here.alone else None)
