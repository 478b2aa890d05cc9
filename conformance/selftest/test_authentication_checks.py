"""The checks of authentication.toml on trial."""

import pytest

from conformance.selftest.asks import Ask, Line
from conformance.selftest.attempts import CHALLENGE, attempt, without_control
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, leaves_open, shows_nothing

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


@keeps(LET_IN)
def test_refused(story: Story, value: str) -> int:
    attempt(story, WHO, value, 401)
    return 1


@breaks(REFUSED)
@pytest.mark.parametrize("status", [200, 403, 404, 302, 500])
def test_not_asked_who_it_is(story: Story, value: str, status: int) -> Ask:
    return attempt(story, WHO, value, status)


@breaks(REFUSED)
def test_let_in(story: Story, value: str) -> Ask:
    return attempt(story, WHO, value, 200, lands=True)


@breaks(REFUSED)
def test_refused_with_a_good_status(story: Story, value: str) -> Ask:
    control = story.call("alice", "calculator")
    return story.probe(WHO, story.ask("alice", "calculator").refused("who are you?", status=200), control, value)


@breaks(REFUSED)
def test_left_without_an_answer(story: Story, value: str) -> Ask:
    control = story.call("alice", "calculator")
    return story.probe(WHO, story.ask("alice", "calculator").failed(), control, value)


@leaves_open(LET_IN)
@pytest.mark.parametrize("lands", [False, True], ids=["refused as well", "accepted but never seen"])
def test_refused_like_everybody(story: Story, value: str, lands: bool) -> None:
    without_control(story, WHO, value, 401, lands=lands)


@leaves_open(LET_IN)
def test_a_control_with_an_error_in_a_good_answer(story: Story, value: str) -> None:
    control = story.ask("alice", "calculator").arrives().refused("no", status=200)
    story.probe(WHO, story.ask("alice", "calculator").answered(401), control, value)


@leaves_open(LET_IN)
@pytest.mark.parametrize("lands", [False, True], ids=["refused", "never seen"])
def test_let_in_where_the_control_is_not(story: Story, value: str, lands: bool) -> None:
    without_control(story, WHO, value, 401, lands=lands, answer=200)


@leaves_open(LET_IN)
def test_a_control_without_an_answer(story: Story, value: str) -> None:
    control = story.ask("alice", "calculator").arrives().failed()
    story.probe(WHO, story.ask("alice", "calculator").answered(401), control, value)


@shows_nothing(REFUSED)
def test_another_expectation(story: Story, value: str) -> None:
    attempt(story, "denied", value, 403)


@breaks("AUTH-001", "AUTH-002")
@pytest.mark.parametrize("method", ["GET", "DELETE", "tools/list", "initialize"])
def test_only_one_method_is_unguarded(story: Story, method: str) -> Ask:
    for attribute in ("no token", "an unknown token"):
        attempt(story, WHO, attribute, 401)
    control = story.call("alice", "calculator", method=method)
    unguarded = story.ask("alice", "calculator", method).answered()
    for attribute in ("no token", "an unknown token"):
        story.probe(WHO, unguarded, control, attribute)
    return unguarded


@shows_nothing("AUTH-001", "AUTH-010")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_method_that_the_gateway_does_not_have(story: Story, method: str) -> None:
    control = story.ask("alice", "calculator", method).answered(405)
    story.probe(WHO, story.ask("alice", "calculator", method).answered(405), control, "no token")


@shows_nothing("AUTH-001", "AUTH-010")
def test_a_stream_whose_head_waits_for_something_to_say(story: Story) -> None:
    control = story.ask("alice", "calculator", "GET").failed(detail="ReadTimeout")
    story.probe(WHO, story.ask("alice", "calculator", "GET").answered(401), control, "no token")


@leaves_open(LET_IN)
def test_a_control_that_came_back_as_a_tool_error(story: Story, value: str) -> None:
    control = story.ask("alice", "calculator")
    control.answered(200, control.reply("calculator", isError=True))
    story.probe(WHO, story.ask("alice", "calculator").answered(401), control, value)
    story.fence("alice", "calculator")


@leaves_open("AUTH-001")
def test_a_method_that_works_for_nobody(story: Story) -> None:
    control = story.ask("alice", "calculator", "GET").answered(500)
    story.probe(WHO, story.ask("alice", "calculator", "GET").answered(401), control, "no token")


@leaves_open("AUTH-001")
def test_not_even_posting_is_possible(story: Story) -> None:
    without_control(story, WHO, "no token", 405)


@keeps("AUTH-002")
def test_a_header_without_a_token_is_a_bad_request(story: Story) -> int:
    attempt(story, WHO, "an empty token", 400)
    return 1


@breaks("AUTH-002")
@pytest.mark.parametrize("attribute", ["an unknown token", "another scheme", "a JWT-shaped garbage token"])
def test_a_wrong_token_is_no_bad_request(story: Story, attribute: str) -> Ask:
    return attempt(story, WHO, attribute, 400)


@pytest.mark.parametrize(("status", "words"), [(403, "was refused in another way"), (200, "was not refused")])
def test_who_was_refused_in_another_way_was_not_let_in(story: Story, status: int, words: str) -> None:
    attempt(story, WHO, "an unknown token", status, lands=status == 200)
    assert words in story.judged_by("AUTH-002").violations[0].what


@breaks("AUTH-004")
def test_an_unsigned_jwt_is_taken_and_the_others_are_not(story: Story) -> Ask:
    for attribute in ("alg-none", "tampered"):
        attempt(story, WHO, attribute, 401)
    return attempt(story, WHO, "unsigned", 200, lands=True)


@keeps("AUTH-007")
def test_an_external_caller(story: Story) -> int:
    story.call("carol", "calculator")
    story.ask("alice", "calculator").answered(403)  # who has an account is none
    return 1


@breaks("AUTH-007")
@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_an_external_caller_is_unknown(story: Story, status: int) -> Ask:
    story.call("carol", "crm")
    return story.ask("carol", "calculator").answered(status)


@breaks("AUTH-007")
def test_an_external_caller_is_refused_politely(story: Story) -> Ask:
    return story.ask("carol", "calculator").refused("no such user", status=200)


@shows_nothing("AUTH-007")
def test_an_external_caller_who_only_looks_around(story: Story) -> None:
    story.call("carol", "calculator", method="tools/list")


@keeps("AUTH-009")
@pytest.mark.parametrize(
    "challenge", ["Bearer", 'Bearer realm="x", error="invalid_token"', "Basic", "Negotiate, Basic", "X-Own\tx=1"]
)
def test_a_challenge(story: Story, challenge: str) -> int:
    control = story.call("alice", "calculator")
    made = story.ask("alice", "calculator").answered(401, headers=[("www-authenticate", challenge)])
    story.probe(WHO, made, control, "no token")
    return 1


@breaks("AUTH-009")
@pytest.mark.parametrize("challenge", [None, "", "=", '"Bearer"', "realm=x"])
def test_no_challenge(story: Story, challenge: str | None) -> Ask:
    control = story.call("alice", "calculator")
    headers = [] if challenge is None else [("WWW-Authenticate", challenge)]
    return story.probe(WHO, story.ask("alice", "calculator").answered(401, headers=headers), control, "no token")


@breaks("AUTH-009")
def test_one_401_without_a_challenge(story: Story) -> Ask:
    attempt(story, WHO, "no token", 401)
    control = story.call("alice", "calculator")
    return story.probe(WHO, story.ask("alice", "calculator", "GET").answered(401), control, "expired")


@shows_nothing("AUTH-009")
def test_other_refusals_need_no_challenge(story: Story) -> None:
    attempt(story, WHO, "no token", 400)
    attempt(story, "denied", "no access", 401)


@breaks("AUTH-010")
def test_refused_and_passed_on_all_the_same(story: Story) -> Line:
    return attempt(story, WHO, "expired", 401, lands=True).arrival


@breaks("AUTH-010")
def test_refused_and_arriving_after_the_fence(story: Story) -> Line:
    attempt(story, WHO, "no token", 401)
    return attempt(story, WHO, "expired", 401, method="tools/list").arrives().arrival


@breaks("AUTH-010")
def test_let_in_and_arriving_twice(story: Story) -> list[Line]:
    return attempt(story, WHO, "no token", 200, lands=True).arrives().arrivals


@breaks("AUTH-010")
def test_passed_on_and_nothing_heard_since(story: Story) -> Line:
    control = story.call("alice", "calculator")
    made = story.ask("alice", "calculator").arrives().answered(401)
    return story.probe(WHO, made, control, "no token").arrival


@shows_nothing("AUTH-010")
def test_a_stream_carries_nothing_to_find_again(story: Story) -> None:
    attempt(story, WHO, "no token", 401, method="GET")


@leaves_open("AUTH-010")
def test_refused_and_nothing_heard_since(story: Story) -> None:
    control = story.call("alice", "calculator")
    made = story.ask("alice", "calculator").answered(401, headers=CHALLENGE)
    story.probe(WHO, made, control, "no token")
