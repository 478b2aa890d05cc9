"""What right gateways may do with requests of servers, input rounds and streams. None of them claims the optional features."""

from collections.abc import Callable
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.dialogues import (
    ACKNOWLEDGED,
    CHANGED,
    NEEDS,
    SERVER,
    SESSION,
    answer,
    arrives_upstream,
    asked_during,
    claims,
    posted,
    question,
)
from gatebench.conformance.selftest.support.outcome_marks import assert_no_violation
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder

STREAM = [("content-type", "text/event-stream")]
ALL = [row for row in REGISTRY.all() if row.group == "mcp_server_requests"]


def cases_of(check: str) -> list[str]:
    """Return the cases of a shape among the requirements."""
    return sorted({case for row in ALL if row.check == check for case in row.cases})


def progress(value: int, token: Any = 7, **more: Any) -> dict[str, Any]:
    """Return a progress notification."""
    params = {"progressToken": token, "progress": value, **more}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


def sub_resources_updated(builder: TranscriptBuilder) -> None:
    """Acknowledges a resource, and sends an update of a resource below it."""
    wanted = {"notifications": {"resourceSubscriptions": ["test://a"]}}
    made = builder.ask("alice", SERVER, "subscriptions/listen", params=wanted)
    acknowledgement = {"jsonrpc": "2.0", "method": ACKNOWLEDGED, "params": wanted}
    update = {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "test://a/1"}}
    builder.case("subscribed-at-two-members", made.streamed(acknowledgement, update))


def own_notifications_left_out(builder: TranscriptBuilder) -> None:
    """Leaves out notifications that it does not know; it does not claim to relay them."""
    for case, method in (("unknown-notification", "example"), ("asked-elicitation-url", "elicitation/complete")):
        made = builder.ask("alice", SERVER)
        sent = {"jsonrpc": "2.0", "method": f"notifications/{method}", "params": {"elicitationId": "visit-1"}}
        made.arrives(events=[sent]).streamed(made.upstream_message)
        builder.case(case, made)


def nothing_announced(builder: TranscriptBuilder) -> None:
    """Announces no client capability, so that the upstream asks for nothing."""
    for case in cases_of("client-asked"):
        builder.case(case, builder.ask("alice", SERVER).arrives(session="s1").answered())


def answers_itself(builder: TranscriptBuilder) -> None:
    """Answers the requests of servers itself, with a model of its own, and a ping."""
    for case in cases_of("client-asked"):
        made = asked_during(builder, lambda _asked: [])
        arrives_upstream(builder, answer(1, "the gateway"))
        builder.case(case, made)
    made = asked_during(builder, lambda _asked: [], method="ping")
    builder.case("asked-ping", made)


def other_ids_and_metadata(builder: TranscriptBuilder) -> None:
    """Relays requests under ids of its own, with metadata of its own, on the GET stream of the session."""
    made = builder.ask("alice", SERVER)
    asked = question(made)
    made.arrives(session="s1", events=[asked])
    changed = asked | {"id": "g-7", "params": {**asked["params"], "_meta": {"gateway": 1}}}
    made.streamed(made.upstream_message)
    stream = builder.ask("alice", SERVER, "GET").streamed(changed)
    reply = posted(builder, answer("g-7", "alice"))
    arrives_upstream(builder, answer(1, "alice"))
    facts: dict[str, Any] = {
        "replies": {made.exchange: [reply.exchange]},
        "streams": {made.exchange: [stream.exchange]},
    }
    for case in (*cases_of("client-asked"), *cases_of("reply-kept")):
        builder.case(case, made, others=[], **facts)
    pinged = asked_during(builder, lambda asked: [asked, {"jsonrpc": "2.0", "id": "own", "method": "ping"}])
    builder.case("asked-sampling", pinged)


def form_mode_named(builder: TranscriptBuilder) -> None:
    """Names the mode of an elicitation that the server left out, which is `form`."""

    def named(asked: dict[str, Any]) -> dict[str, Any]:
        return asked | {"params": {**asked["params"], "mode": "form"}}

    builder.case("asked-elicitation", asked_during(builder, lambda asked: [named(asked)]))
    asked = {"method": "elicitation/create", "params": {"message": "Who?", "requestedSchema": {"type": "object"}}}
    needed = {"resultType": "input_required", "inputRequests": {"a": asked}}
    first = builder.ask("alice", SERVER).arrives(replies=needed)
    first.answered(200, first.reply(SERVER, **needed | {"inputRequests": {"a": named(asked)}}))
    for case in cases_of("input-returned"):
        builder.case(case, first, others=[])


def forged_answers_forwarded_in_their_own_session(builder: TranscriptBuilder) -> None:
    """Forwards a response that nothing waits for to the upstream, in the session of the client that posted it."""
    made = asked_during(builder, lambda asked: [asked])
    foreign = posted(builder, answer(1, "bob"), "bob")
    builder.errand(SERVER, headers=[("mcp-session-id", "s2")], body='{"jsonrpc": "2.0", "id": 1, "result": {}}')
    own = posted(builder, answer(1, "alice"))
    arrives_upstream(builder, answer(1, "alice"))
    for case in cases_of("own-reply"):
        builder.case(case, made, replies={made.exchange: [own.exchange]}, others=[foreign.exchange])


def capabilities_of_its_own(builder: TranscriptBuilder) -> None:
    """Announces capabilities of its own to upstreams, and asks no client without them."""
    for case in cases_of("client-capabilities-kept"):
        builder.case(case, builder.ask("alice", SERVER).arrives(session="s1").answered(), announced={"roots": {}})


def rounds_of_its_own(builder: TranscriptBuilder) -> None:
    """Wraps the state of the upstream in one of its own, and chooses the keys of input requests."""
    for case in cases_of("state-kept"):
        first = builder.ask("alice", SERVER).arrives(replies=NEEDS | {"requestState": "a b"})
        own = {"resultType": "input_required", "inputRequests": {"everything/a": NEEDS["inputRequests"]["a"]}}
        first.answered(200, first.reply(SERVER, **own, requestState="sealed"))
        second = builder.ask("alice", SERVER).arrives(changed={"requestState": "a b"}).answered()
        builder.case(case, first, second, others=[])


def input_given_by_the_gateway(builder: TranscriptBuilder) -> None:
    """Gives the input itself: the client gets the result."""
    for case in cases_of("input-returned"):
        made = builder.ask("alice", SERVER).arrives(replies=NEEDS).arrives()
        builder.case(case, made.answered(), others=[])


def older_servers_ask_in_requests(builder: TranscriptBuilder) -> None:
    """Turns the request of an older server into an input_required result, and refuses a state that is not its own."""
    made = builder.ask("alice", SERVER)
    made.arrives(events=[question(made)]).answered(200, made.reply(SERVER, **NEEDS))
    for case in (*cases_of("input-returned"), *cases_of("state-kept")):
        builder.case(case, made, others=[])
    for case in cases_of("state-refused"):
        builder.case(case, builder.ask("alice", SERVER).refused("the state is not one of ours", 400))


def fewer_notifications(builder: TranscriptBuilder) -> None:
    """Relays none of the progress of a call, or some of it; uses tokens of its own towards the upstream."""
    for case in cases_of("call-notified"):
        made = builder.ask("alice", SERVER, meta={"progressToken": 7})
        made.arrives(events=[progress(0, "own"), progress(50, "own"), progress(100, "own")])
        made.streamed(progress(0), progress(100), made.upstream_message)
        builder.case(case, made)
        silent = builder.ask("alice", SERVER, meta={"progressToken": 7}).arrives(events=[progress(0)])
        builder.case(case, silent.answered())


def progress_tokens_of_its_own(builder: TranscriptBuilder) -> None:
    """Sends no progress token to the upstream, or one of its own for each."""
    for case in ("progress-zero-token", "progress-empty-token"):
        for sent in ({}, {"progressToken": "own"}):
            control, made = (builder.ask("alice", SERVER, meta={"progressToken": token}) for token in (1, 0))
            for one in (control, made):
                one.arrives(changed={"_meta": sent}).answered()
            builder.case(case, made, control=control)


def responses_as_json(builder: TranscriptBuilder) -> None:
    """Reads a stream to its end, and answers with the response as JSON."""
    made = builder.ask("alice", SERVER).arrives(events=[progress(1)]).answered()
    builder.case("progress-while-held", made, release=builder.call("bob", SERVER).exchange)


def no_streams(builder: TranscriptBuilder) -> None:
    """Has no GET stream and no subscriptions, or does not announce changes."""
    refused = builder.ask("alice", SERVER, "GET").answered(405)
    silent = builder.ask("bob", SERVER, "GET").streamed({"jsonrpc": "2.0", "method": "x"})
    hello = builder.ask("alice", SERVER, "initialize").arrives().answered()
    builder.case("list-changed-for-all", refused, silent, connected=[hello.exchange])
    for stream in (refused, silent):
        builder.case("list-changed-again", stream, connected=[hello.exchange])
    builder.case("second-stream", refused, refused, connected=[hello.exchange])
    for case in ("listen-to-tools", "listen-to-prompts"):
        builder.case(
            case, builder.ask("alice", SERVER, "subscriptions/listen").answered(404), unwanted=[CHANGED["method"]]
        )


def subscriptions_without_messages(builder: TranscriptBuilder) -> None:
    """Refuses a subscription on an event stream, or sends its first message after the client has left."""
    refused = builder.ask("alice", SERVER, "subscriptions/listen")
    refused.streamed({"jsonrpc": "2.0", "id": refused.rpc_id, "error": {"code": -32601, "message": "no"}})
    slow = builder.ask("alice", SERVER, "subscriptions/listen").answered(headers=STREAM, body=": \n\n", how="closed")
    for case in ("listen-to-tools", "listen-to-prompts"):
        builder.case(case, refused, slow, unwanted=[CHANGED["method"]])


def changes_of_its_own_lists(builder: TranscriptBuilder) -> None:
    """Acknowledges changes of prompts, which it announces for itself; or announces nothing that a client could compare with."""
    results: list[dict[str, Any]] = [{"capabilities": {"prompts": {}, "tools": {}}}, {}]
    for result in results:
        known = builder.ask("alice", SERVER, "server/discover")
        known.answered(200, {"jsonrpc": "2.0", "id": known.rpc_id, "result": result})
        wanted = {"promptsListChanged": True}
        made = builder.ask("alice", SERVER, "subscriptions/listen", params={"notifications": wanted})
        params = {"notifications": wanted, "_meta": {"io.modelcontextprotocol/subscriptionId": made.rpc_id}}
        made.streamed({"jsonrpc": "2.0", "method": ACKNOWLEDGED, "params": params})
        builder.case("listen-to-absent-features", made, connected=known.exchange)


def second_stream_instead_of_the_first(builder: TranscriptBuilder) -> None:
    """Ends the first GET stream of a session when a second one is opened, and announces changes there."""
    first = builder.ask("alice", SERVER, "GET").streamed({"jsonrpc": "2.0", "method": "x"})
    second = builder.ask("alice", SERVER, "GET").streamed(CHANGED)
    builder.case("second-stream", first, second, connected=[])


def resumes_itself(builder: TranscriptBuilder) -> None:
    """Resumes a stream that its upstream closed, and answers the call with the result."""
    made = builder.ask("alice", SERVER).arrives()
    builder.case("polled", made.answered())


def no_resumption(builder: TranscriptBuilder) -> None:
    """Gives no event ids, or refuses to resume a stream."""
    plain = builder.ask("alice", SERVER).arrives().streamed(progress(0), how="client-left")
    builder.case("resumed", plain, streams={plain.exchange: []}, expected=[0, 50, 100])
    known = _identified(builder)
    refused = builder.ask("alice", SERVER, "GET").answered(405)
    builder.case("resumed", known, streams={known.exchange: [refused.exchange]}, expected=[0, 50, 100])
    builder.case("polled", known, streams={known.exchange: [refused.exchange]})
    for case in ("resumed-by-another-caller", "resumed-in-another-session"):
        builder.case(case, known, others=[builder.ask("bob", SERVER, "GET").answered(404).exchange])


def _identified(builder: TranscriptBuilder) -> ClientRequest:
    made = builder.ask("alice", SERVER).arrives()
    return made.answered(headers=STREAM, body='id: a-1\ndata: {"jsonrpc": "2.0", "method": "x"}\n\n', how="client-left")


def streams_shared(builder: TranscriptBuilder) -> None:
    """Keeps one stream to an upstream open for all its clients."""
    builder.case("stream-left", builder.ask("alice", SERVER, "GET").streamed(CHANGED))


LIBERTIES: list[Callable[[TranscriptBuilder], None]] = [
    sub_resources_updated,
    own_notifications_left_out,
    nothing_announced,
    answers_itself,
    other_ids_and_metadata,
    form_mode_named,
    forged_answers_forwarded_in_their_own_session,
    capabilities_of_its_own,
    rounds_of_its_own,
    input_given_by_the_gateway,
    older_servers_ask_in_requests,
    fewer_notifications,
    progress_tokens_of_its_own,
    responses_as_json,
    no_streams,
    subscriptions_without_messages,
    changes_of_its_own_lists,
    second_stream_instead_of_the_first,
    resumes_itself,
    no_resumption,
    streams_shared,
]


@pytest.mark.parametrize("liberty", LIBERTIES)
def test_conforming_behaviour_has_no_violation(
    builder: TranscriptBuilder, liberty: Callable[[TranscriptBuilder], None]
) -> None:
    liberty(builder)
    of_claims = {"mcp.server-requests", "mcp.subscriptions", "mcp.resumption"}
    judgements = [builder.judged_by(row.id) for row in ALL if row.feature not in of_claims]
    assert_no_violation(judgements)


# -- of gateways that claim the optional features


@pytest.mark.parametrize("requirement", ["SRQ-042", "SRQ-044"])
def test_request_may_be_dropped_with_its_cancellation(builder: TranscriptBuilder, requirement: str) -> None:
    """A gateway that holds a server's request until its cancellation comes need not show the client either."""
    claims(builder)
    made = builder.ask("alice", SERVER)
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    made.arrives(session=SESSION, events=[question(made), cancelled]).streamed(made.upstream_message)
    builder.case("cancelled-by-server", made)
    assert_no_violation([builder.judged_by(requirement)])


@pytest.mark.parametrize("requirement", ["SRQ-015", "SRQ-016"])
def test_upstream_of_an_older_revision_needs_no_input(builder: TranscriptBuilder, requirement: str) -> None:
    """A gateway that asks the upstream in an older revision gets a result without input, or an error."""
    claims(builder)
    for case in (*cases_of("input-returned"), *cases_of("state-kept")):
        builder.case(case, builder.ask("alice", SERVER).arrives().answered(), others=[])
    assert builder.judged_by(requirement).outcome is Outcome.NOT_APPLICABLE
