"""Authorization responses: `iss`, errors, parameters that the gateway does not know, and responses to no request."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.consent import authorization_steps as steps
from gatebench.conformance.scenarios.consent import flows
from gatebench.conformance.scenarios.marks import in_the_newest, judged_by, judged_by_cases
from gatebench.fixtures.clients.mcp import new_nonce
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import MODERN_REVISION, REVISIONS

# Case: upstream, and `iss` made from the right one. The issuer of `oidc-only` promises none.
WRONG_ISS: dict[str, tuple[str, Callable[[str], str | None]]] = {
    "iss-missing": ("calendar", lambda _: None),
    "iss-of-another": ("calendar", lambda issuer: issuer.replace("calendar-as", "rogue")),
    "iss-with-a-slash": ("calendar", lambda issuer: f"{issuer}/"),
    "iss-in-another-case": ("calendar", lambda issuer: issuer.replace("http:", "HTTP:")),
    "iss-of-a-longer-path": ("calendar", lambda issuer: f"{issuer}/v2"),
    "iss-without-its-path": ("calendar", lambda issuer: issuer.rpartition("/")[0]),
    "iss-not-promised-and-wrong": ("oidc-only", lambda issuer: issuer.replace("oidc-only-as", "rogue")),
}
EXTRAS = {"session_state": "5f1c.2", "scope": "calendar openid", "authuser": "0", "prompt": "none"}
ERRORS = ("access_denied", "temporarily_unavailable", "server_error")
NO_URL = "there is no authorization URL to visit"
CASES = {f"error-{error.replace('_', '-')}": error for error in ERRORS}


@judged_by_cases(WRONG_ISS, *LEAKS, needs=("consent-withdrawal",), thorough=in_the_newest)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("case", "server"), [(case, server) for case, (server, _) in WRONG_ISS.items()])
async def test_wrong_iss(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A response whose `iss` is missing or wrong, after one that was right."""
    control = await steps.consent_and_call(scenario, principal, server, revision)
    iss = WRONG_ISS[case][1](steps.settings_of(scenario, server)["issuer"])
    with scenario.idp_settings(steps.issuer_of(server), callback={"iss": iss}):
        _, urls = await steps.begin(scenario, principal, server, revision)
        scenario.require(urls, NO_URL)
        since = scenario.here()
        await steps.follow(scenario, principal, urls)
        attempt = await steps.call(scenario, principal, server, revision)
    scenario.case(case, attempt, control=control, since=since, server=server, principal=principal)


@judged_by("ASM-014", *LEAKS, needs=("consent-withdrawal",), thorough=in_the_newest)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize(("principal", "server"), [("alice", "calendar")])
async def test_error_of_another_issuer(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """An error response with the wrong `iss`: its text comes from an unknown server."""
    text = f"call-{new_nonce()}"
    error = {"code": None, "error": "access_denied", "error_description": text, "error_uri": f"http://127.0.0.1/{text}"}
    other = steps.settings_of(scenario, server)["issuer"].replace("calendar-as", "rogue")
    with scenario.idp_settings(steps.issuer_of(server), callback={**error, "iss": other}):
        _, urls = await steps.begin(scenario, principal, server, revision)
        scenario.require(urls, NO_URL)
        since = scenario.here()
        await steps.follow(scenario, principal, urls)
    await steps.call(scenario, principal, server, revision)
    scenario.observe("foreign-error", text=text, server=server, **{"from": since, "to": scenario.here()})


@judged_by_cases(["unknown-parameters"], *LEAKS, needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [("unknown-parameters", "alice", "calendar")])
async def test_unknown_parameters(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A response with parameters that the gateway does not know."""
    since = scenario.here()
    with scenario.idp_settings(steps.issuer_of(server), callback=EXTRAS):
        attempt = await steps.consent_and_call(scenario, principal, server, revision)
    scenario.case(case, attempt, since=since, server=server, principal=principal)


@judged_by_cases(CASES, "ASM-017", "ASM-023", "ASM-046", *LEAKS, needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calendar")])
@pytest.mark.parametrize("case", list(CASES))
async def test_error_response(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """An error response to the gateway's own request; then the user consents after all."""
    control = await steps.consent_and_call(scenario, principal, server, revision)
    changes: dict[str, Any] = {"code": None, "error": CASES[case]}
    with scenario.idp_settings(steps.issuer_of(server), callback=changes):
        _, urls = await steps.begin(scenario, principal, server, revision)
        scenario.require(urls, NO_URL)
        since = scenario.here()
        await steps.follow(scenario, principal, urls)
        refused = await steps.call(scenario, principal, server, revision)
    common: dict[str, Any] = {"control": control, "server": server, "principal": principal}
    scenario.case(case, refused, since=since, **common)
    since = scenario.here()
    await steps.follow(scenario, principal, scenario.urls(refused))
    attempt = await steps.call(scenario, principal, server, revision)
    scenario.case("consent-after-an-error", attempt, since=since, **common)


@judged_by_cases(["stray-error"], *LEAKS, needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [("stray-error", "alice", "calendar")])
async def test_stray_error(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """While a consent is under way, another browser brings error responses to no request of the gateway."""
    callback = str(scenario.bench.world_json["gateway"]["callback_url"])
    since = scenario.here()
    _, urls = await steps.begin(scenario, principal, server, revision)
    scenario.require(urls, NO_URL)
    browser = await scenario.browser(principal)
    journey = await browser.visit(urls[0], stop=callback)
    scenario.require(journey.final_url.startswith(callback), "the authorization server did not send the browser back")
    stranger = await scenario.browser(None)
    issuer = steps.settings_of(scenario, server)["issuer"]
    for state in ({"state": new_nonce()}, {}):
        await stranger.visit(f"{callback}?{urlencode({'error': 'access_denied', 'iss': issuer, **state})}")
    await browser.visit(journey.final_url)
    attempt = await steps.call(scenario, principal, server, revision)
    scenario.case(case, attempt, since=since, server=server, principal=principal)


TWICE = "callback-twice-at-once"
REDEEMING = 0.1  # seconds that the answer to a redemption takes, so that the second callback comes before it


@judged_by_cases([TWICE], *LEAKS, needs=("consent-withdrawal",), then="-then-used")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [(TWICE, "alice", "calendar")])
async def test_twice_at_once(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The browser sends the callback twice, the second time before the first one is answered, as after a double click."""
    link = await flows.ask_anew(scenario, principal, server, revision)
    browser = await scenario.browser(principal)
    back, since = await flows.begin(scenario, browser, link.url), scenario.here()
    slowly = {"endpoint": "token", "grant": "authorization_code", "action": {"delay": REDEEMING}}
    common: dict[str, Any] = {"control": link.given_in, "server": server, "principal": principal}
    with scenario.idp_fault({"issuer": steps.issuer_of(server), **slowly}):
        await asyncio.gather(*(browser.load(back) for _ in range(2)))
    scenario.case(case, since=since, **common)
    attempt = await flows.use_after_another_try(scenario, principal, server, revision)
    scenario.case(f"{case}-then-used", attempt, **common)
