"""Ways in which right gateways are clients of authorization servers: documents, registration, links, states and refreshing."""

from collections.abc import Callable
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.outcome_marks import assert_no_violation
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder

CONNECT = "http://127.0.0.1:5000/connect/"
CALLBACK = "http://127.0.0.1:5000/oauth/callback"
CLIENT_ID = "http://127.0.0.1:5000/client.json"
DOCUMENT: dict[str, Any] = {"client_id": CLIENT_ID, "client_name": "gateway", "redirect_uris": [CALLBACK]}
SHAPES = ("client-document", "consent-unguessable", "orderly", "requests-bounded", "bounded", "own-answer")
ROWS = [requirement for requirement in REGISTRY.all() if requirement.check in SHAPES]
Liberty = Callable[[TranscriptBuilder], object]
BY_DOCUMENT = "client-by-document"


def a_registered_client_instead(builder: TranscriptBuilder) -> None:
    """Has registered itself before the authorization server began to read documents, and stays this client."""
    builder.authorize("vendor", client_id="client-1", redirect_uri=CALLBACK)
    builder.case(BY_DOCUMENT, builder.call("alice", "mail"), document=None, forged=[])


def a_document_at_another_host(builder: TranscriptBuilder) -> None:
    """Has its document at the web site of its operator."""
    builder.authorize("vendor", client_id="https://operator.example/gateway.json", redirect_uri=CALLBACK)
    builder.case(BY_DOCUMENT, builder.call("alice", "mail"), document=None, forged=[])


def a_full_document(builder: TranscriptBuilder) -> None:
    """Has several redirect URIs, members that others do not know, a key of its own, and a more specific media type."""
    more = {
        "redirect_uris": ["https://elsewhere.example/callback", CALLBACK],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": "http://127.0.0.1:5000/jwks",
        "software_id": 7,
    }
    builder.authorize("vendor", client_id=CLIENT_ID, redirect_uri=CALLBACK)
    document = builder.read(CLIENT_ID, DOCUMENT | more, kind="application/client-metadata+json; charset=utf-8")
    builder.case(BY_DOCUMENT, builder.call("alice", "mail"), document=document.exchange, forged=[])


def forged_headers_refused(builder: TranscriptBuilder) -> None:
    """Refuses a request for the document whose headers name another host."""
    builder.authorize("vendor", client_id=CLIENT_ID, redirect_uri=CALLBACK)
    document, forged = builder.read(CLIENT_ID, DOCUMENT), builder.read(CLIENT_ID, status=421, body="not here")
    facts: dict[str, Any] = {"document": document.exchange, "forged": [forged.exchange, "a request without an answer"]}
    builder.case(BY_DOCUMENT, builder.call("alice", "mail"), **facts)


def a_failed_registration_on_its_page(builder: TranscriptBuilder) -> None:
    """Offers a link first, and tries each time that it is followed, which its page says."""
    for _ in range(3):
        builder.issuer_request("declining-as", "register", {})
        builder.visit("alice", CONNECT, 503, body="cannot be connected now")
    made = builder.ask("alice", "mail").asked_to_consent(CONNECT)
    builder.case("registration-forbidden", made, builder.ask("alice", "mail").answered(502), others=[])


def a_registration_that_is_not_tried_again(builder: TranscriptBuilder) -> None:
    """Reports a failed registration from then on, until its operator does something."""
    builder.case("registration-refused", builder.ask("alice", "mail").answered(503), others=[])


def one_client_whatever_happens_to_it(builder: TranscriptBuilder) -> None:
    """Is not registered anew when the server has forgotten its client, so that no user gets a consent there."""
    builder.case("client-registered-at-once", builder.ask("alice", "mail").answered(502))


def no_request_after_a_failure(builder: TranscriptBuilder) -> None:
    """Answers with an error, of whatever kind, before it asks the authorization server."""
    builder.case("endpoint-missing", builder.ask("alice", "mail").answered(500))


def one_link_for_all_who_sign_in(builder: TranscriptBuilder) -> None:
    """Knows the user of a browser by a session of its own, and has one link for all."""
    for user, state in (("alice", "Zk3vQx81LmPa0Rs"), ("bob", "y7WnBt52GdHeUc4")):
        builder.ask(user, "mail").asked_to_consent(f"{CONNECT}mail")
        builder.visit(user, f"{CONNECT}mail", 401)
        builder.authorize("vendor", state=state)
    builder.case("two-users-in-order", builder.call("alice", "mail"))


def states_that_are_signed(builder: TranscriptBuilder) -> None:
    """Keeps nothing of a consent under way: states and links are signed texts that begin alike."""
    for user, signature in (("alice", "Zk3vQx81LmPa0Rs"), ("bob", "y7WnBt52GdHeUc4")):
        link = f"{CONNECT}eyJhbGciOiJIUzI1NiJ9.{user}.{signature}"
        builder.ask(user, "mail").asked_to_consent(link)
        builder.visit(user, link, 302)
        for _ in range(2):  # the browser signs in there in between
            builder.authorize("vendor", state=f"eyJhbGciOiJIUzI1NiJ9.{signature}")
    builder.case("two-users-in-order", builder.call("alice", "mail"))


def a_browser_of_one_user(builder: TranscriptBuilder) -> None:
    """Refuses a second user's consent in a browser that another user is signed in with, until that user has one of their own."""
    builder.case("two-users-of-one-browser", builder.call("alice", "mail"), builder.call("alice", "mail"))
    builder.visit("bob", CONNECT, 403, body="another user is signed in here")
    builder.visit("bob", CONNECT, 302)
    builder.case("two-users-of-one-browser", builder.call("bob", "mail"))


def one_link_for_both_requests(builder: TranscriptBuilder) -> None:
    """Gives the same link until it has been used."""
    builder.case("earlier-of-two-links", builder.call("alice", "mail"))


def refreshed_early_once(builder: TranscriptBuilder) -> None:
    """Refreshes a token on its first use, to see whether it can."""
    builder.refresh("vendor")
    for case in ("code-lifetime-of-an-hour", "refresh-lifetime-of-an-hour"):
        builder.case(case, builder.call("alice", "mail"), builder.call("alice", "mail"))


LIBERTIES: list[Liberty] = [
    a_registered_client_instead,
    a_document_at_another_host,
    a_full_document,
    forged_headers_refused,
    a_failed_registration_on_its_page,
    a_registration_that_is_not_tried_again,
    one_client_whatever_happens_to_it,
    no_request_after_a_failure,
    one_link_for_all_who_sign_in,
    states_that_are_signed,
    a_browser_of_one_user,
    one_link_for_both_requests,
    refreshed_early_once,
]


@pytest.mark.parametrize("liberty", LIBERTIES)
def test_conforming_behaviour_has_no_violation(builder: TranscriptBuilder, liberty: Liberty) -> None:
    liberty(builder)
    judgements = [builder.judged_by(row.id) for row in ROWS]
    assert_no_violation(judgements)
    assert [judgement for judgement in judgements if judgement.outcome is not Outcome.NOT_OBSERVED]
