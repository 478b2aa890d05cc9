"""Override: a request that brings its own upstream headers."""

import json
from typing import Any

import pytest

from conformance.suite import judged_by
from fixtures.scenario import Scenario
from fixtures.standard import REVISIONS

LEAKS = ("OVR-005", "CRED-001", "CRED-010", "CRED-011")


@judged_by("OVR-001", "OVR-004", *LEAKS, needs=("header-override",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "server"), [("alice", "everything"), ("support-bot", "web-search"), ("bob", "mail")]
)
async def test_flat(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """One call with an override, then one without, of the same caller and of another."""
    name = "X-API-Key" if server == "web-search" else "Authorization"
    headers = {name: f"Bearer {scenario.new_secret('override', 'override')}", "X-Custom-Header": "custom-value"}
    client = await scenario.client(principal, server, revision, headers=scenario.override(headers))
    await client.connect()
    answer = await client.call("whoami")
    scenario.observe("flat-override", exchange=answer.exchange, server=server, headers=headers)
    if server == "mail":
        return
    for other in (principal, "carol"):
        plain = await scenario.client(other, server, revision)
        await plain.connect()
        later = await plain.call("whoami")
        scenario.observe("without-override", exchange=later.exchange, principal=other, headers=headers)


@judged_by("OVR-002", "OVR-004", *LEAKS, needs=("header-override",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "workbench")])
async def test_nested(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """One entry for a member, none for the others."""
    await scenario.consented(principal, server, revision)
    headers = {
        "calculator": {"Authorization": f"Bearer {scenario.new_secret('override', 'override')}", "X-Only": "calculator"}
    }
    client = await scenario.client(principal, server, revision, headers=scenario.override(headers))
    await client.connect()
    for member in scenario.bench.members(server):
        answer = await client.call(scenario.bench.tool(server, "whoami", member))
        scenario.observe("nested-override", exchange=answer.exchange, server=server, headers=headers)
    plain = await scenario.client(principal, server, revision)
    await plain.connect()
    later = await plain.call(scenario.bench.tool(server, "whoami", "calculator"))
    scenario.observe("without-override", exchange=later.exchange, principal=principal, headers=headers["calculator"])


BAD_FLAT: dict[str, Any] = {
    "malformed JSON": "{not json",
    "no object": '["Authorization"]',
    "a value that is no string": json.dumps({"Authorization": {"a": 1}}),
    "the Host header": json.dumps({"Host": "elsewhere.example"}),
    "a framing header": json.dumps({"Content-Length": "3"}),
    "a hop-by-hop header": json.dumps({"Connection": "close"}),
    "a line break in a value": json.dumps({"X-Custom-Header": "a\r\nX-Injected: b"}),
}


@judged_by("OVR-003", "CRED-001", needs=("header-override",))
@pytest.mark.parametrize("revision", REVISIONS[1:])
@pytest.mark.parametrize(("principal", "server"), [("alice", "everything")])
@pytest.mark.parametrize("wrong", list(BAD_FLAT), ids=lambda wrong: wrong.replace(" ", "-"))
async def test_bad_flat(scenario: Scenario, wrong: str, principal: str, server: str, revision: str) -> None:
    """An override that must not be obeyed, beside one that is."""
    good = await scenario.client(principal, server, revision, headers=scenario.override({"X-Custom-Header": "fine"}))
    await good.connect()
    control = await good.call("whoami")
    name = scenario.bench.target.descriptor.dialect.override_header
    bad = await scenario.client(principal, server, revision, headers={name: BAD_FLAT[wrong]})
    bad.session = good.session
    attempt = await bad.call("whoami")
    scenario.probe("bad override", attempt, control, attribute=wrong, server=server, principal=principal)
    await scenario.fence(good)


@judged_by("OVR-003", "CRED-001", needs=("header-override",))
@pytest.mark.parametrize("revision", REVISIONS[1:])
@pytest.mark.parametrize(("principal", "server"), [("alice", "workbench")])
@pytest.mark.parametrize("wrong", ["an unknown member", "a flat object on a virtual server"])
async def test_bad_nested(scenario: Scenario, wrong: str, principal: str, server: str, revision: str) -> None:
    """A nested override that names nobody's server, or is not nested at all."""
    override = {"nowhere": {"X-Custom-Header": "v"}} if wrong == "an unknown member" else {"Authorization": "Bearer x"}
    tool = scenario.bench.tool(server, "whoami", "calculator")
    good = await scenario.consented(principal, server, revision)
    control = await good.call(tool)
    bad = await scenario.client(principal, server, revision, headers=scenario.override(override))
    bad.session = good.session
    attempt = await bad.call(tool)
    scenario.probe("bad override", attempt, control, attribute=wrong, server=server, principal=principal)
    await scenario.fence(good, tool)
