"""The browser's side of consent: callbacks that report errors or are malformed, and pages that lead or show something."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.consent.flows import (
    answer_to_first_call,
    ask_anew,
    begin,
    callback_of,
    links,
    use,
    use_after_another_try,
)
from gatebench.conformance.scenarios.marks import in_one_with_sessions, judged_by_cases
from gatebench.fixtures.clients.mcp import new_nonce
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS, UPSTREAMS

NEEDS = ("consent-withdrawal",)
FOREIGN = "evil.example"
Pairs = list[tuple[str, str]]
Change = Callable[[Pairs, Pairs], Pairs]
"""The parameters of a callback changed, with those of another user's callback at hand."""

DENIALS = ("access_denied", "server_error", "temporarily_unavailable", "invalid_scope")
DENIED = {f"authorization-ended-with-{error.replace('_', '-')}": error for error in DENIALS}


@judged_by_cases(DENIED, *LEAKS, needs=NEEDS, then="-then-given")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
@pytest.mark.parametrize("case", list(DENIED))
async def test_denied(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The authorization server ends the authorization with an error; the user asks again, and consents."""
    since = scenario.here()
    link = await ask_anew(scenario, principal, server, revision)
    rule = {"issuer": UPSTREAMS[server].issuer, "endpoint": "authorize", "action": {"error": DENIED[case]}}
    browser = await scenario.browser(principal)
    with scenario.idp_fault(rule):
        await browser.visit(link.url)
    asked = await answer_to_first_call(scenario, principal, server, revision)
    scenario.case(case, asked, control=link.given_in, since=since, server=server, principal=principal)
    attempt = await use_after_another_try(scenario, principal, server, revision)
    scenario.case(f"{case}-then-given", attempt, control=link.given_in, server=server, principal=principal)


STRAY = ("stray-errors-during-consent", "stray-errors-after-consent", "callback-repeated-after-consent")


@judged_by_cases(STRAY, *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
@pytest.mark.parametrize("case", STRAY)
async def test_stray_callback(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Callbacks that no authorization under way asked for arrive in the user's browser."""
    since = scenario.here()
    link = await ask_anew(scenario, principal, server, revision)
    browser, callback = await scenario.browser(principal), callback_of(scenario)
    back = await begin(scenario, browser, link.url)
    if case != STRAY[0]:
        await browser.visit(back)
    used = dict(parse_qsl(urlsplit(back).query)) if case == STRAY[2] else {}
    error = {"error": "access_denied", "iss": _issuer(scenario, server)}
    strays: list[Mapping[str, str]] = [error, error | {"state": new_nonce()}, error | {"state": ""}]
    strays = [used, error | {"state": used.get("state", "")}] if used else strays
    for stray in strays:
        await browser.load(f"{callback}?{urlencode(stray)}")
    if case == STRAY[0]:
        await browser.visit(back)
        # A gateway may end a consent under way at an error in the browser that began it; the user can begin again.
        attempt = await use_after_another_try(scenario, principal, server, revision)
    else:
        attempt = await use(scenario, principal, server, revision)
    scenario.case(case, attempt, control=link.given_in, since=since, server=server, principal=principal)


def _issuer(scenario: Scenario, server: str) -> str:
    return str(scenario.bench.world_json["issuers"][UPSTREAMS[server].issuer or ""]["issuer"])


def _without(*names: str) -> Change:
    return lambda pairs, _other: [pair for pair in pairs if pair[0] not in names]


def _with(name: str, value: str) -> Change:
    return lambda pairs, _other: [(key, value if key == name else old) for key, old in pairs]


def _altered(text: str) -> str:
    """Return the text with another character in its middle: the last one of base64 may hold unused bits."""
    middle = len(text) // 2
    return f"{text[:middle]}{'b' if text[middle : middle + 1] in 'aA' else 'a'}{text[middle + 1 :]}"


INCOMPLETE: dict[str, Change] = {
    "callback-without-parameters": _without("code", "state", "iss"),
    "callback-without-a-code": _without("code"),
    "callback-without-a-state": _without("state"),
    "callback-with-an-empty-code": _with("code", ""),
    "callback-with-an-empty-state": _with("state", ""),
}
OTHER_STATE: dict[str, Change] = {
    "callback-with-a-longer-state": lambda pairs, _other: [
        (name, f"{value}x" if name == "state" else value) for name, value in pairs
    ],
    "callback-with-an-altered-state": lambda pairs, _other: [
        (name, _altered(value) if name == "state" else value) for name, value in pairs
    ],
    "callback-with-a-very-long-state": _with("state", "s" * 4000),
    "callback-with-a-state-beyond-text": _with("state", "\udcff\0"),
}
FOREIGN_CODE: dict[str, Change] = {
    "callback-with-an-unknown-code": _with("code", "an-unknown-code-of-no-server"),
    "callback-with-the-code-of-another-user": lambda pairs, other: [
        (name, dict(other)["code"] if name == "code" else value) for name, value in pairs
    ],
}
TWICE: dict[str, Change] = {
    "callback-with-two-states": lambda pairs, other: [*pairs, ("state", dict(other)["state"])],
    "callback-with-two-codes": lambda pairs, other: [*pairs, ("code", dict(other)["code"])],
    "callback-with-a-code-and-an-error": lambda pairs, _other: [*pairs, ("error", "access_denied")],
}
WITH_ANOTHER = {"callback-with-the-code-of-another-user", "callback-with-two-states", "callback-with-two-codes"}
MALFORMED = {**INCOMPLETE, **OTHER_STATE, **FOREIGN_CODE, **TWICE}


@judged_by_cases(MALFORMED, *LEAKS, needs=NEEDS, then="-then-given")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("alice", "bob", "mail")])
@pytest.mark.parametrize("case", list(MALFORMED))
async def test_malformed_callback(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """The browser returns with a callback that differs from the right one; then the user begins again."""
    link = await ask_anew(scenario, principal, server, revision)
    browser = await scenario.browser(principal)
    back = foreign = await begin(scenario, browser, link.url)
    if case in WITH_ANOTHER:
        theirs = await ask_anew(scenario, other, server, revision)
        foreign = await begin(scenario, await scenario.browser(other), theirs.url)
    pairs, of_other = (parse_qsl(urlsplit(url).query, keep_blank_values=True) for url in (back, foreign))
    changed = MALFORMED[case](pairs, of_other)
    since = scenario.here()
    await browser.load(f"{callback_of(scenario)}?{urlencode(changed, errors='surrogateescape')}")
    asked = await answer_to_first_call(scenario, principal, server, revision)
    scenario.case(case, asked, control=link.given_in, since=since, server=server, principal=principal)
    users = (principal, other) if case in WITH_ANOTHER else (principal,)
    attempts = [await use_after_another_try(scenario, one, server, revision) for one in users]
    scenario.case(f"{case}-then-given", *attempts, control=link.given_in, server=server, principal=principal)


MARKUP = ("<gb-markup", "<img src=gb-markup")
TEXT = "\"'><gb-markup><img src=gb-markup onerror=x()>"


@judged_by_cases(["markup-in-callbacks", "markup-in-links"], needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
async def test_markup(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Texts with markup in every parameter of callbacks, with and without a state of the gateway, and in links."""
    link = await ask_anew(scenario, principal, server, revision)
    browser, callback = await scenario.browser(principal), callback_of(scenario)
    facts: dict[str, Any] = {"control": link.given_in, "server": server, "principal": principal, "markup": MARKUP}
    error = {"error": TEXT, "error_description": TEXT, "error_uri": "javascript:gatebench()"}
    since = scenario.here()
    for changes in (error, error | {"state": TEXT}, {"code": TEXT, "state": TEXT, "iss": TEXT, TEXT: TEXT}):
        await browser.load(f"{callback}?{urlencode(changes)}")
    for changes in (error, {"error": "access_denied", "error_description": TEXT}, {"iss": TEXT}, {"code": TEXT}):
        again = await ask_anew(scenario, principal, server, revision)
        back = await begin(scenario, browser, again.url)
        pairs = dict(parse_qsl(urlsplit(back).query))
        kept = {name: value for name, value in pairs.items() if name != "code" or "error" not in changes}
        await browser.load(f"{callback}?{urlencode(kept | changes)}")
    scenario.case("markup-in-callbacks", since=since, **facts)
    since = scenario.here()
    path, text = link.url.partition("?")[0], quote(TEXT, safe="")
    for url in (f"{path}{text}", f"{path}/{text}", f"{path}?{text}={text}", f"{callback}/{text}"):
        await browser.load(url)
    scenario.case("markup-in-links", since=since, **facts)


NAMES = (
    "return_to returnTo return_url returnUrl next redirect redirect_to redirect_url redirectUrl redirect_uri url uri "
    "continue callback callback_url target dest destination goto rd r ref RelayState post_login_redirect"
)
ELSEWHERE = {
    "return-address-elsewhere": f"https://{FOREIGN}/back",
    "return-address-without-a-scheme": f"//{FOREIGN}/back",
    "return-address-with-a-backslash": f"/\\{FOREIGN}/back",
}


def _with_query(url: str, added: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{added}"  # not parsed: a gateway wrote it


@judged_by_cases(ELSEWHERE, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
@pytest.mark.parametrize("case", list(ELSEWHERE))
async def test_return_address(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Link and callback with additional parameters that name another site."""
    since = scenario.here()
    link = await ask_anew(scenario, principal, server, revision)
    browser = await scenario.browser(principal)
    added = urlencode(dict.fromkeys(NAMES.split(), ELSEWHERE[case]))
    rule = {
        "issuer": UPSTREAMS[server].issuer,
        "endpoint": "authorize",
        "times": 1,
        "action": {"error": "access_denied"},
    }
    with scenario.idp_fault(rule):  # a consent that ends with an error, and another one
        for _ in range(2):
            for url in await links(scenario, principal, server, revision):
                journey = await browser.visit(_with_query(url, added), stop=callback_of(scenario))
                if journey.final_url.startswith(callback_of(scenario)):
                    await browser.visit(_with_query(journey.final_url, added))
    # An error without a consent under way, and a link that has served.
    await browser.load(f"{callback_of(scenario)}?{urlencode({'error': 'access_denied', 'state': new_nonce()})}&{added}")
    await browser.load(_with_query(link.url, added))
    facts: dict[str, Any] = {"server": server, "principal": principal, "elsewhere": FOREIGN}
    scenario.case(case, control=link.given_in, since=since, **facts)


@judged_by_cases(["pages-of-consent"], needs=NEEDS, thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
async def test_pages(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Everything that a browser sees of a consent: the link, the callback, both again, and an error."""
    since = scenario.here()
    link = await ask_anew(scenario, principal, server, revision)
    browser = await scenario.browser(principal)
    rule = {"issuer": UPSTREAMS[server].issuer, "endpoint": "authorize", "action": {"error": "access_denied"}}
    with scenario.idp_fault(rule):
        await browser.visit(link.url)
    for url in await links(scenario, principal, server, revision):
        journey = await browser.visit(url)
        for callback in [one for one in journey.urls if one.startswith(callback_of(scenario))]:
            await browser.visit(callback)
    await browser.visit(link.url)
    scenario.case("pages-of-consent", control=link.given_in, since=since, server=server, principal=principal)


ANOTHER_SITE = "browser-from-another-site"


@judged_by_cases([ANOTHER_SITE], *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [(ANOTHER_SITE, "alice", "mail")])
async def test_another_site(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Gateway and authorization server are different sites for the browser, as they are outside of a bench."""
    since = scenario.here()
    link = await ask_anew(scenario, principal, server, revision)
    await (await scenario.browser(principal, apart=True)).visit(link.url)
    attempt = await use(scenario, principal, server, revision)
    scenario.case(case, attempt, control=link.given_in, since=since, server=server, principal=principal)
