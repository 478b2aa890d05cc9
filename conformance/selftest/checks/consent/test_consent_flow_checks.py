"""Tests of the checks of consent.toml, second part: calls after consent, without it, and with that of another user."""

from typing import Any

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes, untestable
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

ONE = "http://127.0.0.1:5000/oauth/connect/1"


def unconsented(builder: TranscriptBuilder) -> ClientRequest:
    """Add a request for consent to alice, who has not consented."""
    return builder.ask("alice", "mail").asked_to_consent(ONE)


# -- CONS-005, CONS-009


def consented(builder: TranscriptBuilder, attribute: str = "consent given") -> ClientRequest:
    """Add alice's refused request, her consent, and the retry."""
    control = unconsented(builder)
    return builder.probe("granted", builder.ask("alice", "mail"), control, attribute)


@passes("CONS-005")
def test_call_after_consent_succeeds(builder: TranscriptBuilder) -> int:
    consented(builder).arrives().answered()
    consented(builder).arrives().streamed()
    return 2


@fails("CONS-005")
@pytest.mark.parametrize("status", [200, 401, 403, 500])
def test_call_after_consent_fails(builder: TranscriptBuilder, status: int) -> ClientRequest:
    consented(builder).arrives().answered()
    return consented(builder).refused("try later", status=status)


@fails("CONS-005")
def test_call_after_consent_is_asked_for_consent_again(builder: TranscriptBuilder) -> ClientRequest:
    return consented(builder).asked_to_consent(ONE)


@untestable("CONS-005")
def test_call_that_needed_no_consent_is_untestable(builder: TranscriptBuilder) -> None:
    control = builder.call("alice", "mail")
    builder.probe("granted", builder.call("alice", "mail"), control, "consent given")
    builder.probe("granted", builder.ask("alice", "mail").answered(403), control, "consent given")


@passes("CONS-009")
def test_an_expired_token_is_refreshed(builder: TranscriptBuilder) -> int:
    made = consented(builder, "upstream token expired")
    builder.refresh("vendor")
    made.arrives().answered()
    return 1


@fails("CONS-009")
def test_an_expired_token_is_not_refreshed(builder: TranscriptBuilder) -> ClientRequest:
    return consented(builder, "upstream token expired").arrives().answered()


@fails("CONS-009")
def test_expired_token_refreshed_only_before_the_call(builder: TranscriptBuilder) -> ClientRequest:
    builder.refresh("vendor")
    builder.redeem("vendor")
    return consented(builder, "upstream token expired").arrives().answered()


@fails("CONS-009")
def test_expired_token_renewed_with_another_grant(builder: TranscriptBuilder) -> ClientRequest:
    made = consented(builder, "upstream token expired")
    builder.token_request("vendor", {"grant_type": "client_credentials"})
    for http, endpoint in (("GET", "token"), ("POST", "introspect")):
        request = {"method": http, "target": f"/vendor/{endpoint}", "headers": [], "body": "grant_type=refresh_token"}
        builder.far_end("idp", "vendor", request, status=200)
    return made.arrives().answered()


@fails("CONS-009")
def test_call_fails_although_the_expired_token_is_refreshed(builder: TranscriptBuilder) -> ClientRequest:
    made = consented(builder, "upstream token expired")
    builder.refresh("vendor")
    return made.answered(401)


@not_observed("CONS-002", "CONS-003", "CONS-005", "CONS-006", "CONS-008", "CONS-009", "CONS-010")
def test_probes_of_other_requirements_are_not_judged(builder: TranscriptBuilder) -> None:
    control = builder.ask("dave", "everything").answered(403)
    builder.probe("granted", builder.call("dave", "everything"), control, "access granted now")


# -- CONS-006


def call_without_consent(builder: TranscriptBuilder) -> ClientRequest:
    """Add alice's call with consent, and the same call of bob, who has not consented."""
    control = builder.call("alice", "mail")
    return builder.probe("still asked", builder.ask("bob", "mail"), control, "no consent")


@passes("CONS-006")
def test_consent_of_one_user_is_not_used_for_another(builder: TranscriptBuilder) -> int:
    call_without_consent(builder).asked_to_consent(ONE)
    call_without_consent(builder).arrives(auth=(), status=401).asked_to_consent(ONE)  # discovery at the upstream
    return 2


@fails("CONS-006")
def test_consent_of_one_user_is_used_for_another(builder: TranscriptBuilder) -> TranscriptLine:
    return call_without_consent(builder).arrives(auth=["access:alice:mail"]).answered().arrival


@fails("CONS-006")
@pytest.mark.parametrize(("auth", "status"), [(["access:alice:mail"], 401), ((), 200)], ids=["tried", "let in"])
def test_consent_is_requested_after_the_call_is_forwarded(
    builder: TranscriptBuilder, auth: Any, status: int
) -> TranscriptLine:
    return call_without_consent(builder).arrives(auth=auth, status=status).asked_to_consent(ONE).arrival


@fails("CONS-006")
@pytest.mark.parametrize("status", [200, 403])
def test_user_without_consent_is_refused_without_consent_request(
    builder: TranscriptBuilder, status: int
) -> ClientRequest:
    return call_without_consent(builder).refused("go away", status=status)


@untestable("CONS-006")
def test_consent_is_untestable_if_the_consented_call_fails(builder: TranscriptBuilder) -> None:
    control = builder.ask("alice", "mail").answered(502)
    for made in (builder.ask("bob", "mail").asked_to_consent(ONE), builder.ask("bob", "mail").answered(502)):
        builder.probe("still asked", made, control, "no consent")


# -- CONS-007


@passes("CONS-007")
def test_each_user_gets_their_own_mailbox(builder: TranscriptBuilder) -> int:
    asked = [builder.ask(user, "mail", tool="mailbox").arrives() for user in ("alice", "bob", "carol")]
    for made in asked[::-1]:
        made.answered()
    builder.call("alice", "mail", tool="whoami")
    builder.ask("alice", "mail", "tools/list").answered(200, {"id": 1, "result": {"structuredContent": {"owner": "x"}}})
    return 3


@fails("CONS-007")
@pytest.mark.parametrize("owner", ["bob", None, ""])
def test_user_gets_the_mailbox_of_another(builder: TranscriptBuilder, owner: str | None) -> ClientRequest:
    builder.call("bob", "mail", tool="mailbox")
    made = builder.ask("alice", "mail", tool="mailbox")
    return made.answered(200, made.reply("mail", structuredContent={"owner": owner}))


# -- CONS-008

ADVICE = "A virtual account has no mailbox: use a user's personal access token, or static header auth on that server."


def virtual_account_call(builder: TranscriptBuilder, server: str = "mail") -> ClientRequest:
    """Add a request of a virtual account at a server that has tokens for users only."""
    control = builder.call("alice", server, at="mail")
    return builder.probe("no user", builder.ask("support-bot", server, at="mail"), control, "a virtual account")


WORDED = (
    "Log in with a JWT",
    "use a user token",
    "set a Static Header instead",
    "mail works only for signed-in people",
    "Call it with the token of a person, or let an administrator store a fixed header for it.",
    "mail needs a person’s own credentials; configure a shared API key otherwise",
    "Only individual users' access tokens work here",
    "Applications have no mailbox. Sign in as yourself (single sign-on)",
    "Use service credentials, or tokens that belong to a user",
    "Configure an API key for this server",
)


@passes("CONS-008")
@pytest.mark.parametrize("text", [ADVICE, *WORDED])
def test_virtual_account_is_refused_with_advice(builder: TranscriptBuilder, text: str) -> int:
    virtual_account_call(builder).refused(text)
    virtual_account_call(builder).answered(403, body='{"message": "show a user\\u0027s token"}')
    refused = virtual_account_call(builder, "workbench")
    refused.arrives(at="web-search").refused(text)  # the gateway may have sent requests to the other members
    return 3


@fails("CONS-008")
@pytest.mark.parametrize(
    "text",
    [
        "no",
        "virtual accounts are not supported",
        "",
        "the token of support-bot is invalid",
        "invalid API key",
        "support-bot is no user",
        "the header Authorization is missing",
        "internal error in the service mail",
    ],
)
def test_virtual_account_is_refused_without_advice(builder: TranscriptBuilder, text: str) -> ClientRequest:
    virtual_account_call(builder).refused(ADVICE)
    return virtual_account_call(builder).refused(text)


@fails("CONS-008")
def test_virtual_account_is_asked_for_consent(builder: TranscriptBuilder) -> ClientRequest:
    return virtual_account_call(builder).asked_to_consent(data=f"{ADVICE} Or please visit: {ONE}. Please visit: {ONE}")


@fails("CONS-008")
def test_virtual_account_is_served(builder: TranscriptBuilder) -> ClientRequest:
    made = virtual_account_call(builder)
    return made.answered(200, made.reply("mail", content=[{"type": "text", "text": ADVICE}]))


@fails("CONS-008")
@pytest.mark.parametrize(("auth", "status"), [(["access:alice:mail"], 401), ((), 200)], ids=["tried", "let in"])
def test_virtual_account_is_refused_after_the_call_is_forwarded(
    builder: TranscriptBuilder, auth: Any, status: int
) -> ClientRequest:
    return virtual_account_call(builder).arrives(auth=auth, status=status).refused(ADVICE)


@untestable("CONS-008")
def test_virtual_account_is_untestable_if_users_fail_too(builder: TranscriptBuilder) -> None:
    control = builder.ask("alice", "mail").answered(502)
    for text in (ADVICE, "out of order"):
        builder.probe("no user", builder.ask("support-bot", "mail").refused(text), control, "a virtual account")


# -- CONS-010


def refresh_refused(builder: TranscriptBuilder, status: int = 400) -> ClientRequest:
    """Add a call after alice's token has expired, and its issuer refuses the refresh."""
    control = unconsented(builder)
    builder.refresh("vendor", status=status)
    return builder.probe("asked again", builder.ask("alice", "mail"), control, "refresh refused")


@passes("CONS-010")
def test_refused_refresh_leads_to_consent_request(builder: TranscriptBuilder) -> int:
    refresh_refused(builder).asked_to_consent(ONE)
    return 1


@fails("CONS-010")
@pytest.mark.parametrize("status", [200, 401, 500])
def test_refused_refresh_without_consent_request(builder: TranscriptBuilder, status: int) -> ClientRequest:
    return refresh_refused(builder).refused("invalid_grant", status=status)


@untestable("CONS-010")
@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("asked", [True, False])
def test_refresh_that_was_not_refused_is_untestable(builder: TranscriptBuilder, status: int, asked: bool) -> None:
    builder.refresh("vendor", status=400)  # of an earlier request
    made = refresh_refused(builder, status)
    if asked:
        made.asked_to_consent(ONE)
    else:
        made.answered(502)
