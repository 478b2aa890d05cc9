"""Override: a request with its own upstream headers."""

import json
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, connected, each_request, within_claims
from gatebench.conformance.scenarios.marks import in_each_era, judged_by, judged_by_cases
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.recording.secrets import digest
from gatebench.fixtures.world.definition import REVISIONS

LEAKS = ("OVR-005", "CRED-001", "CRED-010", "CRED-011")
REFUSED = 6  # more than usual circuit breakers count


@judged_by("OVR-001", "OVR-004", *LEAKS, needs=("header-override",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server"),
    [("alice", "everything"), ("support-bot", "web-search"), ("bob", "mail"), ("support-bot", "mail")],
)
async def test_flat(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """One call with an override, then one without, of the same caller and of another."""
    with scenario.own_credential(principal, server) as credential:
        headers = {**credential, "X-Custom-Header": "custom-value"}
        client = await scenario.client(principal, server, revision, headers=scenario.override(server, headers))
        await client.connect()
        answer = await client.call("whoami")
        scenario.observe("flat-override", exchange=answer.exchange, server=server, headers=headers)
    if server == "mail":
        return
    others = [one for one in ("bob", "carol") if within_claims(scenario, principal=one, server=server)]
    for other in (principal, *others[:1]):
        plain = await scenario.client(other, server, revision)
        await plain.connect()
        later = await plain.call("whoami")
        scenario.observe("without-override", exchange=later.exchange, principal=other, headers=headers)


OVERRIDDEN = "override-on-each-request"


@judged_by_cases([OVERRIDDEN], *LEAKS, needs=("header-override",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("case", "principal", "server"), [(OVERRIDDEN, "alice", "web-search"), (OVERRIDDEN, "bob", "mail")]
)
async def test_each_request(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Each kind of request with an override, in a session that began with the same one."""
    since = scenario.here()
    with scenario.own_credential(principal, server) as credential:
        client = await scenario.client(principal, server, revision, headers=scenario.override(server, credential))
        await client.connect()
        control = await client.call("whoami")
        attempts = await each_request(client)
    headers = [credential] * len(attempts)
    scenario.case(case, *attempts, control=control, since=since, server=server, principal=principal, headers=headers)


@judged_by("OVR-002", "OVR-004", *LEAKS, needs=("header-override",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "workbench"), ("alice", "desk")])
async def test_nested(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """One entry for a member, none for the others."""
    await scenario.consented(principal, server, revision)
    headers = {
        "calculator": {"Authorization": f"Bearer {scenario.new_secret('override', 'override')}", "X-Only": "calculator"}
    }
    client = await scenario.client(principal, server, revision, headers=scenario.override(server, headers))
    await client.connect()
    for member in scenario.identities.members(server):
        answer = await client.call(scenario.identities.tool(server, "whoami", member))
        scenario.observe("nested-override", exchange=answer.exchange, server=server, headers=headers)
    plain = await scenario.client(principal, server, revision)
    await plain.connect()
    later = await plain.call(scenario.identities.tool(server, "whoami", "calculator"))
    scenario.observe("without-override", exchange=later.exchange, principal=principal, headers=headers["calculator"])


@judged_by_cases(["after-refused-overrides"], *LEAKS, needs=("header-override",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("bob", "alice", "web-search"), ("bob", "alice", "mail")])
async def test_refused_by_upstream(
    scenario: Scenario, *, principal: str, other: str, server: str, revision: str
) -> None:
    """The upstream refuses the credential in one caller's overrides, several times; then another caller calls."""
    client = await scenario.consented(principal, server, revision)
    control = await client.call("echo", AWKWARD_VALUES)
    auth, wrong = scenario.bench.world_json["upstreams"][server]["auth"], scenario.new_secret("override", "override")
    header = {auth["header"]: wrong} if auth["model"] == "static" else {"Authorization": f"Bearer {wrong}"}
    refused = await scenario.client(other, server, revision, headers=scenario.override(server, header))
    for _ in range(REFUSED):
        await (refused.call("echo") if refused.modern else refused.connect())
    attempts = [await client.call("echo", AWKWARD_VALUES)]
    further, _ = await connected(scenario, principal, server, revision)
    attempts.append(await further.call("echo", AWKWARD_VALUES))
    scenario.case("after-refused-overrides", *attempts, control=control, server=server, principal=principal)


ONCE_REFUSED = "after-a-refused-override-of-the-caller"


@judged_by_cases([ONCE_REFUSED], *LEAKS, needs=("header-override",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "web-search"), ("bob", "mail")])
async def test_once_refused(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The upstream refuses the credential in a caller's override; then the same caller calls without an override."""
    client = await scenario.consented(principal, server, revision)
    control = await client.call("echo", AWKWARD_VALUES)
    auth, wrong = scenario.bench.world_json["upstreams"][server]["auth"], scenario.new_secret("override", "override")
    header = {auth["header"]: wrong} if auth["model"] == "static" else {"Authorization": f"Bearer {wrong}"}
    refused = await scenario.client(principal, server, revision, headers=scenario.override(server, header))
    await (refused.call("echo") if refused.modern else refused.connect())
    attempts = [await client.call("echo", AWKWARD_VALUES)]
    further, _ = await connected(scenario, principal, server, revision)
    attempts.append(await further.call("echo", AWKWARD_VALUES))
    scenario.case(ONCE_REFUSED, *attempts, control=control, server=server, principal=principal)


REFUSALS = {"override-unauthorized-on-each-request": 401, "override-forbidden-on-each-request": 403}


@judged_by_cases(REFUSALS, *LEAKS, needs=("header-override",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "web-search"), ("bob", "mail"), ("carol", "crm")])
@pytest.mark.parametrize("case", list(REFUSALS))
async def test_each_request_refused(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Each kind of request with an override that the upstream refuses, in a session whose own credential works."""
    client = await scenario.consented(principal, server, revision)
    control = await client.call("whoami")
    auth, value = scenario.bench.world_json["upstreams"][server]["auth"], scenario.new_secret("override", "override")
    name = auth["header"] if auth["model"] == "static" else "Authorization"
    wrong = {name: f"Bearer {value}" if name == "Authorization" else value}
    override, since = scenario.override(server, wrong), scenario.here()
    action = {"status": REFUSALS[case], "headers": {"WWW-Authenticate": 'Bearer realm="upstream"'}, "body": "refused"}
    with scenario.upstream_fault(server, {"token_digest": digest(value), "action": action}):
        further = await scenario.client(principal, server, revision, headers=override)
        handshake = await further.connect()
        client.changes = override
        attempts = [handshake, await client.call("whoami"), *await each_request(client)]
    headers = [wrong] * len(attempts)
    scenario.case(case, *attempts, control=control, since=since, server=server, principal=principal, headers=headers)


BAD_JSON = {
    "malformed JSON": "{not json",
    "no object": '["Authorization"]',
    "a value that is no string": '{"Authorization": {"a": 1}}',
    "a line break in a value": json.dumps({"X-Custom-Header": "a\r\nX-Injected: b"}),
}
BAD_HEADERS = {
    "the Host header": {"Host": "elsewhere.example"},
    "a framing header": {"Content-Length": "3"},
    "a hop-by-hop header": {"Connection": "close"},
}


async def bad_beside_good(
    scenario: Scenario, params: tuple[str, str, str], attribute: str, override: dict[str, str]
) -> None:
    """Send an override that must be refused, and one that is accepted; then the fence."""
    principal, server, revision = params
    fine = scenario.override(server, {"X-Custom-Header": "fine"})
    good = await scenario.client(principal, server, revision, headers=fine)
    await good.connect()
    control = await good.call("whoami")
    bad = await scenario.client(principal, server, revision, headers=override)
    bad.session = good.session
    attempt = await bad.call("whoami")
    scenario.probe("bad override", attempt, control, attribute=attribute, server=server, principal=principal)
    await scenario.fence(good)


@judged_by("OVR-003", "CRED-001", needs=("header-override", "override.json"), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "everything")])
@pytest.mark.parametrize("wrong", list(BAD_JSON), ids=lambda wrong: wrong.replace(" ", "-"))
async def test_bad_json(scenario: Scenario, wrong: str, principal: str, server: str, revision: str) -> None:
    """Values that are not a JSON object of header values."""
    override = {scenario.dialect.override_header: BAD_JSON[wrong]}
    await bad_beside_good(scenario, (principal, server, revision), wrong, override)


@judged_by("OVR-003", "CRED-001", needs=("header-override",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "everything")])
@pytest.mark.parametrize("wrong", list(BAD_HEADERS), ids=lambda wrong: wrong.replace(" ", "-"))
async def test_bad_header(scenario: Scenario, wrong: str, principal: str, server: str, revision: str) -> None:
    """Headers that a caller may not set."""
    override = scenario.override(server, BAD_HEADERS[wrong])
    await bad_beside_good(scenario, (principal, server, revision), wrong, override)


UNKNOWN_MEMBER: dict[str, Any] = {"nowhere": {"X-Custom-Header": "v"}}


@judged_by("OVR-003", "CRED-001", needs=("header-override",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "desk")])
async def test_unknown_member(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """An override for a server that is not a member of the virtual one."""
    override = scenario.override(server, UNKNOWN_MEMBER)
    await bad_on_virtual(scenario, (principal, server, revision), "an unknown member", override)


@judged_by("OVR-003", "CRED-001", needs=("header-override", "override.json"), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "desk")])
async def test_not_nested(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Headers without a member at a virtual server."""
    override = scenario.override(server, {"Authorization": "Bearer x"})
    await bad_on_virtual(scenario, (principal, server, revision), "a flat object on a virtual server", override)


async def bad_on_virtual(
    scenario: Scenario, params: tuple[str, str, str], attribute: str, override: dict[str, str]
) -> None:
    """Send a call with such an override, and one without; then the fence."""
    principal, server, revision = params
    tool = scenario.identities.tool(server, "whoami", "calculator")
    good = await scenario.consented(principal, server, revision)
    control = await good.call(tool)
    bad = await scenario.client(principal, server, revision, headers=override)
    bad.session = good.session
    attempt = await bad.call(tool)
    scenario.probe("bad override", attempt, control, attribute=attribute, server=server, principal=principal)
    await scenario.fence(good, tool)
