"""Tests of the checks of authorization_servers.toml that have code of their own instead of a shape."""

import base64
import json
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

ISSUER = "vendor"
INSERTED, OPENID, APPENDED = (
    f"/.well-known/oauth-authorization-server/{ISSUER}",
    f"/.well-known/openid-configuration/{ISSUER}",
    f"/{ISSUER}/.well-known/openid-configuration",
)
BOTH = ["mail", "mail.write"]
RESOURCE = "resource-metadata-of-another-resource"


def metadata_requests(builder: TranscriptBuilder, *paths: str) -> list[TranscriptLine]:
    """Add requests for metadata at these paths, one after the other; the last one is answered."""
    last = len(paths) - 1
    return [
        builder.metadata(ISSUER, {"issuer": ISSUER} if place == last else None, path, t=float(place))
        for place, path in enumerate(paths)
    ]


@passes("ASM-002")
def test_metadata_addresses_in_the_specified_order(builder: TranscriptBuilder) -> int:
    metadata_requests(builder, INSERTED, OPENID, APPENDED)
    return 1


@passes("ASM-002")
def test_metadata_addresses_requested_concurrently(builder: TranscriptBuilder) -> int:
    for path in (APPENDED, INSERTED):
        builder.metadata(ISSUER, None, path, t=1.0)
    return 1


@fails("ASM-002")
def test_metadata_addresses_in_another_order(builder: TranscriptBuilder) -> TranscriptLine:
    return metadata_requests(builder, APPENDED, INSERTED)[1]


@not_observed("ASM-002")
def test_no_metadata_are_read(builder: TranscriptBuilder) -> None:
    builder.redeem(ISSUER)


def test_cached_metadata_have_no_request_order(builder: TranscriptBuilder) -> None:
    builder.case("openid-address-only", builder.call("alice", "mail"))
    assert builder.judged_by("ASM-002").outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize("requirement", ["ASM-009", "ASM-010", "ASM-011"])
def test_metadata_not_read_is_not_applicable(builder: TranscriptBuilder, requirement: str) -> None:
    made = builder.ask("alice", "mail").asked_to_consent("http://127.0.0.1:5000/oauth/connect/1")
    for case in ("metadata-issuer-missing", "pkce-absent", "endpoint-data"):
        builder.case(case, made)
    assert builder.judged_by(requirement).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize("requirement", ["ASM-012", "ASM-021", "ASM-030"])
def test_requests_to_other_issuers_do_not_count(builder: TranscriptBuilder, requirement: str) -> None:
    resource = "http://127.0.0.1/mcp"
    builder.token_request(ISSUER, {"grant_type": "refresh_token", "resource": resource})
    for _ in range(9):
        builder.refresh("calendar-as")
    for case in ("iss-missing", "resource-required", "client-refused"):
        builder.case(case, builder.call("alice", "mail"), expected=resource)
    assert builder.judged_by(requirement).outcome is Outcome.PASS


def test_more_scopes_than_configured_pass(builder: TranscriptBuilder) -> None:
    builder.authorize(ISSUER, scope="offline_access b a")
    builder.case("scope-of-each-request", builder.call("alice", "mail"), expected="a b")
    assert builder.judged_by("ASM-022").outcome is Outcome.PASS


def test_missing_configured_scope_is_a_warning(builder: TranscriptBuilder) -> None:
    builder.authorize(ISSUER, scope="a")
    builder.case("scope-of-each-request", builder.call("alice", "mail"), expected="a b")
    assert builder.judged_by("ASM-022").outcome is Outcome.WARN


def test_gateway_that_asks_for_no_further_scope_is_not_judged(builder: TranscriptBuilder) -> None:
    denied = builder.ask("alice", "mail").arrives(status=403).answered(502)
    facts: dict[str, Any] = {"inapplicable": "the gateway does not ask the user for a further scope"}
    builder.case("demand-behind-another-challenge", denied, control=denied, **facts)
    assert builder.judged_by("ASM-050").outcome is Outcome.NOT_APPLICABLE


def foreign_error(builder: TranscriptBuilder, body: str) -> TranscriptLine:
    """Add a callback with a foreign error, and the page that answers it."""
    page = builder.read("http://127.0.0.1:5000/oauth/callback?error=access_denied", status=400, body=body)
    builder.observe("foreign-error", text="call-me", server="mail", **{"from": 0, "to": page.seq + 9})
    return page


@passes("ASM-014")
def test_a_foreign_error_is_not_shown(builder: TranscriptBuilder) -> int:
    foreign_error(builder, "Please start again.")
    return 1


@fails("ASM-014")
def test_a_foreign_error_is_shown(builder: TranscriptBuilder) -> TranscriptLine:
    return foreign_error(builder, "The server said: call-me")


def step_up_authorization(builder: TranscriptBuilder, scope: str | None) -> TranscriptLine:
    """Add an authorization for a further scope."""
    line = builder.authorize(ISSUER, scope=scope)
    builder.case("scope-granted", builder.call("alice", "mail"), scopes=BOTH)
    return line


@passes("ASM-026")
def test_step_up_keeps_the_granted_scopes(builder: TranscriptBuilder) -> int:
    step_up_authorization(builder, "mail.write openid mail")
    return 1


@fails("ASM-026")
def test_step_up_drops_the_granted_scopes(builder: TranscriptBuilder) -> TranscriptLine:
    return step_up_authorization(builder, "mail.write")


def test_step_up_scopes_in_2025_06_18_are_not_applicable(builder: TranscriptBuilder) -> None:
    builder.facts.target["claims"] = {"revisions": ["2025-06-18"]}
    step_up_authorization(builder, "mail.write")
    assert builder.judged_by("ASM-026").outcome is Outcome.NOT_APPLICABLE


@passes("ASM-027")
def test_scope_challenge_returned_as_error(builder: TranscriptBuilder) -> int:
    builder.case("scope-demanded", builder.ask("alice", "mail").arrives(status=403).refused("no", 502), scopes=BOTH)
    builder.refresh(ISSUER)
    builder.case("scope-demanded", builder.ask("alice", "mail").arrives(status=403).refused("no", 502), scopes=BOTH)
    return 2


@fails("ASM-027")
def test_scope_challenge_retried_four_times(builder: TranscriptBuilder) -> TranscriptLine:
    made = builder.ask("alice", "mail")
    for _ in range(4):
        made.arrives(status=403)
    builder.case("scope-demanded", made.refused("no", 502), scopes=BOTH)
    return made.arrival


@fails("ASM-027")
def test_scope_challenge_followed_by_three_refreshes(builder: TranscriptBuilder) -> TranscriptLine:
    lines = [builder.refresh(ISSUER) for _ in range(3)]
    builder.case("scope-demanded", builder.ask("alice", "mail").arrives(status=403).refused("no", 502), scopes=BOTH)
    return lines[2]


@passes("ASM-028", "ASM-029")
def test_gateway_stops_after_wrong_resource_metadata(builder: TranscriptBuilder) -> int:
    builder.errand("mail", "GET", target="/.well-known/oauth-protected-resource/mcp")
    builder.case(RESOURCE, builder.ask("alice", "mail").refused("no", 502), expected="http://127.0.0.1/mcp")
    return 1


@pytest.mark.parametrize("requirement", ["ASM-028", "ASM-029"])
def test_gateway_that_sends_no_request_is_not_applicable(builder: TranscriptBuilder, requirement: str) -> None:
    builder.case(RESOURCE, builder.ask("alice", "mail").answered(401), expected="http://127.0.0.1/mcp")
    assert builder.judged_by(requirement).outcome is Outcome.NOT_APPLICABLE


@passes("ASM-028")
def test_client_credentials_sent_to_their_own_issuer(builder: TranscriptBuilder) -> int:
    builder.authorize(ISSUER, client_id="gateway-at-vendor")
    builder.token_request(ISSUER, {"grant_type": "authorization_code", "client_secret": "«client-secret:mail»"})
    builder.case(RESOURCE, builder.call("alice", "mail"))
    return 1


@fails("ASM-028")
def test_client_id_sent_to_another_issuer(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.authorize("rogue", client_id="gateway-at-vendor")


@fails("ASM-028")
def test_client_secret_sent_to_another_issuer(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.token_request("rogue", {"grant_type": "authorization_code", "client_secret": "«client-secret:mail»"})


@passes("ASM-029")
def test_configured_resource_is_requested(builder: TranscriptBuilder) -> int:
    expected = builder.world_json["upstreams"]["mail"]["url"]
    builder.authorize(ISSUER)
    builder.redeem(ISSUER)
    builder.case(RESOURCE, builder.call("alice", "mail"), expected=expected)
    return 1


@not_observed("ASM-028", "ASM-029")
def test_no_resource_metadata(builder: TranscriptBuilder) -> None:
    builder.authorize(ISSUER)


@fails("ASM-029")
def test_another_resource_is_requested(builder: TranscriptBuilder) -> TranscriptLine:
    line = builder.authorize(ISSUER, resource="http://127.0.0.1:1/mcp")
    builder.case(RESOURCE, builder.call("alice", "mail"), expected="http://127.0.0.1:2/mcp")
    return line


@passes("ASM-023")
def test_new_code_verifier_for_each_code(builder: TranscriptBuilder) -> int:
    for place in range(2):
        builder.redeem(ISSUER, code=f"code-{place}", code_verifier=f"verifier-{place}")
    builder.redeem(ISSUER, code="code-1", code_verifier="verifier-1")
    return 3


@fails("ASM-023")
def test_code_verifier_used_for_two_codes(builder: TranscriptBuilder) -> TranscriptLine:
    builder.redeem(ISSUER, code="code-1", code_verifier="verifier")
    return builder.redeem(ISSUER, code="code-2", code_verifier="verifier")


@not_observed("ASM-023")
def test_no_code_is_redeemed(builder: TranscriptBuilder) -> None:
    builder.call("alice", "mail")


VERIFIER = "wHb2yW0b7dPq3Lx9nT5rV8mZc1Jk4sGf6uEaQoYiX_-"  # 43 characters


def b64url(value: bytes) -> str:
    """Return Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@passes("ASM-046")
def test_code_verifier_that_only_the_gateway_knows(builder: TranscriptBuilder) -> int:
    builder.authorize(ISSUER, state=f"another.{b64url(b'alice:mail')}.{b64url(b'x' * 60)}")
    builder.redeem(ISSUER, code="code-1", code_verifier=VERIFIER)
    return 1


@fails("ASM-046")
def test_code_verifier_in_the_state(builder: TranscriptBuilder) -> TranscriptLine:
    request = builder.authorize(ISSUER, state=VERIFIER)
    builder.redeem(ISSUER, code="code-1", code_verifier=VERIFIER)
    return request


@fails("ASM-046")
def test_code_verifier_in_a_signed_state(builder: TranscriptBuilder) -> TranscriptLine:
    sealed = b64url(json.dumps({"user": "alice", "verifier": VERIFIER}).encode())
    request = builder.authorize(ISSUER, state=f"e30.{sealed}.c2lnbmF0dXJl")
    builder.redeem(ISSUER, code="code-1", code_verifier=VERIFIER)
    return request


@fails("ASM-046")
def test_code_verifier_as_a_parameter(builder: TranscriptBuilder) -> TranscriptLine:
    return builder.authorize(ISSUER, code_verifier="any")


@not_observed("ASM-046")
def test_no_authorization_is_requested(builder: TranscriptBuilder) -> None:
    builder.call("alice", "mail")


@pytest.mark.parametrize("end", ["", "/"])
def test_origins_as_resources_are_written_with_a_slash_or_without(builder: TranscriptBuilder, end: str) -> None:
    origin = builder.world_json["upstreams"]["rooted"]["url"]
    builder.authorize("rooted-as", resource=origin + end)
    builder.redeem("rooted-as", resource=origin + end)
    builder.token_request("rooted-as", {"grant_type": "refresh_token", "resource": origin + end})
    builder.case("resource-without-a-path", builder.call("alice", "rooted"), expected=origin)
    for requirement in ("ASM-019", "ASM-020", "ASM-021", "ASM-048"):
        assert builder.judged_by(requirement).outcome is Outcome.PASS
