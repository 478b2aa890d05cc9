"""Example transcripts of the shapes about servers that talk to their clients: requests and input rounds."""

import json
from collections.abc import Mapping
from typing import Any

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.dialogues import (
    NEEDS,
    SERVER,
    SESSION,
    Json,
    answer,
    arrives_upstream,
    asked_during,
    claims,
    posted,
    question,
)
from gatebench.conformance.selftest.support.examples.example_facts import Example, with_options
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder


def _client_asked(builder: TranscriptBuilder, _row: Requirement, case: str, *, times: int) -> ClientRequest:
    claims(builder)
    return builder.case(case, asked_during(builder, lambda asked: [asked] * times))


def _request_kept(builder: TranscriptBuilder, _row: Requirement, case: str, **changed: Any) -> ClientRequest:
    return builder.case(case, asked_during(builder, lambda asked: [asked | changed]))


def _reply_kept(builder: TranscriptBuilder, _row: Requirement, case: str, *, text: str) -> TranscriptLine:
    made = asked_during(builder, lambda asked: [asked | {"id": "g-1"}])
    reply = posted(builder, answer("g-1", "alice"))
    arrives_upstream(builder, answer(1, text))
    builder.case(case, made, replies={made.exchange: [reply.exchange]})
    return reply


def _own_reply(builder: TranscriptBuilder, _row: Requirement, case: str, *, whose: str) -> TranscriptLine:
    made = asked_during(builder, lambda asked: [asked])
    foreign, own = posted(builder, answer(1, "bob"), "bob"), posted(builder, answer(1, "alice"))
    line = arrives_upstream(builder, answer(1, whose))
    builder.case(case, made, replies={made.exchange: [own.exchange]}, others=[foreign.exchange])
    return line


def _of_others(builder: TranscriptBuilder, _row: Requirement, case: str, *, leaks: bool) -> ClientRequest:
    made = asked_during(builder, lambda asked: [asked])
    other = builder.ask("bob", SERVER)
    other.arrives(session="s2")
    other.streamed(*([question(made)] if leaks else []), other.upstream_message)
    builder.case(case, made, other)
    return other


def _ping(builder: TranscriptBuilder, _row: Requirement, case: str, *, answered: bool) -> TranscriptLine:
    claims(builder)
    made = asked_during(builder, lambda _asked: [], method="ping")
    if answered:
        arrives_upstream(builder, {"jsonrpc": "2.0", "id": 1, "result": {}})
    builder.case(case, made)
    return made.arrival


def _not_asked(builder: TranscriptBuilder, _row: Requirement, case: str, *, asks: bool) -> ClientRequest:
    return builder.case(case, asked_during(builder, lambda asked: [asked] if asks else []), announced={})


def _capabilities(builder: TranscriptBuilder, row: Requirement, case: str, *, right: bool) -> TranscriptLine:
    claims(builder)
    wrong: Json = {"sampling": {}} if row.options["direction"] == "invented" else {}
    seen = {"roots": {}} if right else wrong
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": seen}}
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": json.dumps(body)}
    line = builder.far_end("upstream", SERVER, request, status=200, headers=[("mcp-session-id", SESSION)])
    builder.case(case, builder.ask("alice", SERVER).arrives(session=SESSION).answered(), announced={"roots": {}})
    return line


def _roots_changed(builder: TranscriptBuilder, _row: Requirement, case: str, *, forwarded: bool) -> TranscriptLine:
    claims(builder)
    params = {"capabilities": {"roots": {"listChanged": True}}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": json.dumps(body)}
    builder.far_end("upstream", SERVER, request, status=200, headers=[("mcp-session-id", SESSION)])
    since = builder.here()
    if forwarded:
        builder.ask("alice", SERVER, "notifications/roots/list_changed").arrives(session=SESSION).answered(202)
    call = builder.ask("alice", SERVER).arrives(session=SESSION).answered()
    builder.case(case, call, since=since)
    return call.arrival


def _round(
    builder: TranscriptBuilder,
    upstream: Json,
    client: Json | None = None,
    *,
    sent: Json | None = None,
    arrived: Any = None,
) -> ClientRequest:
    """Add a round: results of upstream and gateway; what the client sends beside the arguments, and what of it arrives."""
    made = builder.ask("alice", SERVER)
    if sent:
        request = made.message(made.tool)
        request["params"] |= sent
        for event in builder.events:
            if event.get("exchange") == made.exchange and event["kind"] == "request":
                event["body"] = json.dumps(request)
    made.arrives(changed=sent if arrived is None else arrived, replies=upstream)
    given = made.upstream_message if client is None else made.reply(SERVER, **client)
    return made.answered(200, given)


def _cancelled_request(builder: TranscriptBuilder, row: Requirement, case: str, *, relayed_id: Any) -> ClientRequest:
    """A server cancels its request 1, which the client got as g-1."""
    claims(builder)
    made = builder.ask("alice", SERVER)
    sent = [question(made), {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}]
    made.arrives(session=SESSION, events=sent)
    got = [question(made, identifier="g-1")]
    if relayed_id is not None or row.options.get("if_relayed"):
        got.append({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": relayed_id}})
    return builder.case(case, made.streamed(*got, made.upstream_message))


def _progress_of_client(builder: TranscriptBuilder, _row: Requirement, case: str, *, under: Any) -> TranscriptLine:
    """A client reports progress under the token that it got, and the gateway forwards it with a token."""
    claims(builder)
    made = builder.ask("alice", SERVER)
    asked = question(made)
    asked["params"]["_meta"] = {"progressToken": 7}
    made.arrives(session=SESSION, events=[asked])
    report = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": "g-7", "progress": 0.5}}
    reported = posted(builder, report)
    if under is not None:
        arrives_upstream(builder, report | {"params": {"progressToken": under, "progress": 0.5}})
    known = asked | {"params": asked["params"] | {"_meta": {"progressToken": "g-7"}}}
    made.streamed(known, made.upstream_message)
    builder.case(case, made, reports={made.exchange: [reported.exchange]})
    return reported


def _input_returned(builder: TranscriptBuilder, _row: Requirement, case: str, *, right: bool) -> ClientRequest:
    claims(builder)
    return builder.case(case, _round(builder, NEEDS, None if right else {"resultType": "complete"}))


def _state(builder: TranscriptBuilder, _row: Requirement, case: str, *, arrived: str) -> TranscriptLine:
    first = _round(builder, NEEDS | {"requestState": "a b"})
    second = _round(builder, {}, sent={"requestState": "a b"}, arrived={"requestState": arrived})
    builder.case(case, first, second)
    return second.arrival


def _input(builder: TranscriptBuilder, _row: Requirement, case: str, *, right: bool) -> TranscriptLine:
    given: Json = {"inputResponses": {"a": {"roots": []}}}
    second_arrives = given if right else {"inputResponses": {}}
    first, second = _round(builder, NEEDS), _round(builder, {}, sent=given, arrived=second_arrives)
    builder.case(case, first, second)
    return second.arrival


def _state_refused(builder: TranscriptBuilder, _row: Requirement, case: str, *, refused: bool) -> ClientRequest:
    made = builder.ask("alice", SERVER)
    return builder.case(case, made.refused("the state is not valid", 200) if refused else made.answered())


CONFORMING: Mapping[str, Example] = {
    "client-asked": with_options(_client_asked, times=1),
    "request-kept": with_options(_request_kept),
    "reply-kept": with_options(_reply_kept, text="alice"),
    "own-reply": with_options(_own_reply, whose="alice"),
    "nothing-of-others": with_options(_of_others, leaks=False),
    "answered-ping": with_options(_ping, answered=True),
    "not-asked": with_options(_not_asked, asks=False),
    "client-capabilities-kept": with_options(_capabilities, right=True),
    "roots-reported": with_options(_roots_changed, forwarded=True),
    "cancellation-kept": with_options(_cancelled_request, relayed_id="g-1"),
    "client-progress-kept": with_options(_progress_of_client, under=7),
    "input-returned": with_options(_input_returned, right=True),
    "state-kept": with_options(_state, arrived="a b"),
    "input-forwarded": with_options(_input, right=True),
    "state-refused": with_options(_state_refused, refused=True),
}
VIOLATING: Mapping[str, Example] = {
    "client-asked": with_options(_client_asked, times=0),
    "request-kept": with_options(_request_kept, params={"message": "who?"}),
    "reply-kept": with_options(_reply_kept, text="other"),
    "own-reply": with_options(_own_reply, whose="bob"),
    "nothing-of-others": with_options(_of_others, leaks=True),
    "answered-ping": with_options(_ping, answered=False),
    "not-asked": with_options(_not_asked, asks=True),
    "client-capabilities-kept": with_options(_capabilities, right=False),
    "roots-reported": with_options(_roots_changed, forwarded=False),
    "cancellation-kept": with_options(_cancelled_request, relayed_id=1),
    "client-progress-kept": with_options(_progress_of_client, under=None),
    "input-returned": with_options(_input_returned, right=False),
    "state-kept": with_options(_state, arrived="a%20b"),
    "input-forwarded": with_options(_input, right=False),
    "state-refused": with_options(_state_refused, refused=False),
}
OTHER_VIOLATIONS: Mapping[str, list[Example]] = {
    "client-asked": [with_options(_client_asked, times=2)],
    "cancellation-kept": [with_options(_cancelled_request, relayed_id=None)],
    "client-progress-kept": [with_options(_progress_of_client, under="g-7")],
}
