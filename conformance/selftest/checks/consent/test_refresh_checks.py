"""Tests of the checks of refresh.toml: CONS-013 and CONS-014. (CONS-009 and CONS-010: `test_consent_flow_checks`.)"""

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, passes, untestable
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

SPENT, NEXT = "refresh:alice:mail", "refresh:alice:mail~2"


# -- CONS-013


def rejected(builder: TranscriptBuilder, *, before: bool = True) -> ClientRequest:
    """Add a call that worked (or did not), and one whose token the upstream rejects."""
    control = builder.ask("alice", "mail")
    control = control.arrives().answered() if before else control.refused("no")
    return builder.probe("renewed", builder.ask("alice", "mail"), control, "token rejected")


@passes("CONS-013")
def test_rejected_token_is_refreshed(builder: TranscriptBuilder) -> int:
    attempt = rejected(builder).arrives(status=401)
    builder.refresh("vendor")
    attempt.arrives().answered()
    return 1


@passes("CONS-013")
def test_rejected_token_leads_to_consent_request(builder: TranscriptBuilder) -> int:
    rejected(builder).arrives(status=401).asked_to_consent("https://as.example/authorize")
    return 1


@fails("CONS-013")
def test_rejected_token_is_returned_as_502(builder: TranscriptBuilder) -> ClientRequest:
    return rejected(builder).arrives(status=401).answered(502)


@fails("CONS-013")
def test_upstream_401_is_forwarded(builder: TranscriptBuilder) -> ClientRequest:
    return rejected(builder).arrives(status=401).answered(401)


@untestable("CONS-013")
def test_token_that_was_not_rejected_is_untestable(builder: TranscriptBuilder) -> None:
    rejected(builder).arrives().answered()


@untestable("CONS-013")
def test_rejected_token_without_a_successful_call_is_untestable(builder: TranscriptBuilder) -> None:
    rejected(builder, before=False).arrives(status=401).answered(502)


# -- CONS-014


def rotated_token(builder: TranscriptBuilder) -> None:
    """Add the refresh token of a renewal."""
    builder.secret("refresh-token", NEXT, owner="alice", audience="mail")


@passes("CONS-014")
def test_each_refresh_token_is_used_once(builder: TranscriptBuilder) -> int:
    rotated_token(builder)
    builder.refresh("vendor", SPENT, gives=NEXT)
    builder.refresh("vendor", NEXT)
    builder.refresh("calendar-as", "refresh:alice:calendar")
    return 3


@passes("CONS-014")
def test_refresh_token_without_successor_is_used_again(builder: TranscriptBuilder) -> int:
    builder.refresh("vendor", SPENT)
    builder.refresh("vendor", SPENT, status=503)
    builder.refresh("vendor", SPENT)
    return 3


@fails("CONS-014")
def test_replaced_refresh_token_is_used_again(builder: TranscriptBuilder) -> object:
    rotated_token(builder)
    builder.refresh("vendor", SPENT, gives=NEXT)
    return builder.refresh("vendor", SPENT, status=400)


@fails("CONS-014")
def test_concurrent_refreshes_with_one_refresh_token(builder: TranscriptBuilder) -> object:
    rotated_token(builder)
    builder.refresh("vendor", SPENT, gives=NEXT)
    builder.refresh("vendor", NEXT)
    return builder.refresh("vendor", SPENT, gives=NEXT)
