"""Tests of the checks of authentication.toml."""

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes, untestable
from gatebench.conformance.selftest.support.probe_steps import CHALLENGE, attempt, without_control
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

REFUSED = {
    "AUTH-001": ["no token"],
    "AUTH-002": ["an unknown token", "an empty token", "another scheme", "a JWT-shaped garbage token"],
    "AUTH-003": ["expired", "not-yet-valid", "no-expiry"],
    "AUTH-004": ["rogue-signature", "foreign-key", "alg-none", "hmac-with-public-key", "tampered", "unsigned"],
    "AUTH-005": ["wrong-issuer", "rogue-issuer"],
    "AUTH-006": ["wrong-audience", "no-audience"],
    "AUTH-008": ["a revoked token"],
    "AUTH-011": [
        "no token in an open session",
        "an unknown token in an open session",
        "a token revoked in mid-session",
    ],
}
LET_IN = {**REFUSED, "AUTH-010": ["no token"]}
WHO = "unauthenticated"


@passes(LET_IN)
def test_refused(builder: TranscriptBuilder, value: str) -> int:
    attempt(builder, WHO, value, 401)
    return 1


@fails(REFUSED)
@pytest.mark.parametrize("status", [200, 403, 404, 302, 500])
def test_not_asked_who_it_is(builder: TranscriptBuilder, value: str, status: int) -> ClientRequest:
    return attempt(builder, WHO, value, status)


@fails(REFUSED)
def test_let_in(builder: TranscriptBuilder, value: str) -> ClientRequest:
    return attempt(builder, WHO, value, 200, lands=True)


@fails(REFUSED)
def test_refused_with_a_good_status(builder: TranscriptBuilder, value: str) -> ClientRequest:
    control = builder.call("alice", "calculator")
    return builder.probe(WHO, builder.ask("alice", "calculator").refused("who are you?", status=200), control, value)


@fails(REFUSED)
def test_left_without_an_answer(builder: TranscriptBuilder, value: str) -> ClientRequest:
    control = builder.call("alice", "calculator")
    return builder.probe(WHO, builder.ask("alice", "calculator").failed(), control, value)


@untestable(LET_IN)
@pytest.mark.parametrize("lands", [False, True], ids=["refused as well", "accepted but never seen"])
def test_refused_like_everybody(builder: TranscriptBuilder, value: str, lands: bool) -> None:
    without_control(builder, WHO, value, 401, lands=lands)


@untestable(LET_IN)
def test_a_control_with_an_error_in_a_good_answer(builder: TranscriptBuilder, value: str) -> None:
    control = builder.ask("alice", "calculator").arrives().refused("no", status=200)
    builder.probe(WHO, builder.ask("alice", "calculator").answered(401), control, value)


@untestable(LET_IN)
@pytest.mark.parametrize("lands", [False, True], ids=["refused", "never seen"])
def test_let_in_where_the_control_is_not(builder: TranscriptBuilder, value: str, lands: bool) -> None:
    without_control(builder, WHO, value, 401, lands=lands, answer=200)


@untestable(LET_IN)
def test_a_control_without_an_answer(builder: TranscriptBuilder, value: str) -> None:
    control = builder.ask("alice", "calculator").arrives().failed()
    builder.probe(WHO, builder.ask("alice", "calculator").answered(401), control, value)


@not_observed(REFUSED)
def test_another_expectation(builder: TranscriptBuilder, value: str) -> None:
    attempt(builder, "denied", value, 403)


@fails("AUTH-001", "AUTH-002")
@pytest.mark.parametrize("method", ["GET", "DELETE", "tools/list", "initialize"])
def test_only_one_method_is_unguarded(builder: TranscriptBuilder, method: str) -> ClientRequest:
    for attribute in ("no token", "an unknown token"):
        attempt(builder, WHO, attribute, 401)
    control = builder.call("alice", "calculator", method=method)
    unguarded = builder.ask("alice", "calculator", method).answered()
    for attribute in ("no token", "an unknown token"):
        builder.probe(WHO, unguarded, control, attribute)
    return unguarded


@not_observed("AUTH-001", "AUTH-010")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_method_that_the_gateway_does_not_have(builder: TranscriptBuilder, method: str) -> None:
    control = builder.ask("alice", "calculator", method).answered(405)
    builder.probe(WHO, builder.ask("alice", "calculator", method).answered(405), control, "no token")


@not_observed("AUTH-001", "AUTH-010")
def test_a_stream_whose_head_waits_for_something_to_say(builder: TranscriptBuilder) -> None:
    control = builder.ask("alice", "calculator", "GET").failed(detail="ReadTimeout")
    builder.probe(WHO, builder.ask("alice", "calculator", "GET").answered(401), control, "no token")


@untestable(LET_IN)
def test_a_control_that_came_back_as_a_tool_error(builder: TranscriptBuilder, value: str) -> None:
    control = builder.ask("alice", "calculator")
    control.answered(200, control.reply("calculator", isError=True))
    builder.probe(WHO, builder.ask("alice", "calculator").answered(401), control, value)
    builder.fence("alice", "calculator")


@untestable("AUTH-001")
def test_a_method_that_works_for_nobody(builder: TranscriptBuilder) -> None:
    control = builder.ask("alice", "calculator", "GET").answered(500)
    builder.probe(WHO, builder.ask("alice", "calculator", "GET").answered(401), control, "no token")


@untestable("AUTH-001")
def test_not_even_posting_is_possible(builder: TranscriptBuilder) -> None:
    without_control(builder, WHO, "no token", 405)


@passes("AUTH-002")
def test_a_header_without_a_token_is_a_bad_request(builder: TranscriptBuilder) -> int:
    attempt(builder, WHO, "an empty token", 400)
    return 1


@fails("AUTH-002")
@pytest.mark.parametrize("attribute", ["an unknown token", "another scheme", "a JWT-shaped garbage token"])
def test_a_wrong_token_is_no_bad_request(builder: TranscriptBuilder, attribute: str) -> ClientRequest:
    return attempt(builder, WHO, attribute, 400)


@pytest.mark.parametrize(("status", "words"), [(403, "was refused in another way"), (200, "was not refused")])
def test_who_was_refused_in_another_way_was_not_let_in(builder: TranscriptBuilder, status: int, words: str) -> None:
    attempt(builder, WHO, "an unknown token", status, lands=status == 200)
    assert words in builder.judged_by("AUTH-002").violations[0].what


@fails("AUTH-004")
def test_an_unsigned_jwt_is_taken_and_the_others_are_not(builder: TranscriptBuilder) -> ClientRequest:
    for attribute in ("alg-none", "tampered"):
        attempt(builder, WHO, attribute, 401)
    return attempt(builder, WHO, "unsigned", 200, lands=True)


@passes("AUTH-007")
def test_an_external_caller(builder: TranscriptBuilder) -> int:
    builder.call("carol", "calculator")
    builder.ask("alice", "calculator").answered(403)  # not an external caller: she has an account
    return 1


@fails("AUTH-007")
@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_an_external_caller_is_unknown(builder: TranscriptBuilder, status: int) -> ClientRequest:
    builder.call("carol", "crm")
    return builder.ask("carol", "calculator").answered(status)


@fails("AUTH-007")
def test_an_external_caller_is_refused_politely(builder: TranscriptBuilder) -> ClientRequest:
    return builder.ask("carol", "calculator").refused("no such user", status=200)


@not_observed("AUTH-007")
def test_an_external_caller_who_only_looks_around(builder: TranscriptBuilder) -> None:
    builder.call("carol", "calculator", method="tools/list")


@passes("AUTH-009")
@pytest.mark.parametrize(
    "challenge", ["Bearer", 'Bearer realm="x", error="invalid_token"', "Basic", "Negotiate, Basic", "X-Own\tx=1"]
)
def test_a_challenge(builder: TranscriptBuilder, challenge: str) -> int:
    control = builder.call("alice", "calculator")
    made = builder.ask("alice", "calculator").answered(401, headers=[("www-authenticate", challenge)])
    builder.probe(WHO, made, control, "no token")
    return 1


@fails("AUTH-009")
@pytest.mark.parametrize("challenge", [None, "", "=", '"Bearer"', "realm=x"])
def test_no_challenge(builder: TranscriptBuilder, challenge: str | None) -> ClientRequest:
    control = builder.call("alice", "calculator")
    headers = [] if challenge is None else [("WWW-Authenticate", challenge)]
    return builder.probe(WHO, builder.ask("alice", "calculator").answered(401, headers=headers), control, "no token")


@fails("AUTH-009")
def test_one_401_without_a_challenge(builder: TranscriptBuilder) -> ClientRequest:
    attempt(builder, WHO, "no token", 401)
    control = builder.call("alice", "calculator")
    return builder.probe(WHO, builder.ask("alice", "calculator", "GET").answered(401), control, "expired")


@not_observed("AUTH-009")
def test_other_refusals_need_no_challenge(builder: TranscriptBuilder) -> None:
    attempt(builder, WHO, "no token", 400)
    attempt(builder, "denied", "no access", 401)


@fails("AUTH-010")
def test_refused_and_passed_on_all_the_same(builder: TranscriptBuilder) -> TranscriptLine:
    return attempt(builder, WHO, "expired", 401, lands=True).arrival


@fails("AUTH-010")
def test_refused_and_arriving_after_the_fence(builder: TranscriptBuilder) -> TranscriptLine:
    attempt(builder, WHO, "no token", 401)
    return attempt(builder, WHO, "expired", 401, method="tools/list").arrives().arrival


@fails("AUTH-010")
def test_let_in_and_arriving_twice(builder: TranscriptBuilder) -> list[TranscriptLine]:
    return attempt(builder, WHO, "no token", 200, lands=True).arrives().arrivals


@fails("AUTH-010")
def test_passed_on_and_nothing_heard_since(builder: TranscriptBuilder) -> TranscriptLine:
    control = builder.call("alice", "calculator")
    made = builder.ask("alice", "calculator").arrives().answered(401)
    return builder.probe(WHO, made, control, "no token").arrival


@not_observed("AUTH-010")
def test_a_stream_carries_nothing_to_find_again(builder: TranscriptBuilder) -> None:
    attempt(builder, WHO, "no token", 401, method="GET")


@untestable("AUTH-010")
def test_refused_and_nothing_heard_since(builder: TranscriptBuilder) -> None:
    control = builder.call("alice", "calculator")
    made = builder.ask("alice", "calculator").answered(401, headers=CHALLENGE)
    builder.probe(WHO, made, control, "no token")
