"""One simple example of every feature, claimed or not: a claimed feature must work, an unclaimed one that works is noted."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gatebench.conformance.requirements.features import FEATURES, NAMED_ADDRESSES
from gatebench.conformance.scenarios.marks import judged_by
from gatebench.fixtures.clients.mcp import new_nonce
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.gateways.adapter import UnsupportedVerbError
from gatebench.fixtures.harness.notes import PrerequisiteError
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, PRINCIPALS, REVISIONS, UPSTREAMS

Example = Callable[[Scenario], Awaitable[dict[str, Any]]]


def _claimed(scenario: Scenario) -> frozenset[str]:
    return scenario.bench.features


def _server(scenario: Scenario) -> str:
    """Return a server of the simplest claimed auth model."""
    for model in ("none", "static", "passthrough"):
        if f"upstream.{model}" in _claimed(scenario):
            return next(name for name, upstream in UPSTREAMS.items() if upstream.model == model)
    return "calculator"


def _principal(scenario: Scenario, *kinds: str) -> str:
    """Return a principal of the first of these kinds that is claimed."""
    chosen = next((kind for kind in kinds if f"caller.{kind}" in _claimed(scenario)), kinds[0])
    return next(name for name, who in PRINCIPALS.items() if who.kind == chosen)


async def _call(scenario: Scenario, principal: str, server: str, headers: dict[str, str] | None = None) -> McpResponse:
    revision = scenario.bench.target.descriptor.claims.revisions[-1]
    if headers is None:
        client = await scenario.consented(principal, server, revision)
    else:
        client = await scenario.client(principal, server, revision, headers=headers)
        await client.connect()
    return await client.call(scenario.identities.tool(server, "whoami"))


def caller(kind: str) -> Example:
    """A caller of this kind is admitted and served."""

    async def example(scenario: Scenario) -> dict[str, Any]:
        principal, server = _principal(scenario, kind), _server(scenario)
        answer = await _call(scenario, principal, server)
        return {"by": "call", "exchange": answer.exchange, "example": f"{principal} calls a tool of {server}"}

    return example


def upstream(model: str, *kinds: str) -> Example:
    """A server of this auth model is reached."""

    async def example(scenario: Scenario) -> dict[str, Any]:
        principal = _principal(scenario, *kinds)
        named = scenario.bench.target.descriptor.claims.servers or UPSTREAMS
        of_model = [name for name, one in UPSTREAMS.items() if one.model == model]
        server = next((name for name in of_model if name in named), of_model[0])
        answer = await _call(scenario, principal, server)
        return {"by": "call", "exchange": answer.exchange, "example": f"{principal} calls a tool of {server}"}

    return example


async def access_rules(scenario: Scenario) -> dict[str, Any]:
    """A caller without access is refused."""
    server = _server(scenario)
    answer = await _call(scenario, "dave", server, headers={})
    return {
        "by": "refusal",
        "exchange": answer.exchange,
        "example": f"dave, who may use nothing, is refused at {server}",
    }


async def virtual_servers(scenario: Scenario) -> dict[str, Any]:
    """A virtual server lists tools."""
    principal, revision = (
        _principal(scenario, "user", "external"),
        scenario.bench.target.descriptor.claims.revisions[-1],
    )
    server = "workbench" if "upstream.oauth" in _claimed(scenario) else "desk"
    client = await scenario.consented(principal, server, revision)
    answer = await client.list_tools()
    return {"by": "list", "exchange": answer.exchange, "example": f"{server} lists tools"}


async def sessions(scenario: Scenario) -> dict[str, Any]:
    """The response to a handshake has a session id."""
    revisions = scenario.bench.target.descriptor.claims.revisions
    revision = next((one for one in revisions if one in LEGACY_REVISIONS), LEGACY_REVISIONS[-1])
    principal, server = _principal(scenario, "user", "virtual-account", "external"), _server(scenario)
    client = await scenario.client(principal, server, revision)
    answer = await client.connect()
    return {
        "by": "session",
        "exchange": answer.exchange,
        "example": f"{server} gives a session id, revision {revision}",
    }


async def header_override(scenario: Scenario) -> dict[str, Any]:
    """A header of an override arrives."""
    value, server = new_nonce(), _server(scenario)
    override = scenario.override(server, {"X-Custom-Header": value})
    answer = await _call(
        scenario, _principal(scenario, "user", "virtual-account", "external"), server, headers=override
    )
    shown = {"by": "header", "header": "X-Custom-Header", "value": value}
    return {**shown, "exchange": answer.exchange, "example": f"X-Custom-Header of an override arrives at {server}"}


def verb(example: str, use: Callable[[Scenario], None]) -> Example:
    """The adapter supports the verb. It changes the gateway, so it runs only if the feature is claimed."""

    async def shown(scenario: Scenario) -> dict[str, Any]:
        try:
            use(scenario)
        except UnsupportedVerbError as error:
            return {"by": "verb", "supported": False, "detail": f"no such verb: {error}", "example": example}
        return {"by": "verb", "supported": True, "example": example}

    return shown


def _issue_and_revoke(scenario: Scenario) -> None:
    scenario.verbs.revoke_token(scenario.new_gateway_token("alice"))


def _grant_and_withdraw(scenario: Scenario) -> None:
    scenario.verbs.grant("dave", "everything")
    scenario.verbs.withdraw("dave", "everything")


EXAMPLES: dict[str, Example] = {
    "caller.user": caller("user"),
    "caller.virtual-account": caller("virtual-account"),
    "caller.external": caller("external"),
    "upstream.none": upstream("none", "user", "virtual-account", "external"),
    "upstream.static": upstream("static", "virtual-account", "user", "external"),
    "upstream.oauth": upstream("oauth", "user", "external"),
    "upstream.passthrough": upstream("passthrough", "external"),
    "access-rules": access_rules,
    "virtual-servers": virtual_servers,
    "header-override": header_override,
    "sessions": sessions,
    "token-revocation": verb("a token is issued and revoked", _issue_and_revoke),
    "runtime-grants": verb("access is granted and withdrawn", _grant_and_withdraw),
    "consent-withdrawal": verb("a stored consent is dropped", lambda s: s.verbs.forget_consent("alice", "mail")),
}
CHANGING = ("token-revocation", "runtime-grants", "consent-withdrawal")


@judged_by("CLM-001")
@pytest.mark.parametrize("feature", list(EXAMPLES))
async def test_feature(scenario: Scenario, feature: str) -> None:
    """Run the example, also if unclaimed, unless it changes the gateway or shows nothing at a single address."""
    hidden = feature in CHANGING or NAMED_ADDRESSES not in _claimed(scenario)
    if feature not in _claimed(scenario) and hidden:
        return
    try:
        shown = await EXAMPLES[feature](scenario)
    except PrerequisiteError as error:
        shown = {"by": "nothing", "detail": str(error), "example": FEATURES[feature]}
    scenario.observe("feature", feature=feature, claimed=feature in _claimed(scenario), **shown)


@judged_by("CLM-001")
@pytest.mark.parametrize("spoken", REVISIONS)
async def test_revision(scenario: Scenario, spoken: str) -> None:
    """The first request of a client of each revision."""
    client = await scenario.client(
        _principal(scenario, "user", "virtual-account", "external"), _server(scenario), spoken
    )
    answer = await client.connect()
    scenario.observe(
        "feature",
        feature=f"revision {spoken}",
        claimed=spoken in scenario.bench.target.descriptor.claims.revisions,
        by="revision",
        revision=spoken,
        exchange=answer.exchange,
        example=f"a client of {spoken} connects",
    )
