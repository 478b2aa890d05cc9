"""Tests of the checks of sessions.toml."""

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes, untestable
from gatebench.conformance.selftest.support.probe_steps import attempt, without_control
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

FOREIGN, ENDED = "another caller's session", "a session that has ended"


def foreign_session(
    builder: TranscriptBuilder, status: int, method: str = "tools/call", *, lands: bool = False
) -> ClientRequest:
    """Add bob's use of alice's session."""
    return attempt(
        builder, "foreign session", FOREIGN, status, by="bob", method=method, lands=lands, session="alices-session"
    )


@passes("SES-001")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
def test_foreign_session_is_refused(builder: TranscriptBuilder, status: int) -> int:
    foreign_session(builder, status)
    return 1


@fails("SES-001")
@pytest.mark.parametrize("method", ["tools/call", "tools/list", "DELETE", "GET"])
@pytest.mark.parametrize("status", [200, 202, 302, 500])
def test_foreign_session_is_served(builder: TranscriptBuilder, status: int, method: str) -> ClientRequest:
    foreign_session(builder, 404)
    return foreign_session(builder, status, method)


@fails("SES-001")
def test_foreign_session_gets_no_response(builder: TranscriptBuilder) -> ClientRequest:
    control = builder.call("alice", "calculator")
    made = builder.ask("bob", "calculator", session="alices-session").failed()
    return builder.probe("foreign session", made, control, FOREIGN)


@fails("SES-001")
def test_foreign_session_is_refused_but_forwarded(builder: TranscriptBuilder) -> TranscriptLine:
    return foreign_session(builder, 404, lands=True).arrival


@passes("SES-001")
def test_delete_of_a_foreign_session_is_answered_with_405(builder: TranscriptBuilder) -> int:
    foreign_session(builder, 405, "DELETE")
    return 1


@not_observed("SES-001")
def test_foreign_session_at_a_gateway_without_sessions_is_not_judged(builder: TranscriptBuilder) -> None:
    attempt(builder, "foreign session", FOREIGN, 200, by="bob", lands=True)


@untestable("SES-001")
@pytest.mark.parametrize("answer", [404, 200])
def test_foreign_session_is_untestable_if_the_session_never_worked(builder: TranscriptBuilder, answer: int) -> None:
    control = builder.ask("alice", "calculator", session="alices-session").answered(404)
    made = builder.ask("bob", "calculator", session="alices-session").answered(answer)
    builder.probe("foreign session", made, control, FOREIGN)


@passes("SES-002")
def test_ended_session_is_answered_with_404(builder: TranscriptBuilder) -> int:
    attempt(builder, "ended session", ENDED, 404)
    return 1


@fails("SES-002")
@pytest.mark.parametrize("status", [200, 400, 401, 403, 500])
def test_ended_session_gets_another_status(builder: TranscriptBuilder, status: int) -> ClientRequest:
    return attempt(builder, "ended session", ENDED, status)


@untestable("SES-002")
@pytest.mark.parametrize("answer", [404, 200])
def test_ended_session_is_untestable_if_it_never_worked(builder: TranscriptBuilder, answer: int) -> None:
    without_control(builder, "ended session", ENDED, 404, answer=answer)


@passes("SES-003")
def test_each_caller_has_an_upstream_session(builder: TranscriptBuilder) -> int:
    builder.ask("alice", "calculator", "initialize").arrives(opens="s1").answered()
    for principal, session in (("alice", "s1"), ("bob", "s2"), ("alice", "s1")):
        builder.ask(principal, "calculator").arrives(session=session).answered()
    builder.ask("bob", "web-search").arrives(session="s1").answered()  # another upstream's session ids are independent
    builder.errand("calculator", headers=[("mcp-session-id", "s1")])
    return 5


@fails("SES-003")
def test_two_callers_share_an_upstream_session(builder: TranscriptBuilder) -> TranscriptLine:
    builder.ask("alice", "calculator").arrives(session="s1").answered()
    return builder.ask("bob", "calculator").arrives(session="s1").answered().arrival


@fails("SES-003")
def test_upstream_session_of_one_caller_is_used_for_another(builder: TranscriptBuilder) -> TranscriptLine:
    builder.ask("alice", "calculator", "initialize").arrives(opens="s1").answered()
    return builder.ask("bob", "calculator").arrives(session="s1").answered().arrival


@not_observed("SES-003")
def test_calls_without_sessions_are_not_judged(builder: TranscriptBuilder) -> None:
    builder.call("alice", "calculator")
    builder.call("bob", "calculator")


# -- SES-004


def issued(
    builder: TranscriptBuilder, session: str, *more: str, method: str = "initialize", status: int = 200
) -> ClientRequest:
    """Add a response of the gateway with a session id."""
    headers = [*JSON_HEADERS, *(("Mcp-Session-Id", one) for one in (session, *more))]
    return builder.ask("alice", "calculator", method).answered(status, headers=headers)


@passes("SES-004")
@pytest.mark.parametrize(
    "session",
    [
        "1",
        "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_",
        "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
        "x" * 4000,
        "of-«pat:alice»",
        "«sealed:session|base64»",
    ],
)
def test_session_ids_of_visible_ascii(builder: TranscriptBuilder, session: str) -> int:
    issued(builder, session)
    return 1


@passes("SES-004")
def test_session_ids_in_other_responses_are_not_judged(builder: TranscriptBuilder) -> int:
    issued(builder, "a-1")
    issued(builder, "")
    issued(builder, "of an upstream that refused", status=400)
    issued(builder, "repeated, not issued", method="tools/list")
    return 1


@fails("SES-004")
@pytest.mark.parametrize(
    "session",
    [
        "session of alice",
        "a\tb",
        "s\xe9ance",
        "sé".encode().decode("latin-1"),
        "a\x7f",
        "\x01",
        "a\xa0",
        "of «pat:alice»",
    ],
)
def test_session_ids_with_other_characters(builder: TranscriptBuilder, session: str) -> ClientRequest:
    issued(builder, "a-1")
    return issued(builder, session)


@fails("SES-004")
def test_second_of_two_session_ids_is_invalid(builder: TranscriptBuilder) -> ClientRequest:
    return issued(builder, "a-1", "a 2")


@not_observed("SES-004")
def test_handshake_without_session_id_is_not_judged(builder: TranscriptBuilder) -> None:
    builder.call("alice", "calculator", method="initialize")
