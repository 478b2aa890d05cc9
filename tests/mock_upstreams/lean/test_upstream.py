"""The lean server says what FastMCP says, and what only it has: counters, knobs, a head that is read once."""

import hashlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.issuer import Issuer
from tests.support.mcp_http import CONTROL_TOKEN, META, MODERN, Caller, answer_of, events_of


def sha(value: str) -> str:
    return "sha256:" + hashlib.sha256(value.encode()).hexdigest()


STAMPS = {"recv_ns", "send_ns"}
OF_ONE_SERVER = {"session", "connection"}
CALLS: list[tuple[str, Any]] = [
    ("whoami", {"nonce": "n"}),
    ("whoami", None),
    ("echo", {"value": {"b": [1, 2.5, None], "a": "ü\u2028<&\U0001f600"}, "nonce": "n"}),
    ("add", {"a": 2, "b": 0.5}),
    ("add", {"a": "2", "b": True}),
    ("counter", {}),
    ("fail", {"message": "no"}),
    ("big", {"size": 1000}),
    ("mailbox", {}),
    ("slow", {"steps": 1, "interval_ms": 1}),
    ("nope", {}),
    ("Echo", {}),
]
WRONG: list[tuple[str, Any]] = [
    ("add", {"a": 1}),
    ("add", {"a": "x", "b": 1}),
    ("add", {"a": 1, "b": 2, "c": 3}),
    ("whoami", {"nonce": 5}),
    ("big", {"size": -1}),
    ("slow", {"steps": 1.5}),
    ("echo", {"surprise": 1}),
]
METHODS: list[tuple[str, Any]] = [
    ("tools/list", None),
    ("prompts/list", None),
    ("resources/list", None),
    ("resources/templates/list", None),
    ("nope", None),
]


@pytest.fixture
def lean(serve: Callable[..., Caller]) -> Caller:
    return serve(application="lean")


@pytest.fixture
def both(serve: Callable[..., Caller]) -> tuple[Caller, Caller]:
    return serve(application="tools", name="same"), serve(application="lean", name="same")


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what differs from server to server and from moment to moment."""
    answer = json.loads(json.dumps(answer))
    result = answer.get("result", {})
    structured = result.get("structuredContent")
    if structured:
        if result["content"][0]["text"].startswith("{"):
            assert json.loads(result["content"][0].pop("text")) == structured
        for key in STAMPS | OF_ONE_SERVER:
            structured.pop(key, None)
    return answer


def asked(callers: tuple[Caller, Caller], era: str, method: str, params: Any) -> list[httpx.Response]:
    return [(caller.modern if era == "modern" else caller.post)(method, params) for caller in callers]


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_it_says_what_fastmcp_says(both: tuple[Caller, Caller], era: str) -> None:
    if era == "legacy":
        first, second = (answer_of(caller.initialize()) for caller in both)
        assert first == second
    calls = [("tools/call", {"name": tool, "arguments": given}) for tool, given in CALLS]
    for method, params in [*METHODS, *calls]:
        theirs, ours = asked(both, era, method, params)
        assert comparable(answer_of(theirs)) == comparable(answer_of(ours)), (method, params)
        assert (theirs.status_code, theirs.headers["content-type"]) == (ours.status_code, ours.headers["content-type"])


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_it_lists_in_the_pages_of_fastmcp(both: tuple[Caller, Caller], era: str) -> None:
    if era == "legacy":
        for caller in both:
            caller.initialize()
    for wrong_size in ({"size": 0}, {"size": True}, {}, {"size": 1, "more": 1}):
        for caller in both:
            with pytest.raises(AssertionError, match="a whole number of tools, or null"):
                caller.control("PUT", "pages", wrong_size)
    for size in (3, 100, None):
        assert [caller.control("PUT", "pages", {"size": size}) for caller in both] == [{"size": size}] * 2
        cursors: list[Any] = [None, "no such cursor", 5]
        while cursors:
            params = {} if (cursor := cursors.pop(0)) is None else {"cursor": cursor}
            theirs, ours = asked(both, era, "tools/list", params)
            assert answer_of(theirs) == answer_of(ours), (size, cursor)
            assert theirs.status_code == ours.status_code
            if following := answer_of(ours).get("result", {}).get("nextCursor"):
                cursors.append(following)
    caller = both[1]
    caller.control("PUT", "pages", {"size": 4})
    caller.control("PUT", "tools", {"add": ["extra"]})
    first = answer_of((caller.modern if era == "modern" else caller.post)("tools/list", {}))["result"]
    assert (len(first["tools"]), "nextCursor" in first) == (4, True)


def test_discovery_is_the_same(both: tuple[Caller, Caller]) -> None:
    theirs, ours = (answer_of(caller.modern("server/discover"))["result"] for caller in both)
    assert theirs == ours


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_it_refuses_the_arguments_that_fastmcp_refuses(both: tuple[Caller, Caller], era: str) -> None:
    if era == "legacy":
        for caller in both:
            caller.initialize()
    for tool, given in WRONG:
        answers = asked(both, era, "tools/call", {"name": tool, "arguments": given})
        texts = []
        for answer in answers:
            result = answer_of(answer)["result"]
            assert (result["isError"], "structuredContent" in result) == (True, False)
            texts.append(result["content"][0]["text"].splitlines()[:2])
        assert texts[0][0] == texts[1][0], (tool, given)
        assert texts[0][1] == texts[1][1], "the argument that is wrong"
    assert [caller.journal("execution") for caller in both] == [[], []]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}),
        ({"Mcp-Method": "tools/call"}, {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}),
        ({"Accept": "text/html"}, {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}),
        ({"Content-Type": "text/plain"}, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
        (
            {"Mcp-Method": "tools/call", "Mcp-Name": "=?base64?ZWNobw==?="},
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "_meta": META}},
        ),
        (
            {"Mcp-Method": "tools/call", "Mcp-Name": "add"},
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "_meta": META}},
        ),
    ],
)
def test_it_is_as_strict_with_modern_requests(both: tuple[Caller, Caller], headers: dict[str, str], body: Any) -> None:
    fixed = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/list"}
    theirs, ours = (caller.http.post("/mcp", json=body, headers={**fixed, **headers}) for caller in both)
    assert theirs.status_code == ours.status_code
    if theirs.status_code == 400 and theirs.headers.get("content-type") == "application/json":
        assert answer_of(theirs)["error"]["code"] == answer_of(ours)["error"]["code"]


def test_it_writes_the_journal_that_others_write(both: tuple[Caller, Caller]) -> None:
    told = []
    for caller in both:
        caller.modern_call("echo", {"nonce": "n"}, Authorization="Bearer x")
        caller.initialize()
        caller.call("whoami", {})
        events = caller.journal()
        times = [event["t"] for event in events]
        assert times == sorted(times)
        told.append(
            [(event["kind"], event["exchange"], event.get("how", ""), event.get("tool", "")) for event in events]
        )
        assert {"authorization", "accept"} <= {name.lower() for name, _ in events[0]["headers"]}
    # FastMCP sends the head of an event stream before it works.
    theirs, ours = (sorted(event for event in events if event[0] != "chunk") for events in told)
    assert theirs == ours


def test_every_result_is_stamped(lean: Caller) -> None:
    before = time.monotonic_ns()
    said = lean.modern_call("whoami", {})["structuredContent"]
    assert before <= said["recv_ns"] <= said["send_ns"] <= time.monotonic_ns()


def test_answers_as_asked(lean: Caller) -> None:
    def kind(era: str, wanted: str | None) -> str:
        params = {"name": "echo", "arguments": {}} | ({"_meta": {"gatebench/answers": wanted}} if wanted else {})
        answer = lean.modern("tools/call", params) if era == "modern" else lean.post("tools/call", params)
        assert "result" in answer_of(answer)
        return answer.headers["content-type"].partition("/")[2]

    lean.initialize()
    assert [kind(era, wanted) for era in ("legacy", "modern") for wanted in (None, "json", "sse")] == [
        *("event-stream", "json", "event-stream"),
        *("json", "json", "event-stream"),
    ]
    for knob in ("json", "sse"):
        lean.control("PUT", "knobs", {"answers": knob})
        assert {kind("legacy", None), kind("modern", None)} == {"json" if knob == "json" else "event-stream"}


def test_delay_is_part_of_its_own_time(lean: Caller) -> None:
    assert lean.control("PUT", "knobs", {"delay_ms": 50})["delay_ms"] == 50
    said = lean.modern_call("whoami", {})["structuredContent"]
    assert said["send_ns"] - said["recv_ns"] >= 49_000_000


def test_catalogue_of_any_size(lean: Caller) -> None:
    lean.control("PUT", "knobs", {"catalogue": 500})
    tools = answer_of(lean.modern("tools/list"))["result"]["tools"]
    assert len({tool["name"] for tool in tools}) == 500
    assert lean.modern_call(tools[-1]["name"], {"nonce": "n"})["structuredContent"]["nonce"] == "n"
    lean.control("PUT", "knobs", {"catalogue": 0})
    assert len(answer_of(lean.modern("tools/list"))["result"]["tools"]) == 8


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("knobs", {"delay": 1}, "delay_ms"),
        ("knobs", {"delay_ms": -1}, "0 to"),
        ("knobs", {"delay_ms": True}, "number"),
        ("knobs", {"answers": "xml"}, "sse"),
        ("knobs", {"catalogue": 1.5}, "number"),
        ("freeze", {"seconds": 1e9}, "60"),
        ("freeze", {}, "seconds"),
    ],
)
def test_knobs_that_make_no_sense(lean: Caller, path: str, body: Any, sentence: str) -> None:
    method = "PUT" if path == "knobs" else "POST"
    answer = lean.http.request(method, f"/_bench/{path}", headers={"X-Bench-Token": CONTROL_TOKEN}, json=body)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_it_counts(lean: Caller) -> None:
    before = lean.control("GET", "counters")
    assert (before["requests"], before["methods"]) == (0, {})
    lean.initialize()
    lean.call("whoami", {})
    lean.modern_call("echo", {})
    lean.modern("nope")
    counted = lean.control("GET", "counters")
    assert counted["requests"] == 5
    assert counted["methods"] == {
        "initialize": 1,
        "notifications/initialized": 1,
        "tools/call": 2,
        "nope": 1,
    }
    assert (counted["statuses"], counted["tools"]) == ({"200": 3, "202": 1, "404": 1}, {"whoami": 1, "echo": 1})
    assert counted["sessions"] == {"opened": 1, "open": 1}
    assert counted["connections"] == {"opened": 1, "open": 1}
    lean.http.delete("/mcp", headers=lean.session)
    assert lean.control("GET", "counters")["sessions"] == {"opened": 1, "open": 0}


def test_it_freezes(lean: Caller) -> None:
    started = time.monotonic()
    lean.control("POST", "freeze", {"seconds": 0.3, "after": 0})
    lean.modern_call("whoami", {})
    assert time.monotonic() - started >= 0.25


def test_heads_that_look_alike_are_told_apart(serve: Callable[..., Caller], issuer: Issuer) -> None:
    """A head is understood once; what differs in one letter is another head."""
    lean = serve("oauth", application="lean", issuer=issuer.url)
    audience = f"{str(lean.http.base_url).rstrip('/')}/mcp"
    tokens = {owner: issuer.token(audience, sub=owner) for owner in ("alice", "bobby")}
    for _ in range(3):
        for owner, token in tokens.items():
            assert (
                lean.modern_call("whoami", {}, Authorization=f"Bearer {token}")["structuredContent"]["identity"]["sub"]
                == owner
            )
    assert lean.modern("tools/list", Authorization=f"Bearer {tokens['alice'][:-4]}AAAA").status_code == 401
    assert lean.control("GET", "counters")["identities"] == {"alice": 3, "bobby": 3}


def test_a_token_that_was_seen_expires_all_the_same(serve: Callable[..., Caller], issuer: Issuer) -> None:
    lean = serve("jwt", application="lean", issuer=issuer.url)
    audience = f"{str(lean.http.base_url).rstrip('/')}/mcp"
    token = issuer.token(audience, exp=int(time.time()) + 2)
    statuses = set()
    deadline = time.monotonic() + 10
    while 401 not in statuses and time.monotonic() < deadline:
        statuses.add(lean.modern("tools/list", Authorization=f"Bearer {token}").status_code)
    assert statuses == {200, 401}


def test_scopes_are_asked_for_at_once(serve: Callable[..., Caller], issuer: Issuer) -> None:
    lean = serve("oauth", application="lean", issuer=issuer.url)
    token = issuer.token(f"{str(lean.http.base_url).rstrip('/')}/mcp", scope="read")
    assert lean.modern("tools/list", Authorization=f"Bearer {token}").status_code == 200
    lean.control("PUT", "scopes", ["write"])
    assert lean.modern("tools/list", Authorization=f"Bearer {token}").status_code == 403


def request(tool: str, extra: bytes = b"") -> bytes:
    params = {"name": tool, "arguments": {}, "_meta": META}
    body = json.dumps({"jsonrpc": "2.0", "id": tool, "method": "tools/call", "params": params}).encode()
    head = f"POST /mcp HTTP/1.1\r\nHost: h\r\nMCP-Protocol-Version: {MODERN}\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
    fixed = b"Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
    return head.encode() + fixed + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body


def raw(caller: Caller, *pieces: bytes) -> list[str]:
    """What is answered to these writes on one connection: the ids of the answers, in order."""
    with socket.create_connection((caller.http.base_url.host, caller.http.base_url.port or 0), 5) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.01)  # so that it is read by itself; nothing waits for this
        answered = connection.makefile("rb").read().decode()
    return [part.partition('"')[0] for part in answered.split('"jsonrpc":"2.0","id":"')[1:]]


CLOSE = b"Connection: close\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [request("echo") + request("whoami") + request("add", CLOSE)],
        [request("echo"), request("whoami")[:50], request("whoami")[50:], request("add", CLOSE)],
        [request("echo"), request("echo"), request("whoami") + request("add", CLOSE)[:30], request("add", CLOSE)[30:]],
        [request("echo")[:-3], request("echo")[-3:] + request("whoami"), request("add", CLOSE)],
    ],
)
def test_requests_may_be_cut_and_joined_anywhere(lean: Caller, pieces: list[bytes]) -> None:
    answered = raw(lean, *pieces)
    assert (answered[0], answered[-2:]) == ("echo", ["whoami", "add"])


def test_pipelined_behind_a_slow_one(lean: Caller) -> None:
    slow = request("slow").replace(b'"arguments": {}', b'"arguments":{"steps":1,"interval_ms":100}')
    slow = slow.replace(
        b"Content-Length: %d" % len(request("slow").partition(b"\r\n\r\n")[2]),
        b"Content-Length: %d" % len(slow.partition(b"\r\n\r\n")[2]),
    )
    assert raw(lean, slow + request("echo"), request("add", CLOSE)) == ["slow", "echo", "add"]


def test_rubbish_is_refused(lean: Caller) -> None:
    with socket.create_connection((lean.http.base_url.host, lean.http.base_url.port or 0), 5) as connection:
        connection.sendall(b"GET / RUBBISH\r\n\r\n")
        assert connection.makefile("rb").read().startswith(b"HTTP/1.1 400 ")


def test_large_bodies_both_ways(lean: Caller) -> None:
    text = "x" * (2 << 20)
    said = lean.modern_call("echo", {"value": text})["structuredContent"]
    assert said["arguments"]["value"] == text
    for _ in range(2):
        assert len(lean.modern_call("big", {"size": 3 << 20})["content"][0]["text"]) == 3 << 20


def test_half_a_surrogate_pair(lean: Caller) -> None:
    body = json.dumps(lean.modern_request("tools/call", {"name": "echo", "arguments": {"value": "\ud800"}})[0])
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": "echo"}
    answer = lean.http.post("/mcp", content=body.encode(), headers={**headers, "Content-Type": "application/json"})
    assert json.loads(answer.content)["result"]["structuredContent"]["arguments"]["value"] == "\ud800"


def test_many_callers_at_once_each_get_their_own(lean: Caller) -> None:
    url = str(lean.http.base_url)

    def call(number: int) -> bool:
        caller = Caller(url)
        try:
            for _ in range(20):
                said = caller.modern_call("echo", {"nonce": f"n{number}"}, Authorization=f"Bearer t{number}")[
                    "structuredContent"
                ]
                digest = caller.modern_call("whoami", {}, Authorization=f"Bearer t{number}")["structuredContent"][
                    "credentials"
                ]
                if said["nonce"] != f"n{number}" or said["credentials"] != digest:
                    return False
            return True
        finally:
            caller.close()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(8)))


def test_as_a_program_of_several() -> None:
    given = [
        {"name": "a", "personality": "none", "control_token": "ta"},
        {"name": "b", "personality": "static", "header": ["X-Key", "k"], "control_token": "tb", "revisions": [MODERN]},
    ]
    command = [sys.executable, "-m", "mock_upstreams", "lean", "--spec", "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as program:  # noqa: S603 - ours
        assert program.stdin
        assert program.stdout
        program.stdin.write(json.dumps(given) + "\n")
        program.stdin.flush()
        facts = json.loads(program.stdout.readline())
        assert facts["pid"] == program.pid
        first = Caller(facts["upstreams"]["a"]["url"], control_token="ta")
        assert first.initialize().status_code == 200
        assert events_of(first.post("ping").text)[-1]["result"] == {}
        assert first.journal() == []  # under load nothing is kept
        second = Caller(facts["upstreams"]["b"]["url"], control_token="tb")
        assert second.modern("tools/list").status_code == 401
        assert second.modern("tools/list", **{"X-Key": "k"}).status_code == 200
        first.close()
        second.close()
        program.stdin.close()
        assert program.wait(5) == 0
        assert program.stderr
        assert program.stderr.read() == ""


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("", "not JSON"),
        ("[]", "array"),
        ('[{"name": "a", "personality": "none"}]', "control_token"),
        ('[{"name": "a", "personality": "none", "control_token": "t", "prot": 1}]', "prot"),
        ('[{"name": "a", "personality": "none", "control_token": "t", "port": 70000}]', "70000"),
        ('[{"name": "a", "personality": "static", "control_token": "t"}]', "header"),
    ],
)
def test_a_specification_that_makes_no_sense_is_one_sentence(spec: str, sentence: str) -> None:
    command = [sys.executable, "-m", "mock_upstreams", "lean", "--spec", "-"]
    done = subprocess.run(command, input=spec + "\n", capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - ours
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert sentence in done.stderr


def test_answers_that_are_filled_in_are_those_that_are_written(serve: Callable[..., Caller], issuer: Issuer) -> None:
    """Without a journal, `whoami` and `mailbox` come from templates: the same as ever, for everybody, on every connection."""
    fast, plain = (
        serve("oauth", application="lean", name="same", issuer=issuer.url, record=kept) for kept in (False, True)
    )
    for number in range(3):
        for owner in ("alice", "bob"):
            for tool in ("whoami", "mailbox"):
                told = []
                for caller in (fast, plain):
                    token = issuer.token(f"{str(caller.http.base_url).rstrip('/')}/mcp", sub=owner, jti="j", iat=1)
                    for _ in range(2):  # the first time, a token goes the long way
                        answer = caller.modern(
                            "tools/call",
                            {"name": tool, "arguments": {"nonce": f"n-{number}"}},
                            Authorization=f"Bearer {token}",
                        )
                    said = comparable(answer_of(answer))
                    assert said.pop("id") == caller.latest
                    for one in said["result"]["structuredContent"]["credentials"]:
                        one["digest"] = sha(token) == one["digest"]
                    told.append(said)
                assert told[0] == told[1]
                assert told[0]["result"]["structuredContent"]["identity"]["sub"] == owner
                assert told[0]["result"]["structuredContent"]["nonce"] == f"n-{number}"


@pytest.mark.parametrize("nonce", ['"', "\\", "ü", "", "Zn0nceZn0nceZ", "918273645000001", None, "a b"])
def test_any_nonce_comes_back(serve: Callable[..., Caller], nonce: str | None) -> None:
    caller = serve(application="lean", record=False)
    for _ in range(2):
        said = caller.modern_call("whoami", {"nonce": nonce})
        assert said["structuredContent"]["nonce"] == nonce
        assert json.loads(said["content"][0]["text"]) == said["structuredContent"]
