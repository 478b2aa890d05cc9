"""Consents that overlap: of one user, of two users, in one browser and in several, and links that are loaded twice."""

from typing import Any

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.consent.flows import (
    Flow,
    Overlap,
    answer_to_first_call,
    ask,
    ask_anew,
    begin,
    overlap,
    use,
    use_after_another_try,
)
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases
from gatebench.fixtures.clients.browser import Browser
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS
from gatebench.fixtures.world.variants.model import TokenVariant

NEEDS = ("consent-withdrawal",)
RENEWED = TokenVariant(name="renewed", expect="accepted", times={"exp": 1800.0})
_TWO_SERVERS = (Flow(server=0), Flow(server=1))
TWO_UPSTREAMS = {
    "two-upstreams-in-order": Overlap(_TWO_SERVERS, (0, 1)),
    "two-upstreams-in-reverse": Overlap(_TWO_SERVERS, (1, 0)),
    "two-upstreams-at-once": Overlap(_TWO_SERVERS, (0, 1), at_once=True),
    "two-upstreams-in-two-browsers": Overlap((Flow(), Flow(server=1, browser=1)), (1, 0)),
}
ONE_ISSUER = {
    "one-issuer-in-order": Overlap(_TWO_SERVERS, (0, 1)),
    "one-issuer-in-reverse": Overlap(_TWO_SERVERS, (1, 0)),
    "one-issuer-at-once": Overlap(_TWO_SERVERS, (0, 1), at_once=True),
}
_TWO_TABS = (Flow(), Flow())
_TWO_BROWSERS = (Flow(), Flow(browser=1))
SAME_UPSTREAM = {
    "two-tabs-in-order": Overlap(_TWO_TABS, (0, 1)),
    "two-tabs-in-reverse": Overlap(_TWO_TABS, (1, 0)),
    "two-tabs-at-once": Overlap(_TWO_TABS, (0, 1), at_once=True),
    "two-browsers-in-order": Overlap(_TWO_BROWSERS, (0, 1)),
    "two-browsers-in-reverse": Overlap(_TWO_BROWSERS, (1, 0)),
    "only-the-later-tab": Overlap(_TWO_TABS, (1,)),
    "only-the-earlier-tab": Overlap(_TWO_TABS, (0,)),
    "only-the-earlier-browser": Overlap(_TWO_BROWSERS, (0,)),
}
_TWO_USERS = (Flow(), Flow(user=1, browser=1))
TWO_USERS = {
    "two-users-in-order": Overlap(_TWO_USERS, (0, 1)),
    "two-users-in-reverse": Overlap(_TWO_USERS, (1, 0)),
    "two-users-at-once": Overlap(_TWO_USERS, (0, 1), at_once=True),
    # The second user's browser opens the first one's link too, and does not finish it.
    "link-of-another-opened-before": Overlap((Flow(browser=1), Flow(user=1, browser=1), Flow()), (1, 2)),
    "link-of-another-opened-after": Overlap((Flow(user=1, browser=1), Flow(browser=1), Flow()), (0, 2)),
}
CROSSED = {
    "two-users-at-two-upstreams": Overlap(
        (Flow(), Flow(user=1, server=1, browser=1), Flow(server=1), Flow(user=1, browser=1)), (3, 0, 1, 2)
    ),
    "two-users-at-two-upstreams-at-once": Overlap(
        (Flow(), Flow(user=1, server=1, browser=1), Flow(server=1), Flow(user=1, browser=1)),
        (0, 1, 2, 3),
        at_once=True,
    ),
}


@judged_by_cases(TWO_UPSTREAMS, "CRED-015", *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "servers"), [("alice", ("mail", "calendar"))], ids=["alice-mail+calendar"])
@pytest.mark.parametrize("case", list(TWO_UPSTREAMS))
async def test_two_upstreams(
    scenario: Scenario, case: str, principal: str, servers: tuple[str, ...], revision: str
) -> None:
    """One user authorises two servers; both consents are under way before one is finished."""
    await overlap(scenario, case, TWO_UPSTREAMS[case], users=[principal], servers=servers, revision=revision)


@judged_by_cases(ONE_ISSUER, "CRED-015", *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "servers"), [("alice", ("calendar", "contacts"))], ids=["alice-calendar+contacts"]
)
@pytest.mark.parametrize("case", list(ONE_ISSUER))
async def test_one_issuer(
    scenario: Scenario, case: str, principal: str, servers: tuple[str, ...], revision: str
) -> None:
    """One user authorises two servers that have one authorization server; both consents are under way before one is finished."""
    await overlap(scenario, case, ONE_ISSUER[case], users=[principal], servers=servers, revision=revision)


@judged_by_cases(["one-issuer-and-one-consent"], "CRED-015", *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "servers"),
    [("alice", ("calendar", "contacts")), ("alice", ("contacts", "calendar"))],
    ids=["alice-calendar+contacts", "alice-contacts+calendar"],
)
async def test_one_issuer_and_one_consent(
    scenario: Scenario, principal: str, servers: tuple[str, ...], revision: str
) -> None:
    """One user authorises one of two servers that have one authorization server, and calls it and the other one."""
    given, other = servers
    await scenario.no_consent(principal, other)
    link = await ask_anew(scenario, principal, given, revision)
    await (await scenario.browser(principal)).visit(link.url)
    attempt = await use(scenario, principal, given, revision)
    case = "one-issuer-and-one-consent"
    answer = await answer_to_first_call(scenario, principal, other, revision)
    scenario.case(case, answer, control=attempt, server=other, principal=principal)


@judged_by_cases(SAME_UPSTREAM, "CRED-015", *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
@pytest.mark.parametrize("case", list(SAME_UPSTREAM))
async def test_same_upstream(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """One user opens the link for a server twice."""
    await overlap(scenario, case, SAME_UPSTREAM[case], users=[principal], servers=[server], revision=revision)


@judged_by_cases(TWO_USERS, "CRED-015", *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["mail"])
@pytest.mark.parametrize(
    ("case", "principal", "other"),
    [
        *((case, "alice", "bob") for case in TWO_USERS),
        ("two-users-in-reverse", "carol", "alice"),
        # Users with the same subject, or with one that resembles the other's name.
        ("two-users-in-order", "carol", "partner-carol"),
        ("two-users-in-reverse", "alice", "external-alice"),
    ],
)
async def test_two_users(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """Two users authorise the same server at the same time."""
    await overlap(scenario, case, TWO_USERS[case], users=[principal, other], servers=[server], revision=revision)


@judged_by_cases(CROSSED, "CRED-015", *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "other", "servers"), [("alice", "bob", ("mail", "calendar"))], ids=["alice-bob-mail+calendar"]
)
@pytest.mark.parametrize("case", list(CROSSED))
async def test_crossed(
    scenario: Scenario, *, case: str, principal: str, other: str, servers: tuple[str, ...], revision: str
) -> None:
    """Two users authorise two servers each, in opposite order."""
    await overlap(scenario, case, CROSSED[case], users=[principal, other], servers=servers, revision=revision)


MANY_BEGUN = "many-begun-by-another"
MANY = 20  # consents that are begun and not finished


@judged_by_cases([MANY_BEGUN], "CRED-015", *LEAKS, needs=NEEDS, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("case", "principal", "other", "server"),
    [(MANY_BEGUN, "alice", "bob", "mail"), (MANY_BEGUN, "carol", "bob", "mail")],
)
async def test_many_begun(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """A user is at the authorization server while the link of another one is opened many times; then the first one comes back."""
    since = scenario.here()
    link = await ask_anew(scenario, principal, server, revision)
    browser = await scenario.browser(principal)
    back = await begin(scenario, browser, link.url)
    another, scanner = await ask_anew(scenario, other, server, revision), await scenario.browser(None)
    await _load(scanner, another.url, ("GET",) * MANY)
    await browser.visit(back)
    attempt = await use(scenario, principal, server, revision)
    scenario.case(case, attempt, control=link.given_in, since=since, server=server, principal=principal)


ONE_BROWSER = "two-users-of-one-browser"


@judged_by_cases([ONE_BROWSER], "CRED-015", *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["mail"])
@pytest.mark.parametrize(
    ("case", "principal", "other"), [(ONE_BROWSER, "alice", "bob"), (ONE_BROWSER, "carol", "alice")]
)
async def test_one_browser(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """Two users share a browser: one authorises the server, signs out there, and then the other one authorises it.

    A gateway may refuse the second consent in a browser that it knows as the first user's: that user can begin again elsewhere.
    """
    since = scenario.here()
    first = await ask_anew(scenario, principal, server, revision)
    browser = await scenario.browser(principal)
    await browser.visit(first.url)
    before = await use(scenario, principal, server, revision)
    second = await ask_anew(scenario, other, server, revision)
    scenario.change_user(browser, other)
    await browser.visit(second.url)
    after = await use(scenario, principal, server, revision)
    facts: dict[str, Any] = {"server": server, "since": since}
    scenario.case(case, before, after, control=first.given_in, principal=principal, **facts)
    own = await use_after_another_try(scenario, other, server, revision)
    scenario.case(case, own, control=second.given_in, principal=other, **facts)


LOADED = {
    "link-loaded-with-head": ("HEAD",),
    "link-loaded-with-get": ("GET",),
    "link-loaded-many-times": ("HEAD", "GET", "GET", "GET"),
    "link-loaded-during-consent": (),
    "link-loaded-after-consent": (),
}


async def _load(scanner: Browser, url: str, methods: tuple[str, ...]) -> None:
    for method in methods:
        await scanner.load(url, method=method)


@judged_by_cases(LOADED, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
@pytest.mark.parametrize("case", list(LOADED))
async def test_loaded_link(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A scanner, which follows no redirect and keeps no cookie, loads the link before the user, meanwhile, or afterwards."""
    link = await ask_anew(scenario, principal, server, revision)
    browser, scanner = await scenario.browser(principal), await scenario.browser(None)
    await _load(scanner, link.url, LOADED[case])
    if case == "link-loaded-during-consent":
        back = await begin(scenario, browser, link.url)
        await _load(scanner, link.url, ("HEAD", "GET"))
        await browser.visit(back)
    else:
        await browser.visit(link.url)
    if case == "link-loaded-after-consent":
        await _load(scanner, link.url, ("HEAD", "GET"))
        await browser.load(link.url)
        attempt = await use(scenario, principal, server, revision)
    else:
        # A link may work once, and a load may end a consent under way: the user can begin again.
        attempt = await use_after_another_try(scenario, principal, server, revision)
    scenario.case(case, attempt, control=link.given_in, server=server, principal=principal)


@judged_by_cases(["earlier-of-two-links"], needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [("earlier-of-two-links", "alice", "mail")])
async def test_earlier_link(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Two requests are answered with a link each; the user follows the first one."""
    link = await ask_anew(scenario, principal, server, revision)
    await ask(scenario, principal, server, revision)
    await (await scenario.browser(principal)).visit(link.url)
    attempt = await use(scenario, principal, server, revision)
    scenario.case(case, attempt, control=link.given_in, server=server, principal=principal)


@judged_by_cases(["another-token-of-the-user"], "CRED-015", *LEAKS, needs=("token-revocation", *NEEDS))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
async def test_another_token(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A user consents with one gateway token, and calls with another one."""
    link = await ask_anew(scenario, principal, server, revision)
    await (await scenario.browser(principal)).visit(link.url)
    token = scenario.new_gateway_token(principal)
    attempts = [await use(scenario, principal, server, revision, token=one) for one in (None, token, None)]
    case = "another-token-of-the-user"
    scenario.case(case, *attempts, control=link.given_in, server=server, principal=principal)


@judged_by_cases(["another-jwt-of-the-user"], "CRED-015", *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "mail")])
async def test_another_jwt(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A user of an identity provider consents with one JWT, and calls with the next one."""
    link = await ask_anew(scenario, principal, server, revision)
    await (await scenario.browser(principal)).visit(link.url)
    token = scenario.identities.variant_jwt(principal, RENEWED)
    attempts = [await use(scenario, principal, server, revision, token=one) for one in (None, token, None)]
    case = "another-jwt-of-the-user"
    scenario.case(case, *attempts, control=link.given_in, server=server, principal=principal)


@judged_by_cases(["consent-at-the-single-address", "consent-at-the-virtual-address"], "CRED-015", *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "servers"), [("alice", ("mail", "workbench"))], ids=["alice-mail+workbench"])
async def test_two_addresses(scenario: Scenario, principal: str, servers: tuple[str, ...], revision: str) -> None:
    """A user authorises a server at one of its two addresses, and calls it at both; then the other way round."""
    single, virtual = servers
    for case, first in (("consent-at-the-single-address", single), ("consent-at-the-virtual-address", virtual)):
        link = await ask_anew(scenario, principal, first, revision)
        await (await scenario.browser(principal)).visit(link.url)
        for server in (single, virtual):
            attempt = await use(scenario, principal, server, revision, member=single)
            scenario.case(case, attempt, control=link.given_in, server=server, principal=principal)
