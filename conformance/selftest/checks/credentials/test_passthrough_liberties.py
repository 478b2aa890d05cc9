"""Ways in which correct gateways pass on a caller's newer JWT, or fail a call without an override: no violations."""

import json
from collections.abc import Mapping

import pytest

from gatebench.conformance.outcomes import CheckResult, Outcome
from gatebench.conformance.selftest.support.transcript_base import Pairs
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

CASE = "passthrough-renewed-on-each-request"
NEWER = {"authorization": "Bearer «newer»"}
REFUSED_OVERRIDE = {"Authorization": "Bearer «override»"}


def call_after_a_handshake_of_its_own(builder: TranscriptBuilder, headers: Mapping[str, str], status: int) -> None:
    """The gateway opens an upstream session for the override of a call, and the upstream answers with this status."""
    call = builder.ask("bob", "mail")
    handshake = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})
    request = {
        "method": "POST",
        "target": "/mcp",
        "headers": [list(pair) for pair in headers.items()],
        "body": handshake,
    }
    builder.far_end("upstream", "mail", request, status=status, headers=[], body="", t=0.0)
    builder.case("override-refused-by-the-upstream", call.answered(502), headers=[REFUSED_OVERRIDE])


def test_handshake_with_the_override_may_be_what_is_refused(builder: TranscriptBuilder) -> None:
    call_after_a_handshake_of_its_own(builder, REFUSED_OVERRIDE, 401)
    assert builder.judged_by("GPA-020").outcome is Outcome.PASS


def test_handshake_with_the_configured_credential_is_no_arrival(builder: TranscriptBuilder) -> None:
    call_after_a_handshake_of_its_own(builder, {"Authorization": "Bearer «configured»"}, 401)
    assert builder.judged_by("GPA-020").outcome is Outcome.FAIL


def test_a_list_of_its_own_and_an_older_session_beside_the_new_one(builder: TranscriptBuilder) -> None:
    """One list is answered without the upstream; for another one the gateway also uses a session that the older JWT began."""
    alone = builder.ask("carol", "crm", "tools/list").answered()
    both = builder.ask("carol", "crm", "tools/list").arrives(auth=["older"]).arrives(auth=["newer"]).answered()
    builder.case(CASE, alone, both, headers=[NEWER, NEWER])
    assert builder.judged_by("GPA-023").outcome is Outcome.PASS


def test_responses_from_the_own_catalogue_are_allowed(builder: TranscriptBuilder) -> None:
    """The gateway answers everything but calls from its own catalogue."""
    builder.case(CASE, builder.ask("carol", "crm", "tools/list").answered(), headers=[NEWER])
    assert builder.judged_by("GPA-023").outcome is Outcome.NOT_APPLICABLE


def test_a_stream_of_an_older_session_is_refused_meanwhile(builder: TranscriptBuilder) -> None:
    """The gateway ends the client's stream itself; the upstream refuses one that goes with the older JWT."""
    alone = builder.ask("carol", "crm", "tools/list").arrives(auth=["newer"]).answered()
    stream = builder.ask("carol", "crm", "GET").arrives(auth=["older"], status=405).answered(405)
    builder.case(CASE, alone, stream, headers=[NEWER, NEWER])
    assert builder.judged_by("GPA-023").outcome is Outcome.PASS


def test_stream_with_the_older_jwt_is_a_violation(builder: TranscriptBuilder) -> None:
    builder.case(CASE, builder.ask("carol", "crm", "GET").arrives(auth=["older"]).answered(), headers=[NEWER])
    assert builder.judged_by("GPA-023").outcome is Outcome.FAIL


def test_older_jwt_alone_is_a_violation(builder: TranscriptBuilder) -> None:
    builder.case(CASE, builder.ask("carol", "crm", "tools/list").arrives(auth=["older"]).answered(), headers=[NEWER])
    assert builder.judged_by("GPA-023").outcome is Outcome.FAIL


def test_unforwarded_call_without_override_is_not_judged(builder: TranscriptBuilder) -> None:
    call = builder.ask("alice", "everything").answered(503)
    builder.case("no-override-beside-overrides", call, headers=[{"X-Custom-Header": None}])
    assert builder.judged_by("GPA-006").outcome is Outcome.UNTESTABLE


def test_header_of_another_session_is_a_violation(builder: TranscriptBuilder) -> None:
    call = builder.ask("alice", "everything").arrives(also=[("x-custom-header", "of another")]).answered()
    builder.case("no-override-beside-overrides", call, headers=[{"X-Custom-Header": None}])
    assert builder.judged_by("GPA-006").outcome is Outcome.FAIL


def request_without_a_nonce(builder: TranscriptBuilder, method: str, session: str, credential: str) -> None:
    """Add a request of the gateway's own to `web-search`, in an upstream session, with this configured or given key."""
    body = json.dumps({"jsonrpc": "2.0", "id": 9, "method": method, "params": {}})
    headers = [["X-API-Key", credential], ["Mcp-Session-Id", session]]
    request = {"method": "POST", "target": "/mcp", "headers": headers, "body": body}
    builder.far_end("upstream", "web-search", request, status=200, headers=[], body="{}")


@pytest.mark.parametrize(("session", "outcome"), [("shared", Outcome.NOT_APPLICABLE), ("own", Outcome.FAIL)])
def test_catalogue_is_refreshed_in_a_session_with_the_configured_key(
    builder: TranscriptBuilder, session: str, outcome: Outcome
) -> None:
    """The client's list is answered from a catalogue, which the gateway reads again meanwhile, in another session."""
    control = builder.ask("alice", "web-search").arrives(auth=[("X-API-Key", "given")], session="own").answered()
    made = builder.ask("alice", "web-search", "tools/list")
    request_without_a_nonce(builder, "tools/list", session, "configured")
    builder.case("override-on-each-request", made.answered(), control=control, headers=[{"X-API-Key": "given"}])
    assert builder.judged_by("GPA-024").outcome is outcome


def test_other_members_get_requests_without_the_jwt(builder: TranscriptBuilder) -> None:
    """The gateway lists the tools of all members with the `_meta` of the call, before it calls one."""
    made = builder.ask("carol", "portal", at="crm")
    made.arrives("calculator", auth=[]).arrives(auth=["newer"])
    builder.case("passthrough-renewed-at-a-member", made.answered(), headers=[NEWER], member="crm")
    assert builder.judged_by("GPA-015").outcome is Outcome.PASS


REFUSED = "override-unauthorized-on-each-request"
GIVEN, CONFIGURED = [("X-API-Key", "given")], [("X-API-Key", "configured")]


def refused_at(builder: TranscriptBuilder, *repeated: Pairs, status: int = 401) -> CheckResult:
    """Judge a list whose override the upstream refuses, and which the gateway repeats with these headers."""
    control = builder.ask("alice", "web-search").arrives(session="own").answered()
    made = builder.ask("alice", "web-search", "tools/list").arrives(auth=GIVEN, session="own", status=status)
    for headers in repeated:
        made.arrives(auth=headers, session="own")
    builder.case(REFUSED, made.answered(502), control=control, headers=[{"X-API-Key": "given"}])
    return builder.judged_by("OVR-007")


@pytest.mark.parametrize("status", [401, 403])
def test_refused_override_is_not_repeated_with_another_key(builder: TranscriptBuilder, status: int) -> None:
    assert refused_at(builder, CONFIGURED, status=status).outcome is Outcome.FAIL


@pytest.mark.parametrize("repeated", [[], [GIVEN], [GIVEN, GIVEN]])
def test_refused_override_may_be_tried_again(builder: TranscriptBuilder, repeated: list[Pairs]) -> None:
    """A gateway may open another session for it, or try again."""
    assert refused_at(builder, *repeated).outcome is Outcome.PASS


def test_override_that_is_not_refused_proves_nothing(builder: TranscriptBuilder) -> None:
    """The gateway reads its own catalogue for the list as well."""
    assert refused_at(builder, CONFIGURED, status=200).outcome is Outcome.NOT_APPLICABLE


def test_request_of_the_gateway_before_the_refused_one(builder: TranscriptBuilder) -> None:
    """The gateway opens the upstream session with the configured key, and sends each request with its override."""
    control = builder.ask("alice", "web-search").arrives(session="own").answered()
    made = builder.ask("alice", "web-search", "tools/list").arrives(auth=CONFIGURED, session="own")
    made.arrives(auth=GIVEN, session="own", status=403)
    builder.case(REFUSED, made.answered(502), control=control, headers=[{"X-API-Key": "given"}])
    assert builder.judged_by("OVR-007").outcome is Outcome.PASS


@pytest.mark.parametrize("session", ["shared", "of-another-caller"])
def test_catalogue_is_read_after_a_refused_override(builder: TranscriptBuilder, session: str) -> None:
    """The gateway reads its catalogue with the configured key, in a session of its own, while a request is refused."""
    control = builder.ask("alice", "web-search").arrives(session="own").answered()
    made = builder.ask("alice", "web-search", "tools/list").arrives(auth=GIVEN, session="own", status=401)
    request_without_a_nonce(builder, "tools/list", session, "configured")
    builder.case(REFUSED, made.answered(502), control=control, headers=[{"X-API-Key": "given"}])
    assert builder.judged_by("OVR-007").outcome is Outcome.PASS


def test_gateway_refuses_overrides_itself(builder: TranscriptBuilder) -> None:
    control = builder.ask("alice", "web-search").arrives(session="own").answered()
    made = builder.ask("alice", "web-search", "tools/list").answered(404)
    builder.case(REFUSED, made, control=control, headers=[{"X-API-Key": "given"}])
    assert builder.judged_by("OVR-007").outcome is Outcome.NOT_APPLICABLE
