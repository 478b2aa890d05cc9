"""What the gateway's requests to authorization servers carry: resource, scope, and the scopes that an upstream demands later."""

from typing import Any
from urllib.parse import parse_qs

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.consent import authorization_steps as steps
from gatebench.conformance.scenarios.marks import Params, in_each_era, judged_by_cases
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness import oauth_conditions
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.grants import access_token_digests, rejected_tokens
from gatebench.fixtures.protocol.urls import split_url
from gatebench.fixtures.world.definition import REVISIONS

FURTHER = ("calendar.write", "calendar.share")
LAST = "calendar.invite"
UNHEARD, WITHHELD, FORM = "calendar.delete", "calendar.purge", "calendar.color"  # each demanded in one scenario alone


def _knows_documents(params: Params) -> bool:
    return bool(params["revision"] != REVISIONS[0])


@judged_by_cases(
    ["resource-required"],
    "ASM-022",
    "ASM-033",
    {"CID-010": _knows_documents},
    "CONS-004",
    *LEAKS,
    needs=("consent-withdrawal",),
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [("resource-required", "alice", "calendar")])
async def test_every_request(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Consent, a call and a refresh at an authorization server that refuses requests without a resource."""
    configured = steps.settings_of(scenario, server)
    common: dict[str, Any] = {"since": scenario.here(), "server": server, "principal": principal}
    with (
        scenario.idp_settings(steps.issuer_of(server), require_resource=True),
        oauth_conditions.required_scopes(scenario.bench, server, configured["scope"]),
    ):
        attempt = await steps.consent_and_call(scenario, principal, server, revision, refreshed=True)
    scenario.case(case, attempt, expected=configured["resource"], **common)
    scenario.case("scope-of-each-request", attempt, expected=configured["scope"], **common)
    client_id = scenario.bench.world_json["upstreams"][server]["auth"]["client_id"]
    scenario.case("client-configured", attempt, control=attempt, expected=client_id, **common)


@judged_by_cases(["scope-demanded-later"], "ASM-026", "ASM-027", "ASM-032", *LEAKS, needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [("scope-demanded-later", "alice", "calendar")])
async def test_step_up(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The upstream demands a further scope (403), which the user may grant, then others in its place, then none.

    The token with the last one is expired on arrival, so that it has to be refreshed.
    """
    granted = steps.settings_of(scenario, server)["scope"]
    control = await steps.consent_and_call(scenario, principal, server, revision)
    common: dict[str, Any] = {"control": control, "server": server, "principal": principal}
    scopes, urls = [granted], list[str]()
    for further in FURTHER:
        since = scenario.here()
        scopes.append(further)
        with oauth_conditions.required_scopes(scenario.bench, server, granted, further):
            answer = await steps.call(scenario, principal, server, revision)
            urls = scenario.urls(answer)
            scenario.case("scope-demanded", answer, since=since, scopes=scopes, **common)
            if not urls:
                break
            since = scenario.here()
            await steps.follow(scenario, principal, urls)
            answer = await steps.call(scenario, principal, server, revision)
            for name in ("scope-granted", case):
                scenario.case(name, answer, since=since, scopes=scopes, **common)
    since, refreshed = scenario.here(), list[McpResponse]()
    with oauth_conditions.required_scopes(scenario.bench, server, granted, LAST):
        if urls and (urls := scenario.urls(await steps.call(scenario, principal, server, revision))):
            await steps.follow_expired(scenario, principal, server, urls)
            refreshed.append(await steps.call(scenario, principal, server, revision))
    scenario.case("scope-after-refresh", *refreshed, since=since, **common)
    since = scenario.here()
    attempt = await steps.call(scenario, principal, server, revision)
    scenario.case(case, attempt, since=since, **common)


CHALLENGES = {
    "demand-with-the-scheme-in-lower-case": 'bearer error="insufficient_scope", scope="{scope}"',
    "demand-with-the-scope-first": 'Bearer scope="{scope}", error="insufficient_scope"',
    "demand-behind-another-challenge": 'Basic realm="calendar, write", Bearer error="insufficient_scope", scope="{scope}"',
}


@judged_by_cases(CHALLENGES, *LEAKS, needs=("consent-withdrawal",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calendar")])
@pytest.mark.parametrize("case", list(CHALLENGES))
async def test_challenge(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The upstream demands a further scope in the usual form, and then in another form of challenge.

    A gateway need not ask the user for a further scope: the other form counts if it asks after the usual one.
    """
    granted = steps.settings_of(scenario, server)["scope"]
    await steps.consent_and_call(scenario, principal, server, revision)
    with oauth_conditions.required_scopes(scenario.bench, server, granted, FORM):
        control = await steps.call(scenario, principal, server, revision)
    await steps.consent_and_call(scenario, principal, server, revision)
    since, asks = scenario.here(), bool(scenario.urls(control))
    headers = {"WWW-Authenticate": CHALLENGES[case].format(scope=f"{granted} {FORM}")}
    with scenario.upstream_fault(server, {"action": {"status": 403, "headers": headers}}):
        attempt = await steps.call(scenario, principal, server, revision)
    facts = {} if asks else {"inapplicable": "the gateway does not ask the user for a further scope"}
    scenario.case(case, attempt, control=control, since=since, server=server, principal=principal, **facts)
    await steps.consent_and_call(scenario, principal, server, revision)


MEANWHILE = "refresh-while-a-scope-is-demanded"


@judged_by_cases([MEANWHILE], *LEAKS, needs=("consent-withdrawal",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [(MEANWHILE, "alice", "calendar")])
async def test_refreshed_meanwhile(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The upstream demands a further scope, the user has not answered, and the token is refreshed for another call."""
    granted = steps.settings_of(scenario, server)["scope"]
    _, urls = await steps.begin(scenario, principal, server, revision)
    asked = await _asked_scopes(scenario, principal, urls)
    control = await steps.call(scenario, principal, server, revision)
    with oauth_conditions.required_scopes(scenario.bench, server, granted, UNHEARD):
        await steps.call(scenario, principal, server, revision)
    since, rejected = scenario.here(), await access_token_digests(scenario, principal, server)
    with rejected_tokens(scenario, server, rejected):
        attempt = await steps.call(scenario, principal, server, revision)
    allowed = [*granted.split(), "offline_access", *asked]
    facts: dict[str, Any] = {"server": server, "principal": principal, "allowed": allowed}
    scenario.case(case, attempt, control=control, since=since, **facts)


OF_ANOTHER = "scope-demanded-of-another-user"


@judged_by_cases([OF_ANOTHER], *LEAKS, needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "other", "server"), [(OF_ANOTHER, "alice", "bob", "calendar")])
async def test_demanded_of_another(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """Two users consent, the upstream demands a further scope of one, and the other one consents anew."""
    granted = steps.settings_of(scenario, server)["scope"]
    control = await steps.consent_and_call(scenario, principal, server, revision)
    _, urls = await steps.begin(scenario, other, server, revision)
    allowed = await _asked_scopes(scenario, other, urls)
    with oauth_conditions.required_scopes(scenario.bench, server, granted, WITHHELD):
        await steps.call(scenario, principal, server, revision)
    _, urls = await steps.begin(scenario, other, server, revision)
    since = scenario.here()
    await steps.follow(scenario, other, urls)
    attempt = await steps.call(scenario, other, server, revision)
    facts: dict[str, Any] = {"server": server, "principal": other, "allowed": [*granted.split(), *allowed]}
    scenario.case(case, attempt, control=control, since=since, **facts)


async def _asked_scopes(scenario: Scenario, principal: str, urls: list[str]) -> list[str]:
    """Follow links to consent, and return the scopes that the authorization requests name."""
    visits = await steps.follow(scenario, principal, urls)
    asked = [parse_qs(split_url(url).query).get("scope", []) for visit in visits for url in visit.urls]
    return [word for found in asked for text in found for word in text.split()]


@judged_by_cases(["client-refused"], *LEAKS, needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [("client-refused", "alice", "calendar")])
async def test_client_refused(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The authorization server does not accept the client when it redeems the code, as with a secret that has expired."""
    issuer = steps.issuer_of(server)
    refusal = {
        "issuer": issuer,
        "endpoint": "token",
        "grant": "authorization_code",
        "action": {"error": "invalid_client"},
    }
    since = scenario.here()
    with scenario.idp_fault(refusal):
        _, urls = await steps.begin(scenario, principal, server, revision)
        await steps.follow(scenario, principal, urls)
        await steps.call(scenario, principal, server, revision)
    attempt = await steps.consent_and_call(scenario, principal, server, revision)
    scenario.case(case, attempt, since=since, server=server, principal=principal)
