"""Tests of the forms in which gateways ask for consent: the declared one and no other, in every dialect."""

from collections.abc import Callable

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

ONE, TWO = "http://127.0.0.1:5000/connect/1", "http://127.0.0.1:5000/connect/2"


def challenged(made: ClientRequest, *urls: str, status: int = 401) -> ClientRequest:
    """Add a request for consent by challenges."""
    challenges = [("WWW-Authenticate", f'Connect authorization_uri="{url}"') for url in urls]
    return made.answered(status, headers=[*JSON_HEADERS, *challenges])


def tool_error_with_urls(made: ClientRequest, *urls: str) -> ClientRequest:
    """Add a request for consent in a tool's error."""
    content = [{"type": "text", "text": f"Go to {' and '.join(urls)}"}]
    return made.answered(200, {"jsonrpc": "2.0", "id": 1, "result": {"isError": True, "content": content}})


def elicited(made: ClientRequest, *urls: str, code: int = -32042) -> ClientRequest:
    """Add a request for consent by URL elicitation."""
    data = {"elicitations": [{"mode": "url", "elicitationId": url, "url": url, "message": ""} for url in urls]}
    error = {"code": code, "message": "URL elicitation required", "data": data}
    return made.answered(200, {"jsonrpc": "2.0", "id": 1, "error": error})


FORMS: dict[str, Callable[..., ClientRequest]] = {
    "http-401": challenged,
    "tool-error": tool_error_with_urls,
    "url-elicitation": elicited,
    "jsonrpc-error-data": ClientRequest.asked_to_consent,
}


def unconsented(builder: TranscriptBuilder, missing: int = 1, method: str = "tools/call") -> ClientRequest:
    made = builder.ask("alice", "inbox" if missing == 2 else "mail", method)
    return builder.probe("consent", made, made, str(missing))


@pytest.mark.parametrize("declared", FORMS)
@pytest.mark.parametrize("spoken", FORMS)
def test_consent_in_the_declared_form_and_in_no_other(declared: str, spoken: str) -> None:
    for missing, urls in ((1, [ONE]), (2, [ONE, TWO])):
        builder = TranscriptBuilder(consent=declared)
        FORMS[spoken](unconsented(builder, missing), *urls)
        expected = Outcome.PASS if declared == spoken else Outcome.FAIL
        assert builder.judged_by("CONS-002").outcome is expected
        assert builder.judged_by("CONS-003").outcome is expected


@pytest.mark.parametrize("form", ["http-401", "jsonrpc-error-data"])
@pytest.mark.parametrize(("missing", "urls"), [(2, [ONE]), (1, [ONE, TWO]), (1, ["/connect/1"]), (1, ["http://[bad"])])
def test_wrong_number_of_consent_urls(form: str, missing: int, urls: list[str]) -> None:
    builder = TranscriptBuilder(consent=form)
    made = FORMS[form](unconsented(builder, missing), *urls)
    judgement = builder.judged_by("CONS-002")
    assert (judgement.outcome, judgement.violations[0].seq) == (Outcome.FAIL, made.seq)


@pytest.mark.parametrize("form", ["tool-error", "url-elicitation"])
def test_consent_form_of_calls_is_judged_on_calls_only(form: str) -> None:
    builder = TranscriptBuilder(consent=form)
    unconsented(builder, method="tools/list").answered()
    assert builder.judged_by("CONS-002").outcome is Outcome.NOT_OBSERVED
    FORMS[form](unconsented(builder, 2), ONE)
    assert builder.judged_by("CONS-002").outcome is Outcome.PASS, "a call asks for what it needs itself"
    FORMS[form](unconsented(builder, 1), ONE, TWO)
    assert builder.judged_by("CONS-002").outcome is Outcome.FAIL


def modern(builder: TranscriptBuilder, url: str = ONE) -> ClientRequest:
    """Add a request for consent as in 2026-07-28, whichever revision the request has."""
    asked = {"method": "elicitation/create", "params": {"mode": "url", "url": url, "message": ""}}
    result = {"resultType": "input_required", "inputRequests": {"mail": asked}}
    return unconsented(builder).answered(200, {"jsonrpc": "2.0", "id": 1, "result": result})


def test_each_revision_has_its_own_elicitation() -> None:
    builder = TranscriptBuilder(consent="url-elicitation")
    modern(builder)
    assert builder.judged_by("CONS-002").outcome is Outcome.FAIL, "2025-11-25 has an error for it"
    assert builder.judged_by("CONS-003").outcome is Outcome.PASS, "the consent URL is read in any revision"
    for event in builder.events:
        if "revision" in event:
            event["revision"] = "2026-07-28"
    assert builder.judged_by("CONS-002").outcome is Outcome.PASS


@pytest.mark.parametrize("change", [{"status": 403}, {"status": 200}])
def test_consent_challenge_with_another_status(change: dict[str, int]) -> None:
    builder = TranscriptBuilder(consent="http-401")
    challenged(unconsented(builder), ONE, **change)
    assert builder.judged_by("CONS-002").outcome is Outcome.FAIL


def test_consent_challenge_with_another_parameter_name() -> None:
    builder = TranscriptBuilder(consent="http-401", consent_parameter="auth_url")
    challenged(unconsented(builder), ONE)
    judgement = builder.judged_by("CONS-002")
    assert judgement.outcome is Outcome.FAIL
    assert "auth_url" in judgement.violations[0].expected


def test_consent_challenge_is_no_refusal_of_a_token() -> None:
    builder = TranscriptBuilder(consent="http-401")
    control = builder.call("alice", "mail")
    plain = builder.ask("alice", "mail").answered(401, headers=[*JSON_HEADERS, ("WWW-Authenticate", "Bearer")])
    builder.probe("unauthenticated", plain, control, "no token")
    assert builder.judged_by("AUTH-001").outcome is Outcome.PASS
    asked = challenged(builder.ask("alice", "mail"), ONE)
    builder.probe("unauthenticated", asked, control, "no token")
    judgement = builder.judged_by("AUTH-001")
    assert (judgement.outcome, [v.seq for v in judgement.violations]) == (Outcome.FAIL, [asked.seq])


def test_401_without_consent_url_is_no_consent_request() -> None:
    builder = TranscriptBuilder(consent="http-401")
    control = builder.call("alice", "mail")
    made = builder.ask("bob", "mail").answered(401, headers=[("WWW-Authenticate", 'Bearer error="invalid_token"')])
    builder.probe("still asked", made, control, "no consent")
    assert builder.judged_by("CONS-006").outcome is Outcome.FAIL
    builder = TranscriptBuilder(consent="http-401")
    made = challenged(builder.ask("bob", "mail"), ONE)
    builder.probe("still asked", made, builder.call("alice", "mail"), "no consent")
    assert builder.judged_by("CONS-006").outcome is Outcome.PASS
