"""Tests of the checks of consent.toml."""

from typing import Any

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import PORTS, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

ONE, TWO = "http://127.0.0.1:5000/oauth/connect/1", "http://127.0.0.1:5000/oauth/connect/2"


# -- CONS-001


def guide_consent(
    builder: TranscriptBuilder, *urls: str, missing: int = 1, error: str = "authorization required"
) -> None:
    """Add a connection of the guide's client without consent."""
    who = {"principal": "alice", "server": "mail", "mode": "auto"}
    builder.observe("guide-consent", **who, missing=missing, urls=urls, error=error)


@passes("CONS-001")
def test_guide_client_finds_every_consent_url(builder: TranscriptBuilder) -> int:
    guide_consent(builder, ONE)
    guide_consent(builder, ONE.replace("http", "https"), TWO, missing=2)
    return 2


@fails("CONS-001")
@pytest.mark.parametrize(
    "urls",
    [
        (),
        (ONE,),
        (ONE, TWO, ONE),
        (ONE, "/oauth/connect/2"),
        (ONE, "javascript:alert(1)"),
        (ONE, "https:"),
        (ONE, "ftp://127.0.0.1/1"),
        (ONE, TWO, "see the manual"),
        (f"{ONE},{TWO}",),
    ],
    ids=str,
)
def test_guide_client_finds_wrong_consent_urls(builder: TranscriptBuilder, urls: tuple[str, ...]) -> None:
    guide_consent(builder, *urls, missing=2)


@not_observed("CONS-001", "CONS-011")
def test_unrelated_observation_is_not_judged(builder: TranscriptBuilder) -> None:
    builder.observe("guide-call", urls=[], missing=1)


# -- CONS-002, CONS-003


def unconsented(
    builder: TranscriptBuilder, missing: int = 1, server: str = "mail", method: str = "tools/call", **details: Any
) -> ClientRequest:
    """Add a request of alice, who has not consented."""
    made = builder.ask("alice", server, method, **details)
    return builder.probe("consent", made, made, str(missing))


@passes("CONS-002", "CONS-003")
@pytest.mark.parametrize("method", ["initialize", "server/discover", "tools/list", "tools/call"])
def test_consent_error_of_the_guide(builder: TranscriptBuilder, method: str) -> int:
    unconsented(builder, method=method).asked_to_consent(ONE)
    unconsented(builder, 2, "inbox", method, rpc_id="a").asked_to_consent(ONE, TWO)
    return 2


@passes("CONS-002")
def test_consent_error_in_an_event_stream(builder: TranscriptBuilder) -> int:
    error = {"code": 1, "message": "", "data": f"Please visit: {ONE}"}
    unconsented(builder).streamed({"jsonrpc": "2.0", "id": 1, "error": error})
    return 1


@fails("CONS-002")
@pytest.mark.parametrize(
    "data",
    [
        "",
        "Authorization required",
        f"Please visit: {ONE}\nor call us",
        f"Please visit:\n{ONE}",
        f"Please visit: {ONE} or call us",
        f"Please visit: {ONE} , {TWO}",
        "Please visit: /oauth/connect/1",
        f"Please go to: {ONE}",
        [f"Please visit: {ONE}"],
        {"url": ONE},
        None,
    ],
    ids=str,
)
def test_consent_error_with_other_data(builder: TranscriptBuilder, data: Any) -> ClientRequest:
    unconsented(builder).asked_to_consent(ONE)
    made = unconsented(builder)
    return made.answered(200, {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no", "data": data}})


@fails("CONS-002")
@pytest.mark.parametrize("status", [401, 403, 500, 202])
def test_consent_error_with_another_status(builder: TranscriptBuilder, status: int) -> ClientRequest:
    return unconsented(builder).asked_to_consent(ONE, status=status)


@fails("CONS-002")
@pytest.mark.parametrize("rpc_id", ["1", 2, "null"])
def test_consent_error_with_another_id(builder: TranscriptBuilder, rpc_id: Any) -> ClientRequest:
    return unconsented(builder).asked_to_consent(ONE, rpc_id=rpc_id)


@fails("CONS-002")
@pytest.mark.parametrize("body", ["", f"Please visit: {ONE}"])
def test_consent_request_without_json(builder: TranscriptBuilder, body: str) -> ClientRequest:
    return unconsented(builder).answered(body=body)


@fails("CONS-002", "CONS-003")
def test_list_without_consent_error(builder: TranscriptBuilder) -> ClientRequest:
    unconsented(builder).asked_to_consent(ONE)
    return unconsented(builder, method="tools/list").answered()


@fails("CONS-002", "CONS-003")
def test_consent_request_in_a_tool_result(builder: TranscriptBuilder) -> ClientRequest:
    made = unconsented(builder)
    content = [{"type": "text", "text": f"Please visit: {ONE}"}]
    return made.answered(200, made.reply("mail", isError=True, content=content))


@fails("CONS-002", "CONS-003")
@pytest.mark.parametrize(("missing", "urls"), [(2, (ONE,)), (1, (ONE, TWO)), (2, (ONE, TWO, ONE))])
def test_wrong_number_of_consent_urls(builder: TranscriptBuilder, missing: int, urls: tuple[str, ...]) -> ClientRequest:
    return unconsented(builder, missing, "inbox").asked_to_consent(*urls)


@fails("CONS-002")
@pytest.mark.parametrize("separator", [",", ", ", " ", " and "])
def test_consent_urls_with_another_separator(builder: TranscriptBuilder, separator: str) -> ClientRequest:
    return unconsented(builder, 2, "inbox").asked_to_consent(data=f"Please visit: {ONE}{separator}{TWO}")


def consent_visits(builder: TranscriptBuilder, *issuers: str) -> None:
    """Add requests for consent that are followed, one after the other."""
    for missing, issuer in zip((2, 1), issuers, strict=True):
        unconsented(builder, missing, "inbox").asked_to_consent(*(ONE, TWO)[:missing])
        builder.observe("consent-visit", urls=[ONE, f"http://127.0.0.1:4000/{issuer}/authorize?x=1"], status=200)


@passes("CONS-003")
def test_each_consent_url_redirects_to_its_own_issuer(builder: TranscriptBuilder) -> int:
    consent_visits(builder, "vendor", "calendar-as")
    return 2


@fails("CONS-003")
@pytest.mark.parametrize("second", ["vendor", "vendor-as", "elsewhere"])
def test_consent_url_redirects_to_the_wrong_issuer(builder: TranscriptBuilder, second: str) -> None:
    consent_visits(builder, "vendor", second)


# -- CONS-004


@passes("CONS-004")
def test_valid_authorization_requests(builder: TranscriptBuilder) -> int:
    for issuer in ("vendor", "calendar-as"):
        builder.authorize(issuer)
        builder.redeem(issuer)
    builder.redeem("vendor", redirect_uri=None)  # OAuth 2.1
    builder.authorize("corp", state=None)  # a sign-in at another issuer
    for http, endpoint in (("POST", "authorize"), ("GET", "token"), ("POST", "revoke"), ("GET", "jwks")):
        body = "grant_type=authorization_code"
        request = {"method": http, "target": f"/vendor/{endpoint}?{body}", "headers": [], "body": body}
        builder.far_end("idp", "vendor", request, status=400)
    builder.refresh("vendor")
    return 5


AUTHORIZATION = ["code_challenge", "code_challenge_method", "state", "redirect_uri", "resource"]


@fails("CONS-004")
@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("name", AUTHORIZATION)
def test_authorization_request_without_a_required_parameter(
    builder: TranscriptBuilder, name: str, value: str | None
) -> TranscriptLine:
    builder.authorize("calendar-as")
    return builder.authorize("vendor", **{name: value})


@fails("CONS-004")
@pytest.mark.parametrize(
    "change",
    [
        {"code_challenge_method": "plain"},
        {"redirect_uri": "http://127.0.0.1:5000/oauth/callback/"},
        {"redirect_uri": "http://127.0.0.1:5000/oauth/callback?server=mail"},
        {"resource": "http://127.0.0.1:4004/mcp"},
        {"resource": "http://127.0.0.1:5000"},
    ],
    ids=str,
)
def test_authorization_request_with_a_wrong_parameter(
    builder: TranscriptBuilder, change: dict[str, str]
) -> TranscriptLine:
    return builder.authorize("vendor", **change)


@fails("CONS-004")
@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": None},
        {"code_verifier": ""},
        {"resource": None},
        {"resource": "http://127.0.0.1:4004/mcp"},
        {"redirect_uri": "http://127.0.0.1:5000/elsewhere"},
        {"redirect_uri": ""},
    ],
    ids=str,
)
def test_token_request_with_a_wrong_parameter(
    builder: TranscriptBuilder, change: dict[str, str | None]
) -> TranscriptLine:
    builder.redeem("vendor")
    return builder.redeem("vendor", **change)


ORIGIN = f"http://127.0.0.1:{PORTS['variants']}"


@passes("CONS-004")
def test_resource_without_a_path_is_written_with_a_slash_or_without(builder: TranscriptBuilder) -> int:
    for end in ("", "/"):
        builder.authorize("rooted-as", resource=ORIGIN + end)
        builder.redeem("rooted-as", resource=ORIGIN + end)
    return 4


@fails("CONS-004")
@pytest.mark.parametrize("end", ["/mcp", "//", "/?", "/rooted/mcp"])
def test_resource_without_a_path_gets_one(builder: TranscriptBuilder, end: str) -> TranscriptLine:
    return builder.authorize("rooted-as", resource=ORIGIN + end)


@fails("CONS-004")
def test_slash_after_a_path_is_another_resource(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.authorize("vendor", resource=builder.world_json["upstreams"]["mail"]["url"] + "/")
