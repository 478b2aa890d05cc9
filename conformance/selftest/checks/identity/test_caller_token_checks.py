"""Rows about callers' tokens: what different correct gateways do, and what no correct one does."""

from collections.abc import Callable

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.outcome_marks import assert_no_violation
from gatebench.conformance.selftest.support.probe_steps import CHALLENGE
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder
from gatebench.fixtures.world.definition import HARNESS_AGENT
from gatebench.fixtures.world.variants import catalog

CONSENT = "http://127.0.0.1:5000/oauth/connect/1"
ROWS = [one for one in REGISTRY.all() if one.group == "caller_tokens"]
Liberty = Callable[[TranscriptBuilder], object]


def refused(
    builder: TranscriptBuilder, case: str, status: int, principal: str = "carol", server: str = "calculator"
) -> None:
    control = builder.call("carol", server)
    made = builder.ask(principal, server).answered(status, headers=CHALLENGE if status == 401 else JSON_HEADERS)
    builder.case(case, made, control=control)


def unusual_tokens_refused(builder: TranscriptBuilder) -> None:
    """Refuses every token that is unusual in any way: a text as exp, no iat, no kid, an empty crit, no typ."""
    for case in (
        "expiry-as-text-in-the-future",
        "issued-missing",
        "key-id-missing",
        "critical-extensions-none",
        "type-missing",
    ):
        refused(builder, case, 401)


def unusual_tokens_accepted(builder: TranscriptBuilder) -> None:
    """Accepts whatever a key of the issuer signed and no rule forbids, with a leeway of five minutes."""
    for case in (
        "expiry-as-text-in-the-future",
        "key-id-missing",
        "expired-thirty-seconds-ago",
        "issued-in-ten-minutes",
    ):
        control = builder.call("carol", "calculator")
        builder.case(case, builder.call("carol", "calculator"), control=control)


def large_headers_refused(builder: TranscriptBuilder) -> None:
    """Refuses large headers before it looks at the token, and malformed ones as bad requests."""
    refused(builder, "key-id-very-long", 431)
    for case in ("two-tokens-joined-the-wrong-one-first", "two-headers-the-wrong-one-last", "token-in-a-form"):
        refused(builder, case, 400)


def unknown_subjects_unauthenticated(builder: TranscriptBuilder) -> None:
    """Answers 401 for an unregistered subject, and 404 where another gateway says 403."""
    refused(builder, "subject-in-capitals", 401)
    refused(builder, "subject-missing", 403)
    refused(builder, "subject-of-a-user", 404)


def keys_fetched_rarely(builder: TranscriptBuilder) -> None:
    """Fetches key sets every few minutes, whatever tokens name: new keys are refused, withdrawn ones accepted until then."""
    refused(builder, "new-key-if-fetched", 401, "erin")
    refused(builder, "key-set-with-odd-entries", 401, "erin")
    control = builder.call("erin", "calculator")
    builder.case("withdrawn-key", builder.call("erin", "calculator"), control=control)
    builder.case("same-id-and-another-key", builder.ask("erin", "calculator").answered(401), control=control)


def key_of_an_outage_fetched_later(builder: TranscriptBuilder) -> None:
    """Fetches no key set for some time after an outage, and refuses the token until then; a key for encryption is not known."""
    refused(builder, "key-of-an-outage-if-fetched", 401, "erin")
    control = builder.call("erin", "calculator")
    builder.case("key-for-encryption", builder.call("erin", "calculator"), control=control)
    refused(builder, "key-for-encryption", 403, "erin")


def keys_fetched_again_when_a_signature_fails(builder: TranscriptBuilder) -> None:
    """Fetches the key set when no key with the id verifies a token, within a budget: a replaced key counts at once."""
    control, since = builder.call("erin", "calculator"), builder.here()
    builder.issuer_request("affiliate", "jwks", {})
    replaced, old = builder.call("erin", "calculator"), builder.ask("erin", "calculator").answered(401)
    builder.case("same-id-and-another-key", replaced, old, control=control, since=since)
    builder.case("key-beside-a-replaced-one", builder.call("erin", "calculator"), control=control, since=since)
    since, wrong = builder.here(), []
    for number in range(40):
        if number < 20:
            builder.issuer_request("affiliate", "jwks", {})
        wrong.append(builder.ask("erin", "calculator").answered(401, headers=CHALLENGE))
    builder.case("flood-of-unknown-keys", *wrong, control=control, since=since)


def keys_fetched_in_the_background(builder: TranscriptBuilder) -> None:
    """Fetches the key set while it refuses the token that names a new key."""
    control, since = builder.call("erin", "calculator"), builder.here()
    made = builder.ask("erin", "calculator")
    builder.issuer_request("affiliate", "jwks", {})
    builder.case("key-set-without-algorithms", made.answered(401), control=control, since=since)


def key_set_read_by_the_bench(builder: TranscriptBuilder) -> None:
    """Fetches no key set while the bench does."""
    control, since = builder.call("erin", "calculator"), builder.here()
    request = {"method": "GET", "target": "/affiliate/jwks", "headers": [["user-agent", HARNESS_AGENT]], "body": ""}
    builder.far_end("idp", "affiliate", request, status=200, headers=JSON_HEADERS, body="{}")
    made = builder.ask("erin", "calculator").answered(401)
    builder.case("key-set-without-algorithms", made, control=control, since=since)


def unavailable_in_an_outage(builder: TranscriptBuilder) -> None:
    """Answers 500 or 503 while it cannot fetch the key that a token names."""
    refused(builder, "unknown-key-in-an-outage", 500, "erin")
    refused(builder, "unknown-key-in-an-outage", 503, "erin")


def floods_limited(builder: TranscriptBuilder) -> None:
    """Answers 429 when many tokens name unknown keys."""
    refused(builder, "flood-of-unknown-keys", 429, "erin")


def delegation_and_odd_subjects_refused(builder: TranscriptBuilder) -> None:
    """Answers 401 for tokens with an actor, and for subjects that are no ordinary names."""
    for case in ("actor-is-another", "actor-is-another-denied", "subject-with-a-path-denied"):
        refused(builder, case, 401)


def consent_asked_of_each(builder: TranscriptBuilder) -> None:
    """Asks each caller for consent, and answers each with its own data."""
    control = builder.call("carol", "mail")
    asked = builder.ask("partner-carol", "mail").asked_to_consent(CONSENT)
    builder.case("subject-of-another-issuer-without-consent", asked, control=control, subject="partner-carol")
    own = builder.call("partner-carol", "mail")
    builder.case("subject-of-another-issuer-with-consent", own, control=control, subject="partner-carol")


def a_few_fetches(builder: TranscriptBuilder) -> None:
    """Fetches the key set for some of the unknown keys."""
    control, since = builder.call("erin", "calculator"), builder.here()
    for _ in range(20):
        builder.issuer_request("affiliate", "jwks", {})
    made = builder.ask("erin", "calculator").answered(401, headers=CHALLENGE)
    builder.case("flood-of-unknown-keys", made, control=control, since=since)


LIBERTIES: list[Liberty] = [
    unusual_tokens_refused,
    unusual_tokens_accepted,
    large_headers_refused,
    unknown_subjects_unauthenticated,
    keys_fetched_rarely,
    key_of_an_outage_fetched_later,
    keys_fetched_again_when_a_signature_fails,
    keys_fetched_in_the_background,
    key_set_read_by_the_bench,
    unavailable_in_an_outage,
    floods_limited,
    delegation_and_odd_subjects_refused,
    consent_asked_of_each,
    a_few_fetches,
]


@pytest.mark.parametrize("liberty", LIBERTIES)
def test_conforming_behaviour_has_no_violation(builder: TranscriptBuilder, liberty: Liberty) -> None:
    liberty(builder)
    judgements = [builder.judged_by(row.id) for row in ROWS]
    assert_no_violation(judgements)
    assert_no_violation([builder.judged_by("CRED-006")])


def test_data_of_another_caller_is_a_violation(builder: TranscriptBuilder) -> None:
    control = builder.call("carol", "mail")
    made = builder.ask("partner-carol", "mail").arrives(auth=["access:carol:mail"])
    builder.case("subject-of-another-issuer-without-consent", made.answered(), control=control, subject="partner-carol")
    (row,) = [row for row in ROWS if "subject-of-another-issuer-without-consent" in row.cases]
    assert builder.judged_by(row.id).outcome is Outcome.FAIL


def test_fetched_key_set_is_counted(builder: TranscriptBuilder) -> None:
    control, since = builder.call("erin", "calculator"), builder.here()
    builder.issuer_request("affiliate", "jwks", {})
    builder.case("new-key-if-fetched", builder.ask("erin", "calculator").answered(401), control=control, since=since)
    (row,) = [row for row in ROWS if "new-key-if-fetched" in row.cases]
    assert builder.judged_by(row.id).outcome is Outcome.FAIL


def test_each_case_of_a_variant_is_judged() -> None:
    judged = {case for row in ROWS for case in row.cases}
    assert catalog.tokens().keys() <= judged


def test_expectations_match_the_rows() -> None:
    shapes = {"refused": "refused", "accepted": "accepted", "either": "answered"}
    for name, variant in catalog.tokens().items():
        checks = {row.check for row in ROWS if name in row.cases}
        assert shapes[variant.expect] in checks, name
