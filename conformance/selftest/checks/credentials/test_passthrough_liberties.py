"""Ways in which correct gateways pass on a caller's newer JWT, or fail a call without an override: no violations."""

import json
from collections.abc import Mapping

from gatebench.conformance.outcomes import Outcome
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
