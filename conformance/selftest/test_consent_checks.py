"""The checks of consent.toml on trial."""

from typing import Any

import pytest

from conformance.selftest.asks import Ask, Line
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, shows_nothing

ONE, TWO = "http://127.0.0.1:5000/oauth/connect/1", "http://127.0.0.1:5000/oauth/connect/2"


# -- CONS-001


def guide_consent(story: Story, *urls: str, missing: int = 1, error: str = "authorization required") -> None:
    """The guide's client has connected without consent."""
    who = {"principal": "alice", "server": "mail", "mode": "auto"}
    story.observe("guide-consent", **who, missing=missing, urls=urls, error=error)


@keeps("CONS-001")
def test_the_guides_client_finds_its_way(story: Story) -> int:
    guide_consent(story, ONE)
    guide_consent(story, ONE.replace("http", "https"), TWO, missing=2)
    return 2


@breaks("CONS-001")
@pytest.mark.parametrize(
    "urls",
    [
        (),
        (ONE,),
        (ONE, TWO, ONE),
        (ONE, "/oauth/connect/2"),
        (ONE, "javascript:alert(1)"),
        (ONE, "https:"),
        (ONE, "ftp://127.0.0.1/1"),
        (ONE, TWO, "see the manual"),
        (f"{ONE},{TWO}",),
    ],
    ids=str,
)
def test_the_guides_client_is_lost(story: Story, urls: tuple[str, ...]) -> None:
    guide_consent(story, *urls, missing=2)


@shows_nothing("CONS-001", "CONS-011")
def test_another_observation(story: Story) -> None:
    story.observe("guide-call", urls=[], missing=1)


# -- CONS-002, CONS-003


def unconsented(
    story: Story, missing: int = 1, server: str = "mail", method: str = "tools/call", **details: Any
) -> Ask:
    """alice, who has not consented, asks for something."""
    made = story.ask("alice", server, method, **details)
    return story.probe("consent", made, made, str(missing))


@keeps("CONS-002", "CONS-003")
@pytest.mark.parametrize("method", ["initialize", "server/discover", "tools/list", "tools/call"])
def test_asked_to_consent(story: Story, method: str) -> int:
    unconsented(story, method=method).asked_to_consent(ONE)
    unconsented(story, 2, "inbox", method, rpc_id="a").asked_to_consent(ONE, TWO)
    return 2


@keeps("CONS-002")
def test_asked_to_consent_in_a_stream(story: Story) -> int:
    error = {"code": 1, "message": "", "data": f"Please visit: {ONE}"}
    unconsented(story).streamed({"jsonrpc": "2.0", "id": 1, "error": error})
    return 1


@breaks("CONS-002")
@pytest.mark.parametrize(
    "data",
    [
        "",
        "Authorization required",
        f"Please visit: {ONE}\nor call us",
        f"Please visit:\n{ONE}",
        f"Please visit: {ONE} or call us",
        f"Please visit: {ONE} , {TWO}",
        "Please visit: /oauth/connect/1",
        f"Please go to: {ONE}",
        [f"Please visit: {ONE}"],
        {"url": ONE},
        None,
    ],
    ids=str,
)
def test_asked_in_other_words(story: Story, data: Any) -> Ask:
    unconsented(story).asked_to_consent(ONE)
    made = unconsented(story)
    return made.answered(200, {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no", "data": data}})


@breaks("CONS-002")
@pytest.mark.parametrize("status", [401, 403, 500, 202])
def test_asked_with_another_status(story: Story, status: int) -> Ask:
    return unconsented(story).asked_to_consent(ONE, status=status)


@breaks("CONS-002")
@pytest.mark.parametrize("rpc_id", ["1", 2, "null"])
def test_asked_under_another_id(story: Story, rpc_id: Any) -> Ask:
    return unconsented(story).asked_to_consent(ONE, rpc_id=rpc_id)


@breaks("CONS-002")
@pytest.mark.parametrize("body", ["", f"Please visit: {ONE}"])
def test_asked_without_json(story: Story, body: str) -> Ask:
    return unconsented(story).answered(body=body)


@breaks("CONS-002", "CONS-003")
def test_only_the_call_asks(story: Story) -> Ask:
    unconsented(story).asked_to_consent(ONE)
    return unconsented(story, method="tools/list").answered()


@breaks("CONS-002", "CONS-003")
def test_asked_in_a_tool_result(story: Story) -> Ask:
    made = unconsented(story)
    content = [{"type": "text", "text": f"Please visit: {ONE}"}]
    return made.answered(200, made.reply("mail", isError=True, content=content))


@breaks("CONS-002", "CONS-003")
@pytest.mark.parametrize(("missing", "urls"), [(2, (ONE,)), (1, (ONE, TWO)), (2, (ONE, TWO, ONE))])
def test_asked_for_more_or_for_less(story: Story, missing: int, urls: tuple[str, ...]) -> Ask:
    return unconsented(story, missing, "inbox").asked_to_consent(*urls)


@breaks("CONS-002")
@pytest.mark.parametrize("separator", [",", ", ", " ", " and "])
def test_urls_are_separated_in_another_way(story: Story, separator: str) -> Ask:
    return unconsented(story, 2, "inbox").asked_to_consent(data=f"Please visit: {ONE}{separator}{TWO}")


def visited(story: Story, *issuers: str) -> None:
    """Consents are asked for and given, one after the other."""
    for missing, issuer in zip((2, 1), issuers, strict=True):
        unconsented(story, missing, "inbox").asked_to_consent(*(ONE, TWO)[:missing])
        story.observe("consent-visit", urls=[ONE, f"http://127.0.0.1:4000/{issuer}/authorize?x=1"], status=200)


@keeps("CONS-003")
def test_each_consent_leads_to_its_own_issuer(story: Story) -> int:
    visited(story, "vendor", "calendar-as")
    return 2


@breaks("CONS-003")
@pytest.mark.parametrize("second", ["vendor", "vendor-as", "elsewhere"])
def test_a_consent_leads_to_the_wrong_issuer(story: Story, second: str) -> None:
    visited(story, "vendor", second)


# -- CONS-004


@keeps("CONS-004")
def test_sound_authorization_requests(story: Story) -> int:
    for issuer in ("vendor", "calendar-as"):
        story.authorize(issuer)
        story.redeem(issuer)
    story.redeem("vendor", redirect_uri=None)  # OAuth 2.1
    story.authorize("corp", state=None)  # somebody signs in elsewhere
    for http, endpoint in (("POST", "authorize"), ("GET", "token"), ("POST", "revoke"), ("GET", "jwks")):
        body = "grant_type=authorization_code"
        request = {"method": http, "target": f"/vendor/{endpoint}?{body}", "headers": [], "body": body}
        story.far_end("idp", "vendor", request, status=400)
    story.refresh("vendor")
    return 5


AUTHORIZATION = ["code_challenge", "code_challenge_method", "state", "redirect_uri", "resource"]


@breaks("CONS-004")
@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("name", AUTHORIZATION)
def test_an_authorization_request_lacks_something(story: Story, name: str, value: str | None) -> Line:
    story.authorize("calendar-as")
    return story.authorize("vendor", **{name: value})


@breaks("CONS-004")
@pytest.mark.parametrize(
    "change",
    [
        {"code_challenge_method": "plain"},
        {"redirect_uri": "http://127.0.0.1:5000/oauth/callback/"},
        {"redirect_uri": "http://127.0.0.1:5000/oauth/callback?server=mail"},
        {"resource": "http://127.0.0.1:4004/mcp"},
        {"resource": "http://127.0.0.1:5000"},
    ],
    ids=str,
)
def test_an_authorization_request_says_something_else(story: Story, change: dict[str, str]) -> Line:
    return story.authorize("vendor", **change)


@breaks("CONS-004")
@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": None},
        {"code_verifier": ""},
        {"resource": None},
        {"resource": "http://127.0.0.1:4004/mcp"},
        {"redirect_uri": "http://127.0.0.1:5000/elsewhere"},
        {"redirect_uri": ""},
    ],
    ids=str,
)
def test_a_redemption_is_unsound(story: Story, change: dict[str, str | None]) -> Line:
    story.redeem("vendor")
    return story.redeem("vendor", **change)
