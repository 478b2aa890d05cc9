"""Ways in which correct gateways pass on a caller's newer JWT, or fail a call without an override: no violations."""

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

CASE = "passthrough-renewed-on-each-request"
NEWER = {"authorization": "Bearer «newer»"}


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
