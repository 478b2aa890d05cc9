"""Ways in which right gateways treat token answers and failures of the moment: no row of token_answers.toml counts them."""

from collections.abc import Callable
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import assert_no_violation
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder

CONSENT = "http://127.0.0.1:5000/oauth/connect/1"
ROWS = [requirement for requirement in REGISTRY.all() if requirement.group == "token_answers"]
Liberty = Callable[[TranscriptBuilder], object]


def control(builder: TranscriptBuilder) -> ClientRequest:
    return builder.ask("alice", "mail", "initialize").asked_to_consent(CONSENT)


def asked(builder: TranscriptBuilder) -> ClientRequest:
    return builder.ask("alice", "mail", "initialize").asked_to_consent(CONSENT)


def failed(builder: TranscriptBuilder, status: int = 502) -> ClientRequest:
    return builder.ask("alice", "mail", "initialize").answered(status)


def a_quick_retry(builder: TranscriptBuilder) -> None:
    """Tries a failed refresh once more at once, and answers with an error of its choice."""
    first = control(builder)
    for _ in range(4):
        builder.refresh("vendor", status=503)
    facts: dict[str, Any] = {
        "meanwhile": [failed(builder).exchange, failed(builder, 503).exchange],
        "others": [],
        "delayed": [],
    }
    builder.refresh("vendor")
    builder.case("refresh-failed-503", builder.call("alice", "mail"), control=first, **facts)


def the_old_token_while_it_lasts(builder: TranscriptBuilder) -> None:
    """Refreshes early, and uses the old token while it cannot."""
    first = control(builder)
    builder.refresh("vendor", status=429)
    facts: dict[str, Any] = {"meanwhile": [builder.call("alice", "mail").exchange], "others": [], "delayed": []}
    builder.case("refresh-failed-429-later", builder.call("alice", "mail"), control=first, **facts)


def a_member_that_waits(builder: TranscriptBuilder) -> None:
    """Answers a new handshake with an error while the token for one member cannot be refreshed, and calls of the other go on."""
    first = control(builder)
    builder.refresh("calendar-as", status=503)
    beside = builder.call("alice", "inbox", tool="mail_whoami")
    facts: dict[str, Any] = {"meanwhile": [failed(builder).exchange], "beside": [beside.exchange]}
    builder.case("member-failed-503", builder.call("alice", "calendar"), control=first, **facts)


def two_refreshes_at_most(builder: TranscriptBuilder) -> None:
    """Refreshes a token without a lifetime once more, before it takes it for an endless one."""
    first = control(builder)
    for _ in range(2):
        builder.refresh("vendor")
    builder.case("refresh-lifetime-absent", *[builder.call("alice", "mail") for _ in range(3)], control=first)


def an_error_until_retry_after(builder: TranscriptBuilder) -> None:
    """Sends no request before the time of Retry-After, and answers with an error until then."""
    first = control(builder)
    builder.refresh("vendor", status=429)
    facts: dict[str, Any] = {"meanwhile": [failed(builder, 503).exchange], "others": [], "delayed": []}
    builder.case("refresh-failed-429-later", failed(builder, 503), control=first, **facts)


def a_text_refused(builder: TranscriptBuilder) -> None:
    """Refuses an answer whose lifetime is a text, on the page of the consent, and asks for consent again."""
    first = control(builder)
    builder.visit("alice", f"{builder.world_json['gateway']['callback_url']}?code=c&state=s", 502)
    builder.case("code-lifetime-text", asked(builder), control=first)
    builder.case("outlived-lifetime-text", asked(builder), control=first)


def a_text_that_cannot_be_refreshed(builder: TranscriptBuilder) -> None:
    """Cannot use the answer to a refresh, and answers with an error, or asks for consent."""
    first = control(builder)
    builder.case("refresh-lifetime-text", failed(builder), asked(builder), control=first)


def zero_means_now(builder: TranscriptBuilder) -> None:
    """Refreshes before each request when each token has a lifetime of 0 seconds."""
    first = control(builder)
    calls = []
    for _ in range(4):
        builder.refresh("vendor")
        calls.append(builder.call("alice", "mail"))
    builder.case("code-lifetime-zero", *calls, control=first, markers=[])


def an_old_token_shown(builder: TranscriptBuilder) -> None:
    """Cannot use a token of an unknown type, and shows the expired one to the upstream, which rejects it."""
    first = control(builder)
    made = builder.ask("alice", "mail").arrives(status=401).answered(502)
    builder.case("refresh-type-dpop", made, control=first)


def a_second_look_at_the_store(builder: TranscriptBuilder) -> None:
    """Tries a refused refresh token once more, and then asks for consent."""
    first = control(builder)
    for _ in range(2):
        builder.refresh("vendor", status=400)
    attempts = [asked(builder) for _ in range(3)]
    builder.case("refused-invalid-grant", *attempts, control=first, renewed=[builder.call("alice", "mail").exchange])


def a_refused_client_asks_again(builder: TranscriptBuilder) -> None:
    """Takes invalid_client as the end of the grant, and asks for consent; or reports the error and keeps the consent."""
    first = control(builder)
    for answer in (asked(builder), builder.call("alice", "mail")):
        builder.refresh("vendor", status=401)
        builder.case("refused-invalid-client", failed(builder), control=first, renewed=[answer.exchange])


def a_code_redeemed_at_the_second_try(builder: TranscriptBuilder) -> None:
    """Sends the code once more when the token endpoint fails: the user notices nothing."""
    first = control(builder)
    builder.redeem("vendor")
    builder.redeem("vendor")
    made = builder.call("alice", "mail")
    builder.case("code-failed-503", made, control=first, renewed=[made.exchange])


def a_narrower_refresh(builder: TranscriptBuilder) -> None:
    """Refreshes with the scope of its authorization request."""
    fields = {"grant_type": "refresh_token", "scope": "mail", "resource": "urn:mail"}
    builder.token_request("vendor", fields)
    builder.token_request("vendor", {**fields, "scope": ""} | {"grant_type": "refresh_token"})
    facts: dict[str, Any] = {"expected": "urn:mail", "allowed": ["mail", "offline_access", ""]}
    builder.case("two-refreshes", builder.call("alice", "mail"), control=control(builder), **facts)


LIBERTIES: list[Liberty] = [
    a_quick_retry,
    the_old_token_while_it_lasts,
    a_member_that_waits,
    two_refreshes_at_most,
    an_error_until_retry_after,
    a_text_refused,
    a_text_that_cannot_be_refreshed,
    zero_means_now,
    an_old_token_shown,
    a_second_look_at_the_store,
    a_refused_client_asks_again,
    a_code_redeemed_at_the_second_try,
    a_narrower_refresh,
]


@pytest.mark.parametrize("liberty", LIBERTIES)
def test_conforming_behaviour_has_no_violation(builder: TranscriptBuilder, liberty: Liberty) -> None:
    liberty(builder)
    judgements = [builder.judged_by(row.id) for row in ROWS]
    assert_no_violation(judgements)
    assert any(judgement.outcome is Outcome.PASS for judgement in judgements)
