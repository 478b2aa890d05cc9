"""Tests of the checks of access.toml."""

from collections.abc import Callable

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes, untestable
from gatebench.conformance.selftest.support.probe_steps import attempt, without_control
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

DENIALS = {
    "ACC-001": ["no access", "no access for a virtual account", "access to a virtual server only"],
    "ACC-003": ["access not granted yet", "access withdrawn"],
}
EITHER = {**DENIALS, "ACC-002": ["no access", "access withdrawn"]}


def granted(builder: TranscriptBuilder, outcome: int = 200) -> ClientRequest:
    """Grant access, and use it."""
    control = builder.call("support-bot", "everything")
    used = builder.ask("dave", "everything")
    used = used.arrives().answered() if outcome == 200 else used.answered(outcome)
    return builder.probe("granted", used, control, "access granted now")


@passes(EITHER)
def test_denied_with_403(builder: TranscriptBuilder, value: str) -> int:
    attempt(builder, "denied", value, 403, by="dave")
    return 1


@fails(DENIALS)
@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_denied_with_another_status(builder: TranscriptBuilder, value: str, status: int) -> ClientRequest:
    return attempt(builder, "denied", value, status, by="dave")


@fails("ACC-001")
def test_call_is_denied_but_list_is_served(builder: TranscriptBuilder) -> ClientRequest:
    attempt(builder, "denied", "no access", 403, by="dave")
    return attempt(builder, "denied", "no access", 200, by="dave", method="tools/list", lands=True)


@fails("ACC-001")
def test_denied_in_a_tool_result(builder: TranscriptBuilder) -> ClientRequest:
    control = builder.call("alice", "calculator")
    made = builder.ask("dave", "calculator")
    made.answered(200, made.reply("calculator", isError=True))
    return builder.probe("denied", made, control, "no access")


@passes("ACC-001", "ACC-002")
def test_denied_with_the_status_of_the_dialect(builder: TranscriptBuilder) -> int:
    hiding = TranscriptBuilder(denied=[404])
    attempt(hiding, "denied", "no access", 404, by="dave")
    assert hiding.judged_by("ACC-001").outcome == "pass"
    attempt(builder, "denied", "no access", 403, by="dave")
    return 1


@fails("ACC-002")
def test_denied_request_is_forwarded(builder: TranscriptBuilder) -> TranscriptLine:
    return attempt(builder, "denied", "no access", 403, by="dave", lands=True).arrival


@fails("ACC-002")
def test_denied_request_is_forwarded_after_the_fence(builder: TranscriptBuilder) -> TranscriptLine:
    return attempt(builder, "denied", "no access", 403, by="dave").arrives().arrival


@fails("ACC-002")
def test_denied_request_is_forwarded_to_another_server(builder: TranscriptBuilder) -> TranscriptLine:
    return attempt(builder, "denied", "no access", 403, by="dave").arrives(at="everything").arrival


@untestable("ACC-002")
@pytest.mark.parametrize("fenced", ["nowhere", "at another server", "before", "in vain"])
def test_denied_request_without_fence_is_untestable(builder: TranscriptBuilder, fenced: str) -> None:
    control = builder.call("alice", "calculator")
    if fenced == "before":
        builder.fence("alice", "calculator")
    made = builder.ask("dave", "calculator").answered(403)
    builder.probe("denied", made, control, "no access")
    if fenced == "at another server":
        builder.fence("alice", "everything")
    if fenced == "in vain":
        lost = builder.ask("alice", "calculator").answered(502)
        builder.recorder.note("fence", nonce=lost.nonce, exchange=lost.exchange, scenario="story")


@untestable(EITHER)
@pytest.mark.parametrize("lands", [False, True], ids=["refused as well", "accepted but never seen"])
def test_denial_is_untestable_if_the_control_is_denied_too(builder: TranscriptBuilder, value: str, lands: bool) -> None:
    without_control(builder, "denied", value, 403, lands=lands)


@passes("ACC-003")
def test_granted_access_is_served(builder: TranscriptBuilder) -> int:
    granted(builder)
    return 1


@fails("ACC-003")
def test_granted_access_is_still_denied(builder: TranscriptBuilder) -> ClientRequest:
    return granted(builder, 403)


@untestable("ACC-003")
def test_granted_access_is_untestable_if_the_control_fails(builder: TranscriptBuilder) -> None:
    control = builder.ask("support-bot", "everything").answered(502)
    builder.probe("granted", builder.ask("dave", "everything").answered(502), control, "access granted now")


@not_observed("ACC-001", "ACC-003")
def test_probes_of_other_requirements_are_not_judged(builder: TranscriptBuilder) -> None:
    attempt(builder, "unauthenticated", "no access", 401)
    attempt(builder, "denied", "the moon is full", 200)


@passes("ACC-004")
def test_callers_with_access_are_served(builder: TranscriptBuilder) -> int:
    builder.call("alice", "calculator")
    builder.call("support-bot", "web-search")
    builder.call("carol", "crm").streamed()
    builder.ask("alice", "calculator", "tools/list").answered(500)  # the check examines the call
    return 3


@fails("ACC-004")
@pytest.mark.parametrize("principal", ["alice", "support-bot", "carol"])
def test_caller_with_access_is_refused(builder: TranscriptBuilder, principal: str) -> ClientRequest:
    builder.call("bob", "calculator")
    return builder.ask(principal, "calculator").answered(403)


@fails("ACC-004")
def test_caller_with_access_gets_a_jsonrpc_error(builder: TranscriptBuilder) -> ClientRequest:
    return builder.ask("alice", "calculator").refused("no", status=200)


@fails("ACC-004")
def test_caller_with_access_gets_a_tool_error(builder: TranscriptBuilder) -> ClientRequest:
    made = builder.ask("alice", "calculator")
    return made.answered(200, made.reply("calculator", isError=True))


def in_a_tool_error(made: ClientRequest) -> ClientRequest:
    text = [{"type": "text", "text": "Authorize at http://127.0.0.1:5000/connect/1 first."}]
    return made.answered(200, made.reply("mail", isError=True, content=text))


def elicited(made: ClientRequest) -> ClientRequest:
    asked = {"elicitations": [{"mode": "url", "elicitationId": "1", "url": "http://127.0.0.1:5000/connect/1"}]}
    error = {"code": -32042, "message": "URL elicitation required", "data": asked}
    return made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "error": error})


def challenged(made: ClientRequest) -> ClientRequest:
    return made.answered(
        401, headers=[("WWW-Authenticate", 'Connect authorization_uri="http://127.0.0.1:5000/connect/1"')]
    )


CONSENT_REQUESTS = [
    in_a_tool_error,
    elicited,
    challenged,
    lambda made: made.asked_to_consent("http://127.0.0.1:5000/connect/1"),
]


@not_observed("ACC-004")
@pytest.mark.parametrize("ask", CONSENT_REQUESTS)
def test_consent_request_before_access_is_not_judged(
    builder: TranscriptBuilder, ask: Callable[[ClientRequest], ClientRequest]
) -> None:
    ask(builder.ask("alice", "mail"))


@fails("ACC-004")
@pytest.mark.parametrize("ask", CONSENT_REQUESTS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "web-search"), ("support-bot", "mail")])
def test_consent_request_at_a_server_without_consent(
    builder: TranscriptBuilder, principal: str, server: str, ask: Callable[[ClientRequest], ClientRequest]
) -> ClientRequest:
    return ask(builder.ask(principal, server))


@not_observed("ACC-004")
def test_callers_without_access_are_not_judged(builder: TranscriptBuilder) -> None:
    builder.ask("dave", "calculator").answered(403)
    builder.ask("intern-bot", "web-search").answered(403)
