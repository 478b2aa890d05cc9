"""Tests of reading a transcript: exchanges, and the queries that many checks use."""

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from gatebench.conformance.exchange import Exchange
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine, bearer
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.conformance.transcript import Transcript, read

BEGINNING = {"seq": 1, "t": 0.5, "leg": "client", "exchange": "client-1"}


def transcript_of(builder: TranscriptBuilder, *, direct: bool = False) -> Transcript:
    return Transcript(builder.events, builder.facts, direct=direct)


def exchange_at(builder: TranscriptBuilder, line: TranscriptLine | ClientRequest) -> Exchange:
    (found,) = [exchange for exchange in transcript_of(builder).exchanges.values() if exchange.seq == line.seq]
    return found


# -- exchanges


@pytest.mark.parametrize(("flushed", "time"), [(True, 2.0), (False, 3.0)])
def test_time_of_the_first_content_of_an_encoded_response(flushed: bool, time: float) -> None:
    packing = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    text = b"".join(b"data: {%d}\n\n" % (number**9) for number in range(20))
    first = packing.compress(text[:100]) + (packing.flush(zlib.Z_SYNC_FLUSH) if flushed else b"")
    pieces = {1.0: first[:10], 2.0: first[10:], 3.0: packing.compress(text[100:]) + packing.flush()}
    events: list[dict[str, Any]] = [
        {**BEGINNING, "kind": "request", "method": "GET", "target": "/mcp", "headers": []},
        {**BEGINNING, "kind": "response", "status": 200, "headers": [["Content-Encoding", "gzip"]]},
        *(
            {**BEGINNING, "t": t, "kind": "chunk", "body_base64": base64.b64encode(piece).decode()}
            for t, piece in pieces.items()
        ),
        {**BEGINNING, "kind": "end", "how": "complete"},
    ]
    (exchange,) = Transcript(events, TranscriptBuilder().facts).exchanges.values()
    assert exchange.body == text.decode()
    assert exchange.chunks[0][0] == time


def test_time_of_the_first_content_of_an_encoded_response_that_was_written_at_its_end() -> None:
    body = zlib.compress(b"data: {}\n\n" * 20, wbits=16 + zlib.MAX_WBITS)
    whole = {"kind": "chunk", "body_base64": base64.b64encode(body).decode(), "begun": 2.0}
    events: list[dict[str, Any]] = [
        {**BEGINNING, "kind": "request", "method": "GET", "target": "/mcp", "headers": []},
        {**BEGINNING, "kind": "response", "status": 200, "headers": [["Content-Encoding", "gzip"]]},
        {**BEGINNING, "t": 3.0, **whole},
        {**BEGINNING, "kind": "end", "how": "complete"},
    ]
    (exchange,) = Transcript(events, TranscriptBuilder().facts).exchanges.values()
    assert [t for t, _ in exchange.chunks] == [2.0, 3.0]


def test_exchange_with_all_events() -> None:
    sent = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "whoami", "arguments": {"nonce": "n"}},
    }
    heads = [["X-One", "1"], ["x-one", "2"]]
    request = {"kind": "request", "method": "POST", "target": "/mcp", "headers": heads, "body": json.dumps(sent)}
    encoded = base64.b64encode("…\ufffd".encode()[:4]).decode()
    events = [
        {**BEGINNING, **request, "principal": "alice", "connection": "c1"},
        {**BEGINNING, "kind": "response", "status": 502, "headers": [["X-Two", "2"]]},
        {**BEGINNING, "kind": "chunk", "body": "a"},
        {**BEGINNING, "kind": "chunk", "body_base64": encoded},
        {**BEGINNING, "kind": "end", "how": "error", "detail": "ReadError"},
        {**BEGINNING, "exchange": "client-2", "kind": "chunk", "body": "of an exchange that began before"},
    ]
    ((identifier, exchange),) = Transcript(events, TranscriptBuilder().facts).exchanges.items()
    assert (identifier, exchange.node, exchange.t, exchange.connection) == ("client-1", "client", 0.5, "c1")
    assert (exchange.rpc, exchange.tool, exchange.nonce) == (sent, "whoami", "n")
    assert (exchange.header("x-ONE"), exchange.response_header("X-TWO")) == (["1", "2"], ["2"])
    assert (exchange.status, exchange.body, exchange.how, exchange.detail) == (502, "a…\ufffd", "error", "ReadError")
    assert exchange.tags == {"principal": "alice"}
    assert exchange.describe() == "POST tools/call whoami"
    assert ("body", json.dumps(sent)) in exchange.parts
    assert ("URL", "/mcp") in exchange.parts
    assert exchange.request_text.splitlines()[:2] == ["X-One: 1", "x-one: 2"]
    assert exchange.response_text == "502\nX-Two: 2\n\na…\ufffd"


@pytest.mark.parametrize("body", ["", "no JSON", "[]", "5"])
def test_request_without_jsonrpc_message(builder: TranscriptBuilder, body: str) -> None:
    exchange = exchange_at(builder, builder.errand("mail", "PUT", body=body))
    assert (exchange.rpc, exchange.rpc_method, exchange.tool, exchange.nonce) == ({}, "PUT", None, None)
    assert exchange.describe() == "PUT"


def test_only_calls_have_tools(builder: TranscriptBuilder) -> None:
    prompt = json.dumps({"method": "prompts/get", "params": {"name": "hello"}})
    assert exchange_at(builder, builder.errand("mail", body=prompt)).tool is None
    assert (
        exchange_at(builder, builder.errand("mail", body=json.dumps({"method": "tools/call", "params": [1]}))).tool
        is None
    )


@pytest.mark.parametrize(
    ("status", "result", "succeeded"),
    [
        (200, {}, True),
        (202, {"isError": False}, True),
        (200, {"isError": True}, False),
        (200, [1], False),
        (200, None, False),
        (199, {}, False),
        (300, {}, False),
        (500, {}, False),
    ],
)
def test_success_by_status_and_result(builder: TranscriptBuilder, status: int, result: Any, succeeded: bool) -> None:
    made = builder.ask("alice", "mail").answered(status, {"jsonrpc": "2.0", "id": 1, "result": result})
    assert exchange_at(builder, made).succeeded is succeeded


def test_missing_response_is_no_success(builder: TranscriptBuilder) -> None:
    exchange = exchange_at(builder, builder.ask("alice", "mail").failed())
    assert (exchange.status, exchange.succeeded, exchange.answer, exchange.structured) == (None, False, {}, {})


def test_the_last_response_of_a_stream_is_the_answer(builder: TranscriptBuilder) -> None:
    made = builder.ask("alice", "mail")
    notification = {"jsonrpc": "2.0", "method": "notifications/message"}
    first, last = ({"jsonrpc": "2.0", "id": 1, "result": {"structuredContent": {"n": n}}} for n in (1, 2))
    exchange = exchange_at(builder, made.streamed(first, last, notification))
    assert exchange.answer == last
    assert (exchange.result, exchange.structured) == (last["result"], {"n": 2})


# -- senders


def test_client_exchanges_without_browsers_and_direct_calls(builder: TranscriptBuilder) -> None:
    builder.visit("alice", "http://127.0.0.1:5000/oauth/connect/1")
    through, past = builder.call("alice", "mail"), builder.call("alice", "mail", client="direct")
    assert [exchange.seq for exchange in transcript_of(builder).client] == [through.seq]
    assert [exchange.seq for exchange in transcript_of(builder, direct=True).client] == [past.seq]
    assert len(transcript_of(builder).upstream) == 2


def test_landed_returns_the_upstream_exchanges_of_a_nonce(builder: TranscriptBuilder) -> None:
    made = builder.ask("alice", "mail").arrives().arrives("calendar")
    builder.errand("mail")
    assert [exchange.node for exchange in transcript_of(builder).landed(made.nonce)] == ["mail", "calendar"]
    assert transcript_of(builder).landed(None) == transcript_of(builder).landed("n-unknown") == []


def test_caller_is_known_by_nonce_or_session(builder: TranscriptBuilder) -> None:
    opened = builder.ask("alice", "mail", "initialize").arrives(opens="s1")
    used = builder.ask("bob", "mail").arrives(session="s2")
    on_opened, on_used = (builder.errand("mail", "GET", headers=[("Mcp-Session-Id", s)]) for s in ("s1", "s2"))
    elsewhere = builder.errand("calendar", "GET", headers=[("mcp-session-id", "s1")])
    known = [
        transcript_of(builder).caller_of(exchange_at(builder, line))
        for line in (opened.arrival, used.arrival, on_opened, on_used)
    ]
    assert known == ["alice", "bob", "alice", "bob"]
    assert transcript_of(builder).caller_of(exchange_at(builder, elsewhere)) is None


def test_session_owner_is_known_from_any_call_on_it(builder: TranscriptBuilder) -> None:
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": '{"method": "initialize"}'}
    opened = builder.far_end("upstream", "mail", request, status=200, headers=[("Mcp-Session-Id", "s1")])
    before = builder.errand("mail", "GET", headers=[("mcp-session-id", "s1")])
    builder.ask("alice", "mail").arrives(session="s1")
    assert [transcript_of(builder).caller_of(exchange_at(builder, line)) for line in (opened, before)] == [
        "alice",
        "alice",
    ]


def test_unknown_caller_is_none(builder: TranscriptBuilder) -> None:
    builder.call("alice", "mail")
    lines = [
        builder.errand("mail", headers=bearer("access:bob:mail")),
        builder.errand("mail", "DELETE", headers=[("mcp-session-id", "of an hour ago")]),
        builder.errand("mail", "DELETE", headers=[("mcp-session-id", "")]),
    ]
    assert [transcript_of(builder).caller_of(exchange_at(builder, line)) for line in lines] == [None, None, None]


def test_nonce_takes_precedence_over_session(builder: TranscriptBuilder) -> None:
    builder.ask("alice", "mail").arrives(session="s1")
    made = builder.ask("bob", "mail").arrives(session="s1")
    assert transcript_of(builder).caller_of(exchange_at(builder, made.arrival)) == "bob"


# -- notes, secrets and facts


def test_notes_of_other_legs_are_ignored(builder: TranscriptBuilder) -> None:
    builder.recorder.write({"t": 0.0, "leg": "gateway", "kind": "fence", "text": "not ours"})
    builder.fence("alice", "calculator")
    assert [note["leg"] for note in transcript_of(builder).notes("fence")] == ["harness"]


def test_unannounced_label_is_no_secret(builder: TranscriptBuilder) -> None:
    text = "«pat:alice» «unknown» «access:bob:mail|base64» «pat:bob|sha256» «key:web-search»"
    transcript = transcript_of(builder)
    assert transcript.labels(text) == ["pat:alice", "access:bob:mail", "key:web-search"]
    assert transcript.labels(text, "access-token", "static-key") == ["access:bob:mail", "key:web-search"]
    assert transcript.owners(text) == {"alice", "bob", "web-search"}
    assert transcript.owners("«admin»") == set()  # which has no owner


def test_facts_of_world_and_dialect(builder: TranscriptBuilder) -> None:
    assert [builder.facts.auth_model(server) for server in ("mail", "crm", "workbench")] == [
        "oauth",
        "passthrough",
        None,
    ]
    assert builder.facts.members("inbox") == ["mail", "calendar"]
    assert builder.facts.members("mail") == ["mail"]
    assert TranscriptBuilder(denied=[404]).facts.dialect("denied") == [404]
    assert TranscriptBuilder(denied=[404]).facts.spoken.denied == [404]


# -- files


def test_file_is_read_back(builder: TranscriptBuilder, tmp_path: Path) -> None:
    builder.log("ünïcode «pat:alice»")
    path = tmp_path / "transcript.jsonl"
    path.write_text("".join(json.dumps(event, ensure_ascii=False) + "\n" for event in builder.events), encoding="utf-8")
    events, facts = read(path)
    assert (events, facts.world, facts.target) == (builder.events, builder.facts.world, builder.facts.target)
    assert facts.secrets == builder.facts.secrets


@pytest.mark.parametrize("line", ["no JSON", "5", "{}", '{"kind": "secret"}', '{"kind": "world"}'])
def test_invalid_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "transcript.jsonl"
    path.write_text(f'{{"seq": 1, "t": 0.0, "leg": "harness", "kind": "note"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"transcript.jsonl, line 2 is not an event of a transcript"):
        read(path)
