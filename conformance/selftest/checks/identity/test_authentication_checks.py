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
REFUSED_OR_FORWARDED = {**REFUSED, "AUTH-010": ["no token"]}
EXPECTED = "unauthenticated"


@passes(REFUSED_OR_FORWARDED)
def test_bad_token_is_refused_with_401(builder: TranscriptBuilder, value: str) -> int:
    attempt(builder, EXPECTED, value, 401)
    return 1


@fails(REFUSED)
@pytest.mark.parametrize("status", [200, 403, 404, 302, 500])
def test_bad_token_gets_another_status(builder: TranscriptBuilder, value: str, status: int) -> ClientRequest:
    return attempt(builder, EXPECTED, value, status)


@fails(REFUSED)
def test_bad_token_is_accepted(builder: TranscriptBuilder, value: str) -> ClientRequest:
    return attempt(builder, EXPECTED, value, 200, lands=True)


@fails(REFUSED)
def test_bad_token_is_refused_with_status_200(builder: TranscriptBuilder, value: str) -> ClientRequest:
    control = builder.call("alice", "calculator")
    return builder.probe(
        EXPECTED, builder.ask("alice", "calculator").refused("who are you?", status=200), control, value
    )


@fails(REFUSED)
def test_bad_token_gets_no_response(builder: TranscriptBuilder, value: str) -> ClientRequest:
    control = builder.call("alice", "calculator")
    return builder.probe(EXPECTED, builder.ask("alice", "calculator").failed(), control, value)


@untestable(REFUSED_OR_FORWARDED)
@pytest.mark.parametrize("lands", [False, True], ids=["refused as well", "accepted but never seen"])
def test_refusal_is_untestable_if_the_control_fails(builder: TranscriptBuilder, value: str, lands: bool) -> None:
    without_control(builder, EXPECTED, value, 401, lands=lands)


@untestable(REFUSED_OR_FORWARDED)
def test_control_with_jsonrpc_error_is_untestable(builder: TranscriptBuilder, value: str) -> None:
    control = builder.ask("alice", "calculator").arrives().refused("no", status=200)
    builder.probe(EXPECTED, builder.ask("alice", "calculator").answered(401), control, value)


@untestable(REFUSED_OR_FORWARDED)
@pytest.mark.parametrize("lands", [False, True], ids=["refused", "never seen"])
def test_accepted_bad_token_is_untestable_if_the_control_fails(
    builder: TranscriptBuilder, value: str, lands: bool
) -> None:
    without_control(builder, EXPECTED, value, 401, lands=lands, answer=200)


@untestable(REFUSED_OR_FORWARDED)
def test_control_without_response_is_untestable(builder: TranscriptBuilder, value: str) -> None:
    control = builder.ask("alice", "calculator").arrives().failed()
    builder.probe(EXPECTED, builder.ask("alice", "calculator").answered(401), control, value)


@not_observed(REFUSED)
def test_probes_of_other_requirements_are_not_judged(builder: TranscriptBuilder, value: str) -> None:
    attempt(builder, "denied", value, 403)


@fails("AUTH-001", "AUTH-002")
@pytest.mark.parametrize("method", ["GET", "DELETE", "tools/list", "initialize"])
def test_one_method_accepts_bad_tokens(builder: TranscriptBuilder, method: str) -> ClientRequest:
    for attribute in ("no token", "an unknown token"):
        attempt(builder, EXPECTED, attribute, 401)
    control = builder.call("alice", "calculator", method=method)
    unguarded = builder.ask("alice", "calculator", method).answered()
    for attribute in ("no token", "an unknown token"):
        builder.probe(EXPECTED, unguarded, control, attribute)
    return unguarded


@not_observed("AUTH-001", "AUTH-010")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_unsupported_method_is_not_judged(builder: TranscriptBuilder, method: str) -> None:
    control = builder.ask("alice", "calculator", method).answered(405)
    builder.probe(EXPECTED, builder.ask("alice", "calculator", method).answered(405), control, "no token")


@not_observed("AUTH-001", "AUTH-010")
def test_control_stream_without_response_head_is_not_judged(builder: TranscriptBuilder) -> None:
    control = builder.ask("alice", "calculator", "GET").failed(detail="ReadTimeout")
    builder.probe(EXPECTED, builder.ask("alice", "calculator", "GET").answered(401), control, "no token")


@untestable(REFUSED_OR_FORWARDED)
def test_control_with_tool_error_is_untestable(builder: TranscriptBuilder, value: str) -> None:
    control = builder.ask("alice", "calculator")
    control.answered(200, control.reply("calculator", isError=True))
    builder.probe(EXPECTED, builder.ask("alice", "calculator").answered(401), control, value)
    builder.fence("alice", "calculator")


@untestable("AUTH-001")
def test_method_that_fails_for_the_control_is_untestable(builder: TranscriptBuilder) -> None:
    control = builder.ask("alice", "calculator", "GET").answered(500)
    builder.probe(EXPECTED, builder.ask("alice", "calculator", "GET").answered(401), control, "no token")


@untestable("AUTH-001")
def test_control_refused_with_405_is_untestable(builder: TranscriptBuilder) -> None:
    without_control(builder, EXPECTED, "no token", 405)


@passes("AUTH-002")
def test_empty_token_is_refused_with_400(builder: TranscriptBuilder) -> int:
    attempt(builder, EXPECTED, "an empty token", 400)
    return 1


@fails("AUTH-002")
@pytest.mark.parametrize("attribute", ["an unknown token", "another scheme", "a JWT-shaped garbage token"])
def test_wrong_token_is_refused_with_400(builder: TranscriptBuilder, attribute: str) -> ClientRequest:
    return attempt(builder, EXPECTED, attribute, 400)


@pytest.mark.parametrize(("status", "words"), [(403, "was refused in another way"), (200, "was not refused")])
def test_violation_distinguishes_wrong_status_from_acceptance(
    builder: TranscriptBuilder, status: int, words: str
) -> None:
    attempt(builder, EXPECTED, "an unknown token", status, lands=status == 200)
    assert words in builder.judged_by("AUTH-002").violations[0].what


@fails("AUTH-004")
def test_only_the_unsigned_jwt_is_accepted(builder: TranscriptBuilder) -> ClientRequest:
    for attribute in ("alg-none", "tampered"):
        attempt(builder, EXPECTED, attribute, 401)
    return attempt(builder, EXPECTED, "unsigned", 200, lands=True)


@passes("AUTH-007")
def test_external_caller_is_served(builder: TranscriptBuilder) -> int:
    builder.call("carol", "calculator")
    builder.ask("alice", "calculator").answered(403)  # not an external caller: she has an account
    return 1


@fails("AUTH-007")
@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_external_caller_is_refused(builder: TranscriptBuilder, status: int) -> ClientRequest:
    builder.call("carol", "crm")
    return builder.ask("carol", "calculator").answered(status)


@fails("AUTH-007")
def test_external_caller_gets_a_jsonrpc_error_with_status_200(builder: TranscriptBuilder) -> ClientRequest:
    return builder.ask("carol", "calculator").refused("no such user", status=200)


@not_observed("AUTH-007")
def test_external_caller_without_tool_call_is_not_judged(builder: TranscriptBuilder) -> None:
    builder.call("carol", "calculator", method="tools/list")


@passes("AUTH-009")
@pytest.mark.parametrize(
    "challenge", ["Bearer", 'Bearer realm="x", error="invalid_token"', "Basic", "Negotiate, Basic", "X-Own\tx=1"]
)
def test_401_with_a_challenge(builder: TranscriptBuilder, challenge: str) -> int:
    control = builder.call("alice", "calculator")
    made = builder.ask("alice", "calculator").answered(401, headers=[("www-authenticate", challenge)])
    builder.probe(EXPECTED, made, control, "no token")
    return 1


@fails("AUTH-009")
@pytest.mark.parametrize("challenge", [None, "", "=", '"Bearer"', "realm=x"])
def test_401_without_a_valid_challenge(builder: TranscriptBuilder, challenge: str | None) -> ClientRequest:
    control = builder.call("alice", "calculator")
    headers = [] if challenge is None else [("WWW-Authenticate", challenge)]
    return builder.probe(
        EXPECTED, builder.ask("alice", "calculator").answered(401, headers=headers), control, "no token"
    )


@fails("AUTH-009")
def test_one_401_without_a_challenge(builder: TranscriptBuilder) -> ClientRequest:
    attempt(builder, EXPECTED, "no token", 401)
    control = builder.call("alice", "calculator")
    return builder.probe(EXPECTED, builder.ask("alice", "calculator", "GET").answered(401), control, "expired")


@not_observed("AUTH-009")
def test_refusals_without_401_are_not_judged(builder: TranscriptBuilder) -> None:
    attempt(builder, EXPECTED, "no token", 400)
    attempt(builder, "denied", "no access", 401)


@passes("AUTH-015")
def test_each_401_with_a_challenge(builder: TranscriptBuilder) -> int:
    given = [("WWW-Authenticate", "Bearer")]
    for method in ("tools/list", "notifications/initialized", "GET", "DELETE"):
        builder.ask("alice", "calculator", method).answered(401, headers=given)
    builder.ask("alice", "crm").arrives(status=401).answered(401)  # that of the upstream
    builder.ask("alice", "crm", "GET").arrives(status=401).answered(401)
    builder.ask("alice", "calculator").answered(403)
    return 4


@fails("AUTH-015")
@pytest.mark.parametrize("method", ["tools/list", "notifications/initialized", "GET", "DELETE"])
def test_401_without_a_challenge(builder: TranscriptBuilder, method: str) -> ClientRequest:
    return builder.ask("alice", "calculator", method).answered(401)


def _challenged(builder: TranscriptBuilder, challenge: str, attribute: str) -> ClientRequest:
    control = builder.call("alice", "calculator")
    made = builder.ask("alice", "calculator").answered(401, headers=[("www-authenticate", challenge)])
    return builder.probe(EXPECTED, made, control, attribute)


WITHOUT = 'Bearer resource_metadata="http://127.0.0.1/"'
WITH = 'Bearer realm="a, error=b", error="invalid_token"'


@passes("AUTH-012")
@pytest.mark.parametrize("challenge", ["Bearer", WITHOUT, f"Basic realm=x, {WITHOUT}"])
def test_challenge_without_a_token_has_no_error(builder: TranscriptBuilder, challenge: str) -> int:
    _challenged(builder, WITH, "expired")
    _challenged(builder, challenge, "no token")
    return 1


@fails("AUTH-012")
@pytest.mark.parametrize("challenge", [WITH, "bearer ERROR=invalid_request"])
def test_challenge_without_a_token_has_an_error(builder: TranscriptBuilder, challenge: str) -> ClientRequest:
    return _challenged(builder, challenge, "no token")


@passes("AUTH-013")
@pytest.mark.parametrize("challenge", [WITH, f"Basic realm=x, {WITH}", "bearer error=invalid_token"])
def test_challenge_for_a_token_has_the_error(builder: TranscriptBuilder, challenge: str) -> int:
    _challenged(builder, WITHOUT, "no token")
    _challenged(builder, challenge, "an unknown token")
    return 1


@fails("AUTH-013")
@pytest.mark.parametrize("challenge", [WITHOUT, 'Bearer error="invalid_request"', 'Bearer realm="error=invalid_token"'])
def test_challenge_for_a_token_lacks_the_error(builder: TranscriptBuilder, challenge: str) -> ClientRequest:
    return _challenged(builder, challenge, "expired")


@not_observed("AUTH-012", "AUTH-013")
@pytest.mark.parametrize("attribute", ["no token", "expired", "another scheme", "an empty token"])
def test_challenges_of_other_schemes_are_not_judged(builder: TranscriptBuilder, attribute: str) -> None:
    _challenged(builder, 'Basic realm="bearer", X-Bearer error=x', attribute)


@fails("AUTH-010")
def test_refused_request_is_forwarded(builder: TranscriptBuilder) -> TranscriptLine:
    return attempt(builder, EXPECTED, "expired", 401, lands=True).arrival


@fails("AUTH-010")
def test_refused_request_is_forwarded_after_the_fence(builder: TranscriptBuilder) -> TranscriptLine:
    attempt(builder, EXPECTED, "no token", 401)
    return attempt(builder, EXPECTED, "expired", 401, method="tools/list").arrives().arrival


@fails("AUTH-010")
def test_accepted_request_is_forwarded_twice(builder: TranscriptBuilder) -> list[TranscriptLine]:
    return attempt(builder, EXPECTED, "no token", 200, lands=True).arrives().arrivals


@fails("AUTH-010")
def test_refused_request_is_forwarded_without_fence(builder: TranscriptBuilder) -> TranscriptLine:
    control = builder.call("alice", "calculator")
    made = builder.ask("alice", "calculator").arrives().answered(401)
    return builder.probe(EXPECTED, made, control, "no token").arrival


@not_observed("AUTH-010")
def test_get_stream_without_nonce_is_not_judged(builder: TranscriptBuilder) -> None:
    attempt(builder, EXPECTED, "no token", 401, method="GET")


@untestable("AUTH-010")
def test_refused_request_without_fence_is_untestable(builder: TranscriptBuilder) -> None:
    control = builder.call("alice", "calculator")
    made = builder.ask("alice", "calculator").answered(401, headers=CHALLENGE)
    builder.probe(EXPECTED, made, control, "no token")
