"""The checks of credentials.toml on trial, second part: what leaks to clients, logs, URLs and between members."""

import pytest

from conformance.selftest.asks import Ask, Line
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, shows_nothing
from conformance.verdict import Outcome

# -- CRED-008, CRED-011


@keeps("CRED-008")
def test_callers_are_shown_what_they_sent(story: Story) -> int:
    own = story.secret("override", "override")
    story.ask("alice", "calculator", also=[("x-tfy-mcp-headers", own)]).answered(400, body=f"no good: {own}")
    story.ask("alice", "calculator").answered(403, body="«pat:alice» may not, «unquote»")
    story.ask("bob", "calculator").failed()
    return 2


@breaks("CRED-008")
@pytest.mark.parametrize(
    "label",
    [
        "access:alice:mail",
        "refresh:alice:mail|base64",
        "key:web-search",
        "client-secret:mail",
        "code:alice:mail",
        "admin",
        "control",
        "pat:bob",
    ],
)
def test_callers_are_shown_something_else(story: Story, label: str) -> Ask:
    story.secret("control-token", "control")
    story.call("bob", "calculator")
    return story.ask("alice", "calculator").arrives().answered(500, body=f"upstream said: «{label}» is wrong")


@breaks("CRED-008")
def test_callers_are_shown_something_in_a_header(story: Story) -> Ask:
    return story.ask("alice", "mail").answered(headers=[("x-upstream", "«access:alice:mail»")])


@breaks("CRED-008")
def test_callers_are_shown_what_another_brought_along(story: Story) -> Ask:
    own = story.secret("override", "override")
    story.ask("bob", "calculator", also=[("x-tfy-mcp-headers", own)]).answered()
    return story.ask("alice", "calculator").answered(body=own)


@keeps("CRED-011")
def test_a_discreet_log(story: Story) -> int:
    story.log("POST mcp:mail 200 5.8ms alice «ok» «pat:alice|sha256»")
    story.log("")
    return 2


@breaks("CRED-011")
@pytest.mark.parametrize("label", ["pat:alice", "access:alice:mail|base64", "client-secret:mail|percent", "admin"])
def test_a_talkative_log(story: Story, label: str) -> Line:
    story.log("starting")
    return story.log(f"headers: Authorization «{label}»")


@keeps("CRED-011")
def test_a_silent_gateway(story: Story) -> int:
    story.call("alice", "calculator")
    return 1


def test_a_gateway_whose_output_we_do_not_see() -> None:
    story = Story(started=False)
    story.call("alice", "calculator")
    assert story.judged_by("CRED-011").outcome is Outcome.NOT_OBSERVED


# -- CRED-009, CRED-010, CRED-012, CRED-013


def with_cookies(story: Story) -> Ask:
    """A caller with a cookie jar and a proxy."""
    cookie, proxy = story.secret("cookie", "cookie"), story.secret("cookie", "proxy")
    planted = [("Cookie", f"session={cookie}"), ("Proxy-Authorization", f"Bearer {proxy}")]
    return story.ask("alice", "calculator", also=planted)


@keeps("CRED-009")
def test_cookies_stay(story: Story) -> int:
    with_cookies(story).arrives().answered()
    story.call("bob", "calculator")
    return 1


@breaks("CRED-009")
@pytest.mark.parametrize("header", [("cookie", "a=1; session=«cookie»"), ("proxy-authorization", "Bearer «proxy»")])
def test_cookies_travel_on(story: Story, header: tuple[str, str]) -> Line:
    return with_cookies(story).arrives(also=[header]).arrival


@breaks("CRED-009")
def test_cookies_travel_with_somebody_else(story: Story) -> Line:
    with_cookies(story).arrives().answered()
    return story.ask("bob", "web-search").arrives(also=[("cookie", "session=«cookie»")]).arrival


@shows_nothing("CRED-009")
def test_cookies_that_went_nowhere(story: Story) -> None:
    with_cookies(story).answered(401)
    story.call("bob", "calculator")


@breaks("CRED-010")
@pytest.mark.parametrize("label", ["access:alice:mail", "key:web-search", "access:alice:mail|percent"])
def test_a_credential_in_a_url(story: Story, label: str) -> Line:
    story.call("alice", "mail")
    return story.errand("mail", "GET", target=f"/mcp?token=«{label}»")


@breaks("CRED-012")
def test_one_member_gets_what_is_anothers(story: Story) -> Line:
    for member in ("web-search", "mail", "calculator"):
        story.call("alice", "workbench", at=member)
    made = story.ask("alice", "workbench", at="calculator")
    return made.arrives(auth=story.auth("web-search", "alice")).arrival


@keeps("CRED-012")
def test_each_member_gets_its_own(story: Story) -> int:
    for member in ("web-search", "mail", "calculator"):
        story.call("alice", "workbench", at=member)
    return 3


@shows_nothing("CRED-012")
def test_no_virtual_server(story: Story) -> None:
    for server in ("web-search", "mail", "calculator"):
        story.ask("alice", server).arrives(auth=["pat:alice"]).answered()


@keeps("CRED-013")
def test_oauth_secrets_at_their_issuer(story: Story) -> int:
    story.token_request("vendor", {"code": "«code:alice:mail»", "client_secret": "«client-secret:mail»"})
    story.refresh("calendar-as", "refresh:alice:calendar")
    story.token_request("corp", {"grant_type": "client_credentials"})
    story.token_request("corp", {"code": story.secret("code", "code:of-nothing-in-particular", owner="alice")})
    return 4


@breaks("CRED-013")
@pytest.mark.parametrize("label", ["refresh:alice:mail", "code:alice:mail", "client-secret:mail|base64"])
def test_an_oauth_secret_at_another_issuer(story: Story, label: str) -> Line:
    story.refresh("vendor")
    return story.token_request("calendar-as", {"secret": f"«{label}»"})


@breaks("CRED-013")
@pytest.mark.parametrize("label", ["refresh:alice:mail", "code:alice:mail", "client-secret:mail"])
def test_an_oauth_secret_at_an_upstream(story: Story, label: str) -> Line:
    story.call("alice", "mail")
    return story.ask("alice", "mail").arrives(changed={"secret": f"«{label}»"}).arrival
