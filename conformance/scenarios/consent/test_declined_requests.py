"""Authorization requests that end with an error while the user has a consent: beside it, for more scopes, of another user."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.consent import authorization_steps as steps
from gatebench.conformance.scenarios.consent.flows import ask, ask_anew, begin, callback_of, use
from gatebench.conformance.scenarios.marks import judged_by_cases
from gatebench.fixtures.clients.browser import Browser
from gatebench.fixtures.harness import oauth_conditions
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS

NEEDS = ("consent-withdrawal",)
ERRORS = ("access_denied", "server_error", "temporarily_unavailable")
BESIDE = {f"request-beside-a-consent-ended-with-{error.replace('_', '-')}": error for error in ERRORS}


def _ended_with(scenario: Scenario, back: str, error: str) -> str:
    """Return a callback with an error in place of its code (RFC 6749 section 4.1.2.1)."""
    kept = [pair for pair in parse_qsl(urlsplit(back).query) if pair[0] != "code"]
    return f"{callback_of(scenario)}?{urlencode([*kept, ('error', error)])}"


async def _consented_after(
    scenario: Scenario, browser: Browser, params: tuple[str, str, str], requests: int
) -> list[str]:
    """Begin several authorizations, and consent with one more; return the callbacks of those that are under way.

    The last one is completed: a gateway may know only the latest of a user. `params`: principal, server and revision.
    """
    backs = [await begin(scenario, browser, (await ask(scenario, *params)).url) for _ in range(requests)]
    await browser.visit((await ask(scenario, *params)).url)
    return backs


@judged_by_cases(BESIDE, *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
async def test_beside_a_consent(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A user opens several links of one server, consents with the last one, and the others end with an error each."""
    link = await ask_anew(scenario, principal, server, revision)
    browser = await scenario.browser(principal)
    backs = await _consented_after(scenario, browser, (principal, server, revision), len(BESIDE))
    for (case, error), back in zip(BESIDE.items(), backs, strict=True):
        since = scenario.here()
        await browser.load(_ended_with(scenario, back, error))
        attempt = await use(scenario, principal, server, revision)
        scenario.case(case, attempt, control=link.given_in, since=since, server=server, principal=principal)


OF_ANOTHER = "request-of-another-user-ended"


@judged_by_cases([OF_ANOTHER], *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("alice", "bob", "mail")])
async def test_request_of_another(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """Two users have consented; the browser of one brings an error with the state of a request of the other one."""
    browsers, given, backs = [], [], []
    for user in (other, principal):
        given.append((await ask_anew(scenario, user, server, revision)).given_in)
        browsers.append(await scenario.browser(user))
        backs += await _consented_after(scenario, browsers[-1], (user, server, revision), 1)
    since = scenario.here()
    await browsers[1].load(_ended_with(scenario, backs[0], ERRORS[0]))
    attempts = [await use(scenario, user, server, revision) for user in (other, principal)]
    scenario.case(OF_ANOTHER, *attempts, control=given[0], since=since, server=server, principal=other)


FURTHER = "request-for-a-further-scope-declined"


@judged_by_cases([FURTHER], *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calendar")])
async def test_further_scope(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """The upstream demands a further scope, and the user declines; before and after, the user calls what the consent covers."""
    control = await steps.consent_and_call(scenario, principal, server, revision)
    granted = steps.settings_of(scenario, server)["scope"]
    with oauth_conditions.required_scopes(scenario.bench, server, granted, "calendar.write"):
        demanded = await steps.call(scenario, principal, server, revision)
    declined = {"issuer": steps.issuer_of(server), "endpoint": "authorize", "action": {"error": ERRORS[0]}}
    # A gateway may take the stored token for useless from the demand on: then it is not the refusal that ends the consent.
    between = await use(scenario, principal, server, revision)
    since = scenario.here()
    with scenario.idp_fault(declined):
        await steps.follow(scenario, principal, scenario.urls(demanded))
    attempt = await use(scenario, principal, server, revision)
    attempts = [attempt] if between.succeeded else []
    scenario.case(FURTHER, *attempts, control=control, since=since, server=server, principal=principal)
