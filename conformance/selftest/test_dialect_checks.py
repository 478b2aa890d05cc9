"""The checks of dialect.toml on trial, and those of other groups in dialects that are not the guide's."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from conformance.selftest.asks import JSON_HEADERS, Ask
from conformance.selftest.attempts import attempt, without_control
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, leaves_open
from conformance.verdict import Outcome

ONE, TWO = "http://127.0.0.1:5000/connect/1", "http://127.0.0.1:5000/connect/2"
UNKNOWN, DEAD = "unknown tool", "unreachable"


# -- DIA-001, DIA-002


def refused(story: Story, expect: str, status: int, answer: dict[str, Any]) -> Ask:
    """alice's call fails in this way, beside one that does not."""
    control = story.call("alice", "calculator")
    made = story.ask("alice", "calculator", tool="nowhere")
    made.answered(status, {"jsonrpc": "2.0", "id": 1, **answer})
    return story.probe(expect, made, control, "no such tool")


ERROR = {"error": {"code": -32602, "message": "Unknown tool: nowhere"}}
TOOL_ERROR = {"result": {"isError": True, "content": [{"type": "text", "text": "Unknown tool: nowhere"}]}}


@keeps("DIA-001")
def test_an_unknown_tool(story: Story) -> int:
    refused(story, UNKNOWN, 200, ERROR)
    refused(story, UNKNOWN, 400, ERROR)
    return 2


@breaks("DIA-001")
@pytest.mark.parametrize(("status", "answer"), [(200, TOOL_ERROR), (404, ERROR), (502, ERROR), (200, {"result": {}})])
def test_an_unknown_tool_in_another_form(story: Story, status: int, answer: dict[str, Any]) -> Ask:
    return refused(story, UNKNOWN, status, answer)


@breaks("DIA-001", "DIA-002")
@pytest.mark.parametrize("expect", [UNKNOWN, DEAD])
def test_no_answer_at_all(story: Story, expect: str) -> list[Ask]:
    control = story.call("alice", "calculator")
    story.probe(UNKNOWN, made := story.ask("alice", "calculator").failed(), control, expect)
    story.probe(DEAD, made, control, expect)
    return [made]


@keeps("DIA-002")
@pytest.mark.parametrize("status", [502, 504])
def test_a_dead_upstream(story: Story, status: int) -> int:
    attempt(story, DEAD, "its upstream down", status)
    return 1


@breaks("DIA-002")
@pytest.mark.parametrize("status", [200, 202, 400, 401, 403, 404, 500, 503])
def test_a_dead_upstream_in_another_form(story: Story, status: int) -> Ask:
    return attempt(story, DEAD, "its upstream down", status)


@leaves_open("DIA-001", "DIA-002")
@pytest.mark.parametrize("status", [404, 502])
def test_nothing_ever_worked(story: Story, status: int) -> None:
    without_control(story, UNKNOWN, "no such tool", status)
    without_control(story, DEAD, "its upstream down", status)


@pytest.mark.parametrize(
    ("dialect", "expect", "status", "answer", "outcome"),
    [
        ({"unknown_tool": ["tool-error"]}, UNKNOWN, 200, TOOL_ERROR, "pass"),
        ({"unknown_tool": ["tool-error"]}, UNKNOWN, 200, ERROR, "fail"),
        ({"unknown_tool": ["http-404", "tool-error"]}, UNKNOWN, 404, {}, "pass"),
        ({"unreachable": ["tool-error"]}, DEAD, 200, TOOL_ERROR, "pass"),
        ({"unreachable": ["tool-error"]}, DEAD, 502, ERROR, "fail"),
        ({"unreachable": ["http-503"]}, DEAD, 503, {}, "pass"),
        ({"unreachable": ["http-503"]}, DEAD, 502, {}, "fail"),
    ],
)
def test_failures_are_judged_by_the_dialect(
    dialect: dict[str, Any], expect: str, status: int, answer: dict[str, Any], outcome: str
) -> None:
    story = Story(**dialect)
    refused(story, expect, status, answer)
    assert story.judged_by("DIA-001" if expect == UNKNOWN else "DIA-002").outcome == outcome


# -- consent


def challenged(made: Ask, *urls: str, status: int = 401) -> Ask:
    """Asked for consent by challenges."""
    challenges = [("WWW-Authenticate", f'Connect authorization_uri="{url}"') for url in urls]
    return made.answered(status, headers=[*JSON_HEADERS, *challenges])


def said(made: Ask, *urls: str) -> Ask:
    """Asked for consent in a tool's error."""
    content = [{"type": "text", "text": f"Go to {' and '.join(urls)}"}]
    return made.answered(200, {"jsonrpc": "2.0", "id": 1, "result": {"isError": True, "content": content}})


def elicited(made: Ask, *urls: str, code: int = -32042) -> Ask:
    """Asked for consent by URL elicitation."""
    data = {"elicitations": [{"mode": "url", "elicitationId": url, "url": url, "message": ""} for url in urls]}
    error = {"code": code, "message": "URL elicitation required", "data": data}
    return made.answered(200, {"jsonrpc": "2.0", "id": 1, "error": error})


FORMS: dict[str, Callable[..., Ask]] = {
    "http-401": challenged,
    "tool-error": said,
    "url-elicitation": elicited,
    "jsonrpc-error-data": Ask.asked_to_consent,
}


def unconsented(story: Story, missing: int = 1, method: str = "tools/call") -> Ask:
    made = story.ask("alice", "inbox" if missing == 2 else "mail", method)
    return story.probe("consent", made, made, str(missing))


@pytest.mark.parametrize("declared", FORMS)
@pytest.mark.parametrize("spoken", FORMS)
def test_consent_in_the_declared_form_and_in_no_other(declared: str, spoken: str) -> None:
    for missing, urls in ((1, [ONE]), (2, [ONE, TWO])):
        story = Story(consent=declared)
        FORMS[spoken](unconsented(story, missing), *urls)
        expected = Outcome.PASS if declared == spoken else Outcome.FAIL
        assert story.judged_by("CONS-002").outcome is expected
        assert story.judged_by("CONS-003").outcome is expected


@pytest.mark.parametrize("form", ["http-401", "jsonrpc-error-data"])
@pytest.mark.parametrize(("missing", "urls"), [(2, [ONE]), (1, [ONE, TWO]), (1, ["/connect/1"]), (1, ["http://[bad"])])
def test_more_or_fewer_consents_than_are_missing(form: str, missing: int, urls: list[str]) -> None:
    story = Story(consent=form)
    made = FORMS[form](unconsented(story, missing), *urls)
    judgement = story.judged_by("CONS-002")
    assert (judgement.outcome, judgement.violations[0].seq) == (Outcome.FAIL, made.seq)


@pytest.mark.parametrize("form", ["tool-error", "url-elicitation"])
def test_where_only_calls_ask(form: str) -> None:
    story = Story(consent=form)
    unconsented(story, method="tools/list").answered()
    assert story.judged_by("CONS-002").outcome is Outcome.NOT_OBSERVED
    FORMS[form](unconsented(story, 2), ONE)
    assert story.judged_by("CONS-002").outcome is Outcome.PASS, "a call asks for what it needs itself"
    FORMS[form](unconsented(story, 1), ONE, TWO)
    assert story.judged_by("CONS-002").outcome is Outcome.FAIL


def modern(story: Story, url: str = ONE) -> Ask:
    """Asked as in 2026-07-28, whichever revision the request was of."""
    asked = {"method": "elicitation/create", "params": {"mode": "url", "url": url, "message": ""}}
    result = {"resultType": "input_required", "inputRequests": {"mail": asked}}
    return unconsented(story).answered(200, {"jsonrpc": "2.0", "id": 1, "result": result})


def test_each_revision_has_its_own_elicitation() -> None:
    story = Story(consent="url-elicitation")
    modern(story)
    assert story.judged_by("CONS-002").outcome is Outcome.FAIL, "2025-11-25 has an error for it"
    assert story.judged_by("CONS-003").outcome is Outcome.PASS, "understood all the same"
    for event in story.events:
        if "revision" in event:
            event["revision"] = "2026-07-28"
    assert story.judged_by("CONS-002").outcome is Outcome.PASS


@pytest.mark.parametrize("change", [{"status": 403}, {"status": 200}])
def test_a_challenge_with_another_status(change: dict[str, int]) -> None:
    story = Story(consent="http-401")
    challenged(unconsented(story), ONE, **change)
    assert story.judged_by("CONS-002").outcome is Outcome.FAIL


def test_what_a_challenge_calls_the_url() -> None:
    story = Story(consent="http-401", consent_parameter="auth_url")
    challenged(unconsented(story), ONE)
    judgement = story.judged_by("CONS-002")
    assert judgement.outcome is Outcome.FAIL
    assert "auth_url" in judgement.violations[0].expected


# -- 401 says two things there


def test_a_request_for_consent_refuses_no_token() -> None:
    story = Story(consent="http-401")
    control = story.call("alice", "mail")
    plain = story.ask("alice", "mail").answered(401, headers=[*JSON_HEADERS, ("WWW-Authenticate", "Bearer")])
    story.probe("unauthenticated", plain, control, "no token")
    assert story.judged_by("AUTH-001").outcome is Outcome.PASS
    asked = challenged(story.ask("alice", "mail"), ONE)
    story.probe("unauthenticated", asked, control, "no token")
    judgement = story.judged_by("AUTH-001")
    assert (judgement.outcome, [v.seq for v in judgement.violations]) == (Outcome.FAIL, [asked.seq])


def test_a_plain_401_asks_nobody_for_consent() -> None:
    story = Story(consent="http-401")
    control = story.call("alice", "mail")
    made = story.ask("bob", "mail").answered(401, headers=[("WWW-Authenticate", 'Bearer error="invalid_token"')])
    story.probe("still asked", made, control, "no consent")
    assert story.judged_by("CONS-006").outcome is Outcome.FAIL
    story = Story(consent="http-401")
    made = challenged(story.ask("bob", "mail"), ONE)
    story.probe("still asked", made, story.call("alice", "mail"), "no consent")
    assert story.judged_by("CONS-006").outcome is Outcome.PASS


# -- denial and override


@pytest.mark.parametrize(
    ("denied", "status", "outcome"), [([404], 404, "pass"), ([404], 403, "fail"), ([403], 404, "fail")]
)
def test_denial_is_what_the_dialect_calls_so(denied: list[int], status: int, outcome: str) -> None:
    story = Story(denied=denied)
    made = attempt(story, "denied", "no access", status, by="dave")
    story.observe("feature", feature="f", claimed=True, by="refusal", example="dave", exchange=made.exchange)
    assert story.judged_by("ACC-001").outcome == outcome
    assert story.judged_by("CLM-001").outcome == outcome


@pytest.mark.parametrize(
    ("name", "outcome"), [("x-upstream-everything-x-a", "fail"), ("x-tfy-mcp-headers", "pass"), ("x-up", "pass")]
)
def test_prefixed_overrides_stay_at_the_gateway(name: str, outcome: str) -> None:
    story = Story(override_header="X-Upstream", override_form="prefixed-headers")
    made = story.ask("alice", "everything", also=[("X-Upstream-everything-X-A", json.dumps("b"))])
    made.arrives(also=[(name, "b")]).answered()
    assert story.judged_by("OVR-005").outcome == outcome
