"""The checks of consent.toml on trial, second part: after consent, without it, and in other hands."""

from typing import Any

import pytest

from conformance.selftest.asks import Ask, Line
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, leaves_open, shows_nothing

ONE = "http://127.0.0.1:5000/oauth/connect/1"


def unconsented(story: Story) -> Ask:
    """alice, who has not consented, is asked to."""
    return story.ask("alice", "mail").asked_to_consent(ONE)


# -- CONS-005, CONS-009


def consented(story: Story, attribute: str = "consent given") -> Ask:
    """alice was asked, has consented, and tries again."""
    control = unconsented(story)
    return story.probe("granted", story.ask("alice", "mail"), control, attribute)


@keeps("CONS-005")
def test_after_consent(story: Story) -> int:
    consented(story).arrives().answered()
    consented(story).arrives().streamed()
    return 2


@breaks("CONS-005")
@pytest.mark.parametrize("status", [200, 401, 403, 500])
def test_after_consent_it_fails(story: Story, status: int) -> Ask:
    consented(story).arrives().answered()
    return consented(story).refused("try later", status=status)


@breaks("CONS-005")
def test_after_consent_it_asks_again(story: Story) -> Ask:
    return consented(story).asked_to_consent(ONE)


@leaves_open("CONS-005")
def test_after_consent_that_was_never_needed(story: Story) -> None:
    control = story.call("alice", "mail")
    story.probe("granted", story.call("alice", "mail"), control, "consent given")
    story.probe("granted", story.ask("alice", "mail").answered(403), control, "consent given")


@keeps("CONS-009")
def test_an_expired_token_is_refreshed(story: Story) -> int:
    made = consented(story, "upstream token expired")
    story.refresh("vendor")
    made.arrives().answered()
    return 1


@breaks("CONS-009")
def test_an_expired_token_is_not_refreshed(story: Story) -> Ask:
    return consented(story, "upstream token expired").arrives().answered()


@breaks("CONS-009")
def test_an_expired_token_was_refreshed_long_ago(story: Story) -> Ask:
    story.refresh("vendor")
    story.redeem("vendor")
    return consented(story, "upstream token expired").arrives().answered()


@breaks("CONS-009")
def test_an_expired_token_is_exchanged_in_another_way(story: Story) -> Ask:
    made = consented(story, "upstream token expired")
    story.token_request("vendor", {"grant_type": "client_credentials"})
    for http, endpoint in (("GET", "token"), ("POST", "introspect")):
        request = {"method": http, "target": f"/vendor/{endpoint}", "headers": [], "body": "grant_type=refresh_token"}
        story.far_end("idp", "vendor", request, status=200)
    return made.arrives().answered()


@breaks("CONS-009")
def test_an_expired_token_is_refreshed_and_the_caller_notices(story: Story) -> Ask:
    made = consented(story, "upstream token expired")
    story.refresh("vendor")
    return made.answered(401)


@shows_nothing("CONS-002", "CONS-003", "CONS-005", "CONS-006", "CONS-008", "CONS-009", "CONS-010")
def test_other_probes(story: Story) -> None:
    control = story.ask("dave", "everything").answered(403)
    story.probe("granted", story.call("dave", "everything"), control, "access granted now")


# -- CONS-006


def of_another(story: Story) -> Ask:
    """alice has consented, and bob, who has not, asks for the same."""
    control = story.call("alice", "mail")
    return story.probe("still asked", story.ask("bob", "mail"), control, "no consent")


@keeps("CONS-006")
def test_consent_is_personal(story: Story) -> int:
    of_another(story).asked_to_consent(ONE)
    of_another(story).arrives(auth=(), status=401).asked_to_consent(ONE)  # the upstream was asked where to go
    return 2


@breaks("CONS-006")
def test_consent_is_for_everybody(story: Story) -> Line:
    return of_another(story).arrives(auth=["access:alice:mail"]).answered().arrival


@breaks("CONS-006")
@pytest.mark.parametrize(("auth", "status"), [(["access:alice:mail"], 401), ((), 200)], ids=["tried", "let in"])
def test_consent_is_asked_for_too_late(story: Story, auth: Any, status: int) -> Line:
    return of_another(story).arrives(auth=auth, status=status).asked_to_consent(ONE).arrival


@breaks("CONS-006")
@pytest.mark.parametrize("status", [200, 403])
def test_consent_is_not_asked_for(story: Story, status: int) -> Ask:
    return of_another(story).refused("go away", status=status)


@leaves_open("CONS-006")
def test_consent_helps_nobody(story: Story) -> None:
    control = story.ask("alice", "mail").answered(502)
    for made in (story.ask("bob", "mail").asked_to_consent(ONE), story.ask("bob", "mail").answered(502)):
        story.probe("still asked", made, control, "no consent")


# -- CONS-007


@keeps("CONS-007")
def test_everybody_sees_their_own_mailbox(story: Story) -> int:
    asked = [story.ask(user, "mail", tool="mailbox").arrives() for user in ("alice", "bob", "carol")]
    for made in asked[::-1]:
        made.answered()
    story.call("alice", "mail", tool="whoami")
    story.ask("alice", "mail", "tools/list").answered(200, {"id": 1, "result": {"structuredContent": {"owner": "x"}}})
    return 3


@breaks("CONS-007")
@pytest.mark.parametrize("owner", ["bob", None, ""])
def test_somebody_sees_another_mailbox(story: Story, owner: str | None) -> Ask:
    story.call("bob", "mail", tool="mailbox")
    made = story.ask("alice", "mail", tool="mailbox")
    return made.answered(200, made.reply("mail", structuredContent={"owner": owner}))


# -- CONS-008

WAY_OUT = "A virtual account has no mailbox: use a user's personal access token, or static header auth on that server."


def application(story: Story, server: str = "mail") -> Ask:
    """An application asks where only users have tokens."""
    control = story.call("alice", server, at="mail")
    return story.probe("no user", story.ask("support-bot", server, at="mail"), control, "a virtual account")


@keeps("CONS-008")
@pytest.mark.parametrize("text", [WAY_OUT, "Log in with a JWT", "use a user token", "set a Static Header instead"])
def test_an_application_is_refused_clearly(story: Story, text: str) -> int:
    application(story).refused(text)
    application(story).answered(403, body='{"message": "show a user\\u0027s token"}')
    refused = application(story, "workbench")
    refused.arrives(at="web-search").refused(text)  # the other members may have been asked
    return 3


@breaks("CONS-008")
@pytest.mark.parametrize("text", ["no", "virtual accounts are not supported", ""])
def test_an_application_is_refused_unclearly(story: Story, text: str) -> Ask:
    application(story).refused(WAY_OUT)
    return application(story).refused(text)


@breaks("CONS-008")
def test_an_application_is_asked_to_consent(story: Story) -> Ask:
    return application(story).asked_to_consent(data=f"{WAY_OUT} Or please visit: {ONE}. Please visit: {ONE}")


@breaks("CONS-008")
def test_an_application_is_let_in(story: Story) -> Ask:
    made = application(story)
    return made.answered(200, made.reply("mail", content=[{"type": "text", "text": WAY_OUT}]))


@breaks("CONS-008")
@pytest.mark.parametrize(("auth", "status"), [(["access:alice:mail"], 401), ((), 200)], ids=["tried", "let in"])
def test_an_application_is_refused_too_late(story: Story, auth: Any, status: int) -> Ask:
    return application(story).arrives(auth=auth, status=status).refused(WAY_OUT)


@leaves_open("CONS-008")
def test_an_application_where_users_fail_as_well(story: Story) -> None:
    control = story.ask("alice", "mail").answered(502)
    for text in (WAY_OUT, "out of order"):
        story.probe("no user", story.ask("support-bot", "mail").refused(text), control, "a virtual account")


# -- CONS-010


def refresh_refused(story: Story, status: int = 400) -> Ask:
    """alice's token has expired, and its issuer gives no other."""
    control = unconsented(story)
    story.refresh("vendor", status=status)
    return story.probe("asked again", story.ask("alice", "mail"), control, "refresh refused")


@keeps("CONS-010")
def test_asked_again(story: Story) -> int:
    refresh_refused(story).asked_to_consent(ONE)
    return 1


@breaks("CONS-010")
@pytest.mark.parametrize("status", [200, 401, 500])
def test_not_asked_again(story: Story, status: int) -> Ask:
    return refresh_refused(story).refused("invalid_grant", status=status)


@leaves_open("CONS-010")
@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("asked", [True, False])
def test_asked_again_without_a_refusal(story: Story, status: int, asked: bool) -> None:
    story.refresh("vendor", status=400)  # of an earlier time
    made = refresh_refused(story, status)
    if asked:
        made.asked_to_consent(ONE)
    else:
        made.answered(502)


# -- CONS-011

GOOD, FORGED = "«code:alice:mail»", "n-forged"


def callback(story: Story, code: str, *, redeemed: str | None = None) -> Line | None:
    """A browser comes to the callback with a state that is no good."""
    begin = story.here()
    story.visit("alice", f"http://127.0.0.1:5000/oauth/callback?code={code}&state=s", 400)
    line = story.redeem("vendor", redeemed) if redeemed else None
    story.observe("bad-callback", attribute="a state", status=400, **{"from": begin, "to": story.here()})
    return line


def good_callback(story: Story) -> None:
    """And once with the good one."""
    story.visit("alice", f"http://127.0.0.1:5000/oauth/callback?code={GOOD}&state=s")
    story.redeem("vendor", GOOD)


@keeps("CONS-011")
def test_callbacks_with_a_bad_state(story: Story) -> int:
    callback(story, FORGED)
    good_callback(story)
    callback(story, GOOD)
    story.redeem("vendor", "«code:bob:mail»")
    return 2


@breaks("CONS-011")
@pytest.mark.parametrize("redeemed", [FORGED, GOOD])
def test_a_forged_callback_is_obeyed(story: Story, redeemed: str) -> Line | None:
    return callback(story, FORGED, redeemed=redeemed)


@breaks("CONS-011")
def test_a_repeated_callback_is_obeyed(story: Story) -> Line | None:
    good_callback(story)
    return callback(story, GOOD, redeemed=GOOD)


@breaks("CONS-011")
def test_a_forged_callback_is_obeyed_later(story: Story) -> Line:
    callback(story, FORGED)
    good_callback(story)
    return story.redeem("vendor", FORGED)


@breaks("CONS-011")
def test_a_repeated_callback_is_obeyed_later(story: Story) -> Line:
    good_callback(story)
    callback(story, GOOD)
    return story.redeem("vendor", GOOD)


# -- CONS-012


def foreign(story: Story, *, redeemed: str | None = None) -> Line | None:
    """Another browser comes to the callback with what the first one was given."""
    begin = story.here()
    story.visit("alice", f"http://127.0.0.1:5000/oauth/callback?code={GOOD}&state=s", 400)
    line = story.redeem("vendor", redeemed) if redeemed else None
    story.observe("foreign-callback", principal="alice", status=400, **{"from": begin, "to": story.here()})
    return line


@keeps("CONS-012")
def test_another_browser_finishes_nothing(story: Story) -> int:
    story.redeem("vendor", GOOD)  # before it, by whoever had begun
    foreign(story)
    foreign(story, redeemed="«code:bob:mail»")  # somebody else's affair
    return 2


@breaks("CONS-012")
def test_another_browser_finishes_the_authorization(story: Story) -> Line | None:
    return foreign(story, redeemed=GOOD)


@breaks("CONS-012")
def test_another_browser_finishes_it_later(story: Story) -> Line:
    foreign(story)
    return story.redeem("vendor", GOOD)
