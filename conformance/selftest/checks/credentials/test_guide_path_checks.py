"""Correct gateways on the guide's authentication paths, each judged by the row that the case is about."""

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder


@pytest.mark.parametrize(
    ("sent", "passes"),
    [
        ("Bearer of-the-caller", True),
        ("bearer  of-the-caller", True),
        ("Bearer of-the-Caller", False),
        ("of-the-caller", False),
    ],
)
def test_scheme_of_an_override_in_any_case(builder: TranscriptBuilder, sent: str, passes: bool) -> None:
    """RFC 9110 section 11.1: its case and the spaces after it are free; the credential is not."""
    made = builder.ask("alice", "everything").arrives(also=[("authorization", sent)]).answered()
    builder.case("override-name-in-lower-case", made, headers=[{"Authorization": "Bearer of-the-caller"}])
    assert (builder.judged_by("GPA-003").outcome is Outcome.PASS) is passes


@pytest.mark.parametrize(("status", "passes"), [(200, True), (400, True), (403, True), (500, False)])
def test_override_value_beyond_ascii_sent_or_refused(builder: TranscriptBuilder, status: int, passes: bool) -> None:
    """RFC 9110 section 5.5: such octets may be sent or refused."""
    control = builder.call("alice", "everything")
    builder.case("override-umlaut", builder.ask("alice", "everything").answered(status), control=control)
    assert (builder.judged_by("GPA-004").outcome is Outcome.PASS) is passes


def test_finding_names_the_own_variant(builder: TranscriptBuilder) -> None:
    control = builder.call("carol", "calculator")
    made = builder.call("carol", "calculator")
    builder.case("own-variant-refused", made, control=control, variant="audience-of-staging")
    (violation,) = builder.judged_by("VAR-001").violations
    assert "own variant refused audience-of-staging at calculator" in violation.what
