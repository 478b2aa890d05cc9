"""Tests of the checks of credentials.toml, second part: leaks to clients, logs, URLs and between members."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, Pairs, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder
from gatebench.fixtures.recording.secret_index import RUN
from gatebench.mock_upstreams.recording.event_log import body_fields

# -- CRED-008, CRED-011


@passes("CRED-008")
def test_response_repeats_secrets_of_the_caller(builder: TranscriptBuilder) -> int:
    own = builder.secret("override", "override")
    builder.ask("alice", "calculator", also=[("x-tfy-mcp-headers", own)]).answered(400, body=f"no good: {own}")
    builder.ask("alice", "calculator").answered(403, body="«pat:alice» may not, «unquote»")
    builder.ask("bob", "calculator").failed()
    return 2


@fails("CRED-008")
@pytest.mark.parametrize(
    "label",
    [
        "access:alice:mail",
        "refresh:alice:mail|base64",
        "key:web-search",
        "client-secret:mail",
        "code:alice:mail",
        "admin",
        "control",
        "pat:bob",
    ],
)
def test_response_contains_another_secret(builder: TranscriptBuilder, label: str) -> ClientRequest:
    builder.secret("control-token", "control")
    builder.call("bob", "calculator")
    return builder.ask("alice", "calculator").arrives().answered(500, body=f"upstream said: «{label}» is wrong")


@fails("CRED-008")
def test_response_header_contains_a_secret(builder: TranscriptBuilder) -> ClientRequest:
    return builder.ask("alice", "mail").answered(headers=[("x-upstream", "«access:alice:mail»")])


@fails("CRED-008")
def test_response_contains_the_override_of_another_caller(builder: TranscriptBuilder) -> ClientRequest:
    own = builder.secret("override", "override")
    builder.ask("bob", "calculator", also=[("x-tfy-mcp-headers", own)]).answered()
    return builder.ask("alice", "calculator").answered(body=own)


@passes("CRED-011")
def test_log_without_secrets(builder: TranscriptBuilder) -> int:
    builder.log("POST mcp:mail 200 5.8ms alice «ok» «pat:alice|sha256»")
    builder.log("")
    return 2


@fails("CRED-011")
@pytest.mark.parametrize("label", ["pat:alice", "access:alice:mail|base64", "client-secret:mail|percent", "admin"])
def test_log_with_a_secret(builder: TranscriptBuilder, label: str) -> TranscriptLine:
    builder.log("starting")
    return builder.log(f"headers: Authorization «{label}»")


@passes("CRED-011")
def test_gateway_without_output(builder: TranscriptBuilder) -> int:
    builder.call("alice", "calculator")
    return 1


def test_gateway_with_unknown_output_is_not_judged() -> None:
    builder = TranscriptBuilder(started=False)
    builder.call("alice", "calculator")
    assert builder.judged_by("CRED-011").outcome is Outcome.NOT_OBSERVED


# -- CRED-009, CRED-010, CRED-012, CRED-013


def with_cookies(builder: TranscriptBuilder) -> ClientRequest:
    """Add a call of a caller with a cookie jar and a proxy."""
    cookie, proxy = builder.secret("cookie", "cookie"), builder.secret("cookie", "proxy")
    planted = [("Cookie", f"session={cookie}"), ("Proxy-Authorization", f"Bearer {proxy}")]
    return builder.ask("alice", "calculator", also=planted)


@passes("CRED-009")
def test_cookies_are_not_forwarded(builder: TranscriptBuilder) -> int:
    with_cookies(builder).arrives().answered()
    builder.call("bob", "calculator")
    return 1


@fails("CRED-009")
@pytest.mark.parametrize("header", [("cookie", "a=1; session=«cookie»"), ("proxy-authorization", "Bearer «proxy»")])
def test_cookies_are_forwarded(builder: TranscriptBuilder, header: tuple[str, str]) -> TranscriptLine:
    return with_cookies(builder).arrives(also=[header]).arrival


@fails("CRED-009")
def test_cookies_are_sent_with_the_request_of_another_caller(builder: TranscriptBuilder) -> TranscriptLine:
    with_cookies(builder).arrives().answered()
    return builder.ask("bob", "web-search").arrives(also=[("cookie", "session=«cookie»")]).arrival


@not_observed("CRED-009")
def test_cookies_of_a_refused_request_are_not_judged(builder: TranscriptBuilder) -> None:
    with_cookies(builder).answered(401)
    builder.call("bob", "calculator")


@fails("CRED-010")
@pytest.mark.parametrize("label", ["access:alice:mail", "key:web-search", "access:alice:mail|percent"])
def test_upstream_credential_in_a_url(builder: TranscriptBuilder, label: str) -> TranscriptLine:
    builder.call("alice", "mail")
    return builder.errand("mail", "GET", target=f"/mcp?token=«{label}»")


@fails("CRED-012")
def test_member_gets_the_credential_of_another(builder: TranscriptBuilder) -> TranscriptLine:
    for member in ("web-search", "mail", "calculator"):
        builder.call("alice", "workbench", at=member)
    made = builder.ask("alice", "workbench", at="calculator")
    return made.arrives(auth=builder.auth("web-search", "alice")).arrival


@passes("CRED-012")
def test_each_member_gets_its_own_credential(builder: TranscriptBuilder) -> int:
    for member in ("web-search", "mail", "calculator"):
        builder.call("alice", "workbench", at=member)
    return 3


@not_observed("CRED-012")
def test_single_servers_are_not_judged(builder: TranscriptBuilder) -> None:
    for server in ("web-search", "mail", "calculator"):
        builder.ask("alice", server).arrives(auth=["pat:alice"]).answered()


@passes("CRED-013")
def test_oauth_secrets_sent_to_their_issuer(builder: TranscriptBuilder) -> int:
    builder.token_request("vendor", {"code": "«code:alice:mail»", "client_secret": "«client-secret:mail»"})
    builder.refresh("calendar-as", "refresh:alice:calendar")
    builder.token_request("corp", {"grant_type": "client_credentials"})
    builder.token_request("corp", {"code": builder.secret("code", "code:of-nothing-in-particular", owner="alice")})
    return 4


@fails("CRED-013")
@pytest.mark.parametrize("label", ["refresh:alice:mail", "code:alice:mail", "client-secret:mail|base64"])
def test_oauth_secret_sent_to_another_issuer(builder: TranscriptBuilder, label: str) -> TranscriptLine:
    builder.refresh("vendor")
    return builder.token_request("calendar-as", {"secret": f"«{label}»"})


@fails("CRED-013")
@pytest.mark.parametrize("label", ["refresh:alice:mail", "code:alice:mail", "client-secret:mail"])
def test_oauth_secret_sent_to_an_upstream(builder: TranscriptBuilder, label: str) -> TranscriptLine:
    builder.call("alice", "mail")
    return builder.ask("alice", "mail").arrives(changed={"secret": f"«{label}»"}).arrival


# -- encoded secrets

ENCODINGS: dict[str, tuple[Callable[[bytes], bytes], Pairs]] = {
    "UTF-16LE": (
        lambda raw: raw.decode().encode("utf-16-le"),
        [("content-type", "application/json; charset=utf-16le")],
    ),
    "UTF-16": (lambda raw: raw.decode().encode("utf-16"), [("content-type", "text/plain; charset=utf-16")]),
    "gzip": (gzip.compress, [("content-encoding", "gzip")]),
    "deflate": (zlib.compress, [("content-encoding", "deflate")]),
    "br": (brotli.compress, [("content-encoding", "br")]),
    "zstd": (zstandard.compress, [("content-encoding", "zstd")]),
    "gzip, and nothing says so": (gzip.compress, JSON_HEADERS),
    "UTF-16 in Base64": (lambda raw: base64.b64encode(raw.decode().encode("utf-16-le")), JSON_HEADERS),
}


# Enough text that compression leaves no letter unchanged.
TEXTS = " ".join(requirement.text for requirement in REGISTRY.all())


def encoded(builder: TranscriptBuilder, label: str, encoding: str) -> bytes:
    """Return a body that contains an encoded secret, but no part of it in clear text."""
    value = next(secret.value for secret in builder.recorder.secrets if secret.label == label)
    body = ENCODINGS[encoding][0](json.dumps({"text": TEXTS, "value": value}).encode())
    assert not [at for at in range(len(value) - RUN + 1) if value[at : at + RUN].encode() in body]
    return body


@fails("CRED-008")
@pytest.mark.parametrize("encoding", list(ENCODINGS))
def test_response_contains_an_encoded_secret(builder: TranscriptBuilder, encoding: str) -> ClientRequest:
    body = encoded(builder, "access:alice:mail", encoding)
    return builder.ask("alice", "mail").answered_in_bytes(body, ENCODINGS[encoding][1])


@fails("CRED-001")
@pytest.mark.parametrize("encoding", list(ENCODINGS))
def test_token_in_an_encoded_body_is_forwarded(builder: TranscriptBuilder, encoding: str) -> TranscriptLine:
    builder.call("alice", "calculator")
    headers = [list(pair) for pair in ENCODINGS[encoding][1]]
    body = body_fields(encoded(builder, "pat:alice", encoding))
    request = {"method": "POST", "target": "/mcp", "headers": headers, **body}
    return builder.far_end("upstream", "calculator", request, status=200)
