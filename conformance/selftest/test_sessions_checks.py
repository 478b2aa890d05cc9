"""The checks of sessions.toml on trial."""

import pytest

from conformance.selftest.asks import Ask, Line
from conformance.selftest.attempts import attempt, without_control
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, leaves_open, shows_nothing

FOREIGN, ENDED = "somebody else's session", "a session that has ended"


def stolen(story: Story, status: int, method: str = "tools/call", *, lands: bool = False) -> Ask:
    """bob uses alice's session."""
    return attempt(
        story, "foreign session", FOREIGN, status, by="bob", method=method, lands=lands, session="alices-session"
    )


@keeps("SES-001")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_a_stolen_session_is_refused(story: Story, status: int) -> int:
    stolen(story, status)
    return 1


@breaks("SES-001")
@pytest.mark.parametrize("method", ["tools/call", "tools/list", "DELETE", "GET"])
@pytest.mark.parametrize("status", [200, 202, 302, 500])
def test_a_stolen_session_is_let_through(story: Story, status: int, method: str) -> Ask:
    stolen(story, 404)
    return stolen(story, status, method)


@breaks("SES-001")
def test_a_stolen_session_gets_no_answer(story: Story) -> Ask:
    control = story.call("alice", "calculator")
    made = story.ask("bob", "calculator", session="alices-session").failed()
    return story.probe("foreign session", made, control, FOREIGN)


@breaks("SES-001")
def test_a_stolen_session_is_refused_and_used_all_the_same(story: Story) -> Line:
    return stolen(story, 404, lands=True).arrival


@keeps("SES-001")
def test_a_gateway_whose_sessions_cannot_be_ended(story: Story) -> int:
    stolen(story, 405, "DELETE")
    return 1


@shows_nothing("SES-001")
def test_a_gateway_without_sessions(story: Story) -> None:
    attempt(story, "foreign session", FOREIGN, 200, by="bob", lands=True)


@leaves_open("SES-001")
@pytest.mark.parametrize("answer", [404, 200])
def test_a_stolen_session_that_never_worked(story: Story, answer: int) -> None:
    control = story.ask("alice", "calculator", session="alices-session").answered(404)
    made = story.ask("bob", "calculator", session="alices-session").answered(answer)
    story.probe("foreign session", made, control, FOREIGN)


@keeps("SES-002")
def test_an_ended_session(story: Story) -> int:
    attempt(story, "ended session", ENDED, 404)
    return 1


@breaks("SES-002")
@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
def test_an_ended_session_goes_on(story: Story, status: int) -> Ask:
    return attempt(story, "ended session", ENDED, status)


@leaves_open("SES-002")
@pytest.mark.parametrize("answer", [404, 200])
def test_a_session_that_never_worked(story: Story, answer: int) -> None:
    without_control(story, "ended session", ENDED, 404, answer=answer)


@keeps("SES-003")
def test_a_session_for_each_caller(story: Story) -> int:
    story.ask("alice", "calculator", "initialize").arrives(opens="s1").answered()
    for principal, session in (("alice", "s1"), ("bob", "s2"), ("alice", "s1")):
        story.ask(principal, "calculator").arrives(session=session).answered()
    story.ask("bob", "web-search").arrives(session="s1").answered()  # another upstream's ids are another matter
    story.errand("calculator", headers=[("mcp-session-id", "s1")])
    return 5


@breaks("SES-003")
def test_a_shared_session(story: Story) -> Line:
    story.ask("alice", "calculator").arrives(session="s1").answered()
    return story.ask("bob", "calculator").arrives(session="s1").answered().arrival


@breaks("SES-003")
def test_a_session_that_is_opened_for_one_and_used_for_another(story: Story) -> Line:
    story.ask("alice", "calculator", "initialize").arrives(opens="s1").answered()
    return story.ask("bob", "calculator").arrives(session="s1").answered().arrival


@shows_nothing("SES-003")
def test_no_sessions_at_all(story: Story) -> None:
    story.call("alice", "calculator")
    story.call("bob", "calculator")
