"""Reading a transcript back: exchanges, and the questions that many checks ask."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from conformance.selftest.asks import Ask, Line, bearer
from conformance.selftest.story import Story
from conformance.transcript import Exchange, Transcript, read

BEGINNING = {"seq": 1, "t": 0.5, "leg": "client", "exchange": "client-1"}


def told(story: Story, *, direct: bool = False) -> Transcript:
    return Transcript(story.events, story.facts, direct=direct)


def at(story: Story, line: Line | Ask) -> Exchange:
    (found,) = [exchange for exchange in told(story).exchanges.values() if exchange.seq == line.seq]
    return found


# -- exchanges


def test_an_exchange_from_beginning_to_end() -> None:
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
    ((identifier, exchange),) = Transcript(events, Story().facts).exchanges.items()
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
def test_a_request_without_a_message(story: Story, body: str) -> None:
    exchange = at(story, story.errand("mail", "PUT", body=body))
    assert (exchange.rpc, exchange.rpc_method, exchange.tool, exchange.nonce) == ({}, "PUT", None, None)
    assert exchange.describe() == "PUT"


def test_only_calls_have_tools(story: Story) -> None:
    prompt = json.dumps({"method": "prompts/get", "params": {"name": "hello"}})
    assert at(story, story.errand("mail", body=prompt)).tool is None
    assert at(story, story.errand("mail", body=json.dumps({"method": "tools/call", "params": [1]}))).tool is None


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
def test_success(story: Story, status: int, result: Any, succeeded: bool) -> None:
    made = story.ask("alice", "mail").answered(status, {"jsonrpc": "2.0", "id": 1, "result": result})
    assert at(story, made).succeeded is succeeded


def test_no_answer_is_no_success(story: Story) -> None:
    exchange = at(story, story.ask("alice", "mail").failed())
    assert (exchange.status, exchange.succeeded, exchange.answer, exchange.structured) == (None, False, {}, {})


def test_the_last_response_of_a_stream_is_the_answer(story: Story) -> None:
    made = story.ask("alice", "mail")
    notification = {"jsonrpc": "2.0", "method": "notifications/message"}
    first, last = ({"jsonrpc": "2.0", "id": 1, "result": {"structuredContent": {"n": n}}} for n in (1, 2))
    exchange = at(story, made.streamed(first, last, notification))
    assert exchange.answer == last
    assert (exchange.result, exchange.structured) == (last["result"], {"n": 2})


# -- who sent what


def test_clients_browsers_and_what_goes_past_the_gateway(story: Story) -> None:
    story.visit("alice", "http://127.0.0.1:5000/oauth/connect/1")
    through, past = story.call("alice", "mail"), story.call("alice", "mail", client="direct")
    assert [exchange.seq for exchange in told(story).client] == [through.seq]
    assert [exchange.seq for exchange in told(story, direct=True).client] == [past.seq]
    assert len(told(story).upstream) == 2


def test_what_landed(story: Story) -> None:
    made = story.ask("alice", "mail").arrives().arrives("calendar")
    story.errand("mail")
    assert [exchange.node for exchange in told(story).landed(made.nonce)] == ["mail", "calendar"]
    assert told(story).landed(None) == told(story).landed("n-unknown") == []


def test_a_caller_is_known_by_a_nonce_or_by_a_session(story: Story) -> None:
    opened = story.ask("alice", "mail", "initialize").arrives(opens="s1")
    used = story.ask("bob", "mail").arrives(session="s2")
    on_opened, on_used = (story.errand("mail", "GET", headers=[("Mcp-Session-Id", s)]) for s in ("s1", "s2"))
    elsewhere = story.errand("calendar", "GET", headers=[("mcp-session-id", "s1")])
    known = [told(story).caller_of(at(story, line)) for line in (opened.arrival, used.arrival, on_opened, on_used)]
    assert known == ["alice", "bob", "alice", "bob"]
    assert told(story).caller_of(at(story, elsewhere)) is None


def test_a_session_is_known_from_whatever_happens_on_it(story: Story) -> None:
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": '{"method": "initialize"}'}
    opened = story.far_end("upstream", "mail", request, status=200, headers=[("Mcp-Session-Id", "s1")])
    before = story.errand("mail", "GET", headers=[("mcp-session-id", "s1")])
    story.ask("alice", "mail").arrives(session="s1")
    assert [told(story).caller_of(at(story, line)) for line in (opened, before)] == ["alice", "alice"]


def test_nobody_is_guessed(story: Story) -> None:
    story.call("alice", "mail")
    lines = [
        story.errand("mail", headers=bearer("access:bob:mail")),
        story.errand("mail", "DELETE", headers=[("mcp-session-id", "of an hour ago")]),
        story.errand("mail", "DELETE", headers=[("mcp-session-id", "")]),
    ]
    assert [told(story).caller_of(at(story, line)) for line in lines] == [None, None, None]


def test_a_nonce_counts_more_than_a_session(story: Story) -> None:
    story.ask("alice", "mail").arrives(session="s1")
    made = story.ask("bob", "mail").arrives(session="s1")
    assert told(story).caller_of(at(story, made.arrival)) == "bob"


# -- remarks, secrets and facts


def test_only_the_harness_remarks(story: Story) -> None:
    story.recorder.write({"t": 0.0, "leg": "gateway", "kind": "fence", "text": "not ours"})
    story.fence("alice", "calculator")
    assert [note["leg"] for note in told(story).notes("fence")] == ["harness"]


def test_what_was_never_announced_is_no_secret(story: Story) -> None:
    text = "«pat:alice» «unknown» «access:bob:mail|base64» «pat:bob|sha256» «key:web-search»"
    transcript = told(story)
    assert transcript.labels(text) == ["pat:alice", "access:bob:mail", "key:web-search"]
    assert transcript.labels(text, "access-token", "static-key") == ["access:bob:mail", "key:web-search"]
    assert transcript.owners(text) == {"alice", "bob", "web-search"}
    assert transcript.owners("«admin»") == set()  # which belongs to nobody


def test_facts(story: Story) -> None:
    assert [story.facts.auth_model(server) for server in ("mail", "crm", "workbench")] == ["oauth", "passthrough", None]
    assert story.facts.members("inbox") == ["mail", "calendar"]
    assert story.facts.members("mail") == ["mail"]
    assert Story(denied=[404]).facts.dialect("denied") == [404]
    assert Story(denied=[404]).facts.spoken.denied == [404]


# -- files


def test_a_file_is_read_back(story: Story, tmp_path: Path) -> None:
    story.log("ünïcode «pat:alice»")
    path = tmp_path / "transcript.jsonl"
    path.write_text("".join(json.dumps(event, ensure_ascii=False) + "\n" for event in story.events), encoding="utf-8")
    events, facts = read(path)
    assert (events, facts.world, facts.target) == (story.events, story.facts.world, story.facts.target)
    assert facts.secrets == story.facts.secrets


@pytest.mark.parametrize("line", ["no JSON", "5", "{}", '{"kind": "secret"}', '{"kind": "world"}'])
def test_a_line_that_is_no_event_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "transcript.jsonl"
    path.write_text(f'{{"kind": "note"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"transcript.jsonl, line 2 is no event of a transcript"):
        read(path)
