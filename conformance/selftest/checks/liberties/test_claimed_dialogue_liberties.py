"""What right gateways may do that claim requests of servers, subscriptions or resumption."""

import json
from collections.abc import Callable

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.dialogues import (
    SERVER,
    claims,
    question,
)
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.fixtures.protocol import messages


def completed_elicitations_on_the_get_stream(builder: TranscriptBuilder) -> None:
    """Gives elicitations ids of its own, and sends what belongs to no request on the GET stream of the session."""
    made = builder.ask("alice", SERVER)
    asked = question(made)
    asked["params"]["elicitationId"] = "visit-1"
    complete = {"jsonrpc": "2.0", "method": "notifications/elicitation/complete"}
    made.arrives(session="s1", events=[asked, complete | {"params": {"elicitationId": "visit-1"}}])
    made.streamed(asked | {"params": asked["params"] | {"elicitationId": "g-1"}}, made.upstream_message)
    stream = builder.ask("alice", SERVER, "GET").streamed(complete | {"params": {"elicitationId": "g-1"}})
    builder.case("asked-elicitation-url", made, streams={made.exchange: [stream.exchange]})


def _begun(builder: TranscriptBuilder) -> None:
    body = {"id": 1, "method": "initialize", "params": {"capabilities": {"roots": {"listChanged": True}}}}
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": json.dumps({"jsonrpc": "2.0", **body})}
    builder.far_end("upstream", SERVER, request, status=200, headers=[("mcp-session-id", "s1")])


def sessions_begun_after_a_change(builder: TranscriptBuilder) -> None:
    """Begins its session with the server after the client's roots have changed."""
    since = builder.here()
    _begun(builder)
    builder.case("roots-changed", builder.ask("alice", SERVER).arrives(session="s1").answered(), since=since)


def roots_without_notifications(builder: TranscriptBuilder) -> None:
    """Uses 2026-07-28 with the server, which has no notification of changed roots."""
    capabilities = {"roots": {"listChanged": True}}
    made = builder.ask("alice", SERVER, meta={messages.META_CAPABILITIES: capabilities}).arrives().answered()
    builder.case("roots-changed", made, since=builder.here())


def notifications_in_another_order(builder: TranscriptBuilder) -> None:
    """Forwards a change of the client's roots after the calls that the client sent later."""
    _begun(builder)
    since = builder.here()
    call = builder.ask("alice", SERVER).arrives(session="s1").answered()
    builder.ask("alice", SERVER, "notifications/roots/list_changed").arrives(session="s1").answered(202)
    builder.case("roots-changed", call, since=since)


CLAIMED = [
    completed_elicitations_on_the_get_stream,
    sessions_begun_after_a_change,
    roots_without_notifications,
    notifications_in_another_order,
]


@pytest.mark.parametrize("liberty", CLAIMED)
@pytest.mark.parametrize("requirement", ["SRQ-036", "SRQ-038"])
def test_conforming_behaviour_of_claimed_features_has_no_violation(
    builder: TranscriptBuilder, liberty: Callable[[TranscriptBuilder], None], requirement: str
) -> None:
    claims(builder)
    liberty(builder)
    judgement = builder.judged_by(requirement)
    assert judgement.outcome in {Outcome.PASS, Outcome.NOT_OBSERVED, Outcome.NOT_APPLICABLE}, judgement


def test_another_elicitation_id_is_a_violation(builder: TranscriptBuilder) -> None:
    claims(builder)
    completed_elicitations_on_the_get_stream(builder)
    for event in builder.events:
        if event["kind"] == "chunk" and "elicitation/complete" in event["body"] and event["leg"] == "client":
            event["body"] = event["body"].replace("g-1", "visit-1")
    assert builder.judged_by("SRQ-038").outcome is Outcome.FAIL


def test_gateway_with_resumption_may_keep_a_stream(builder: TranscriptBuilder) -> None:
    """It goes on listening at the upstream when the client has left, to redeliver what the client misses."""
    claims(builder)
    made = builder.ask("alice", SERVER, "GET")
    facts = {"t": 0.0, "leg": "upstream", "node": SERVER, "exchange": f"{SERVER}-1", "kind": "request"}
    request = {"method": "GET", "target": "/mcp", "headers": [], "body": ""}
    builder.recorder.write({**facts, "connection": "c1", "http": "1.1", **request})
    builder.case(
        "listener-left", made.streamed(json.loads('{"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}'))
    )
    assert builder.judged_by("SRQ-034").outcome is Outcome.NOT_APPLICABLE
