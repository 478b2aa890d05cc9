"""The control API and its faults."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.mocks.mcp_http import ACCEPT, CONTROL_TOKEN, Caller, answer_of

FAULT_PATHS = [("GET", "journal"), ("PUT", "faults"), ("POST", "sessions/forget"), ("GET", "ledger"), ("PUT", "script")]


@pytest.fixture
def scripted(serve: Callable[..., Caller]) -> Caller:
    return serve(application="scripted")


@pytest.fixture(params=["scripted", "lean"])
def disturbed(request: pytest.FixtureRequest, serve: Callable[..., Caller]) -> Caller:
    return serve(application=request.param)


@pytest.mark.parametrize(("method", "path"), FAULT_PATHS)
@pytest.mark.parametrize("token", [None, "", "wrong", CONTROL_TOKEN + "x"])
def test_control_request_without_token_is_refused(scripted: Caller, method: str, path: str, token: str | None) -> None:
    headers = {} if token is None else {"X-Bench-Token": token}
    refused = scripted.http.request(method, f"/_bench/{path}", headers=headers)
    nowhere = scripted.http.request(method, "/_bench/nowhere", headers=headers)
    assert (refused.status_code, refused.content, refused.headers) == (404, nowhere.content, nowhere.headers)


def test_repeated_control_token_is_refused(scripted: Caller) -> None:
    headers = [("X-Bench-Token", CONTROL_TOKEN), ("X-Bench-Token", CONTROL_TOKEN)]
    assert scripted.http.get("/_bench/journal", headers=headers).status_code == 404


def test_control_and_health_are_never_journalled(scripted: Caller) -> None:
    assert scripted.http.get("/healthz").status_code == 200
    scripted.http.get("/_bench/journal")
    assert scripted.journal() == []
    assert scripted.http.get("/.well-known/oauth-protected-resource").status_code == 404
    assert scripted.http.get("/anything").status_code == 404
    targets = [event["target"] for event in scripted.journal("request")]
    assert targets == ["/.well-known/oauth-protected-resource", "/anything"]


def test_journal_long_poll(scripted: Caller) -> None:
    timer = threading.Timer(0.05, lambda: httpx.get(str(scripted.http.base_url) + "/late"))
    timer.start()
    answer = scripted.control("GET", "journal?since=0&wait=5")
    timer.join()
    assert answer["events"][0]["target"] == "/late"
    head = scripted.control("GET", "journal")["head"]
    assert scripted.control("GET", f"journal?since={head}&wait=0.01") == {"events": [], "head": head}


@pytest.mark.parametrize(
    ("method", "path", "content", "sentence"),
    [
        ("PUT", "faults", b"{", "not JSON"),
        ("PUT", "faults", b"{}", "array"),
        ("PUT", "faults", b"[{}]", "action"),
        ("PUT", "faults", b'[{"action": {"explode": 1}}]', "explode"),
        ("PUT", "faults", b'[{"action": {"status": "503"}}]', "status"),
        ("PUT", "faults", b'[{"action": {"status": true}}]', "status"),
        ("PUT", "faults", b'[{"acton": {}, "action": {"hang": true}}]', "acton"),
        ("PUT", "script", b'[{"respond": {"chunks": [{"body": "a", "event": 1}]}}]', "one of"),
        ("PUT", "script", b'[{"respond": {"chunks": [{"body_base64": "!"}]}}]', "base64"),
        ("PUT", "script", b'[{"respond": {"statsu": 1}}]', "statsu"),
        ("PUT", "script", b'[{"match": {}}]', "respond"),
        ("GET", "journal?since=x", b"", "since"),
    ],
)
def test_invalid_control_request_is_refused_with_a_sentence(
    scripted: Caller, method: str, path: str, content: bytes, sentence: str
) -> None:
    answer = scripted.http.request(method, f"/_bench/{path}", headers={"X-Bench-Token": CONTROL_TOKEN}, content=content)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def fault(caller: Caller, action: dict[str, Any], **match: Any) -> None:
    assert caller.control("PUT", "faults", [{**match, "action": action}]) == {"rules": 1}


def ping(caller: Caller) -> dict[str, Any]:
    return caller.modern_call("echo", {"nonce": "n"})


def test_fault_status(disturbed: Caller) -> None:
    fault(disturbed, {"status": 503, "headers": {"Retry-After": "7"}, "body": "busy"})
    answer = disturbed.modern("tools/list")
    assert (answer.status_code, answer.text, answer.headers["retry-after"]) == (503, "busy", "7")
    assert disturbed.control("DELETE", "faults") == {"rules": 0}
    assert disturbed.modern("tools/list").status_code == 200
    assert [event["status"] for event in disturbed.journal("response")] == [503, 200]


def test_fault_body(disturbed: Caller) -> None:
    fault(disturbed, {"body": "<html>login</html>", "content_type": "text/html"})
    answer = disturbed.modern("tools/list")
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, "<html>login</html>", "text/html")


def test_fault_delay(disturbed: Caller) -> None:
    fault(disturbed, {"delay": 0.1}, times=1)
    started = time.monotonic()
    assert ping(disturbed)["structuredContent"]["nonce"] == "n"
    assert time.monotonic() - started >= 0.1
    request, response = disturbed.journal("request")[0], disturbed.journal("response")[0]
    assert response["t"] - request["t"] >= 0.1


@pytest.mark.parametrize("action", [{"hang": True}, {"delay": 60}])
def test_fault_hang_ends_when_the_client_leaves(disturbed: Caller, action: dict[str, Any]) -> None:
    fault(disturbed, action, times=1)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{disturbed.http.base_url}/mcp", json={}, headers=ACCEPT, timeout=0.05)
    last = disturbed.control("GET", "journal?since=1&wait=5")["events"]
    assert [(event["kind"], event["how"]) for event in last] == [("end", "client-disconnected")]
    assert disturbed.journal("execution") == []


def test_fault_hold_ends_with_the_rule(disturbed: Caller) -> None:
    fault(disturbed, {"hold": True}, times=1)
    with ThreadPoolExecutor() as threads:
        held = threads.submit(httpx.post, f"{disturbed.http.base_url}/mcp", json={}, headers=ACCEPT, timeout=5)
        disturbed.control("GET", "journal?since=0&wait=5")
        assert disturbed.modern("tools/list").status_code == 200
        assert not held.done()
        disturbed.control("DELETE", "faults")
        assert held.result().status_code == 400


def test_fault_together_waits_for_the_other_requests(disturbed: Caller) -> None:
    fault(disturbed, {"together": 2})
    with ThreadPoolExecutor() as threads:
        sent = [
            threads.submit(httpx.post, f"{disturbed.http.base_url}/mcp", json={}, headers=ACCEPT, timeout=5)
            for _ in range(2)
        ]
        assert [one.result().status_code for one in sent] == [400, 400]
    assert [event["kind"] for event in disturbed.journal()][:2] == ["request", "request"]


def test_fault_reset(disturbed: Caller) -> None:
    fault(disturbed, {"reset": True}, times=1)
    with pytest.raises(httpx.ReadError):
        ping(disturbed)
    assert [event["kind"] for event in disturbed.journal()] == ["request", "end"]
    assert disturbed.journal("end")[0]["how"] == "reset"


def test_fault_reset_after_the_work_is_done(disturbed: Caller) -> None:
    fault(disturbed, {"reset": True, "after_bytes": 0}, times=1)
    with pytest.raises(httpx.ReadError):
        ping(disturbed)
    assert len(disturbed.journal("execution")) == 1
    assert disturbed.journal("end")[0]["how"] == "reset"


def test_fault_reset_in_the_body(disturbed: Caller) -> None:
    fault(disturbed, {"reset": True, "after_bytes": 10}, times=1)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        ping(disturbed)
    assert [len(event["body"]) for event in disturbed.journal("chunk")] == [10]
    assert disturbed.journal("end")[0]["how"] == "reset"


def test_fault_truncate(disturbed: Caller) -> None:
    fault(disturbed, {"truncate_after": 25}, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        ping(disturbed)
    assert [len(event["body"]) for event in disturbed.journal("chunk")] == [25]
    assert disturbed.journal("end")[0]["how"] == "server-error"


def test_fault_forget_session(disturbed: Caller) -> None:
    disturbed.initialize()
    assert disturbed.call("echo", {})["isError"] is False
    fault(disturbed, {"forget_session": True}, times=1)
    assert disturbed.post("tools/list").status_code == 404
    assert disturbed.post("tools/list").status_code == 404
    disturbed.session = {}
    assert disturbed.initialize().status_code == 200


def test_faults_match_requests(disturbed: Caller) -> None:
    disturbed.initialize()
    fault(disturbed, {"status": 500}, method="tools/call", tool="echo", nth=2)
    call = {"name": "echo", "arguments": {}}
    assert disturbed.post("tools/list").status_code == 200
    assert disturbed.post("tools/call", {"name": "whoami", "arguments": {}}).status_code == 200
    assert [disturbed.post("tools/call", call).status_code for _ in range(3)] == [200, 500, 200]
    fault(disturbed, {"status": 500}, times=2, http_method="DELETE")
    deletions = [disturbed.http.delete("/mcp", headers=disturbed.session).status_code for _ in range(3)]
    assert deletions == [500, 500, 200]


def test_faults_match_tokens(disturbed: Caller) -> None:
    digest = ping_digest(disturbed, "bad")
    fault(disturbed, {"status": 500}, token_digest=digest)
    assert disturbed.modern("tools/list", Authorization="Bearer bad").status_code == 500
    assert disturbed.modern("tools/list", Authorization="Bearer good").status_code == 200


def ping_digest(caller: Caller, token: str | None) -> str:
    return caller.modern_call("whoami", {}, Authorization=f"Bearer {token}")["structuredContent"]["credentials"][0][
        "digest"
    ]


def script(caller: Caller, *entries: Any) -> None:
    assert caller.control("PUT", "script", list(entries)) == {"entries": len(entries)}


def test_script_sends_exactly_its_steps(scripted: Caller) -> None:
    script(
        scripted,
        {
            "match": {"method": "tools/call", "nth": 2},
            "respond": {
                "status": 207,
                "headers": [["X-One", "1"], ["x-one", "2"], ["Content-Type", "text/event-stream"]],
                "chunks": [
                    {"event": {"jsonrpc": "2.0", "method": "p", "params": {"progressToken": "$progressToken"}}},
                    {"body": ": no json {\n\n"},
                    {"after": 0.05, "body_base64": "/w=="},
                    {"event": {"jsonrpc": "2.0", "id": "$id", "result": {}}},
                ],
            },
        },
    )
    assert ping(scripted)["isError"] is False
    params = {"name": "echo", "arguments": {}, "_meta": {"progressToken": "p7"}}
    answer = scripted.modern("tools/call", params)
    assert answer.status_code == 207
    assert [value for name, value in answer.headers.raw if name.lower() == b"x-one"] == [b"1", b"2"]
    assert answer.content == (
        b'event: message\ndata: {"jsonrpc": "2.0", "method": "p", "params": {"progressToken": "p7"}}\n\n'
        b": no json {\n\n\xff"
        b'event: message\ndata: {"jsonrpc": "2.0", "id": 2, "result": {}}\n\n'
    )
    assert ping(scripted)["isError"] is False


def test_script_can_close_or_reset_the_connection(scripted: Caller) -> None:
    script(scripted, {"match": {"times": 1}, "respond": {"chunks": [{"body": "half"}], "close": True}})
    with pytest.raises(httpx.RemoteProtocolError):
        ping(scripted)
    script(scripted, {"match": {"times": 1}, "respond": {"reset": True}})
    with pytest.raises(httpx.ReadError):
        ping(scripted)
    assert [event["how"] for event in scripted.journal("end")] == ["server-error", "reset"]


def test_script_can_hang_until_the_client_leaves(scripted: Caller) -> None:
    script(scripted, {"match": {"http_method": "GET"}, "respond": {"status": 200, "hang": True}})
    with scripted.http.stream("GET", "/mcp") as response:
        assert response.status_code == 200
    assert scripted.control("GET", "journal?since=2&wait=5")["events"][0]["how"] == "client-disconnected"


def test_script_ends_when_the_client_disconnects(scripted: Caller) -> None:
    script(scripted, {"respond": {"chunks": [{"body": "a"}, {"body": "b", "after": 60}]}})
    with scripted.http.stream("GET", "/mcp") as response:
        assert next(response.iter_bytes()) == b"a"
    assert scripted.control("GET", "journal?since=3&wait=5")["events"][0]["how"] == "client-disconnected"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Mcp-Method": "tools/list"}, 400, -32020),
        ({"Mcp-Name": "other"}, 400, -32020),
        ({"MCP-Protocol-Version": "1900-01-01"}, 400, -32022),
    ],
)
def test_unscripted_requests_check_mirrored_headers(
    scripted: Caller, headers: dict[str, str], status: int, code: int
) -> None:
    answer = scripted.modern("tools/call", {"name": "echo", "arguments": {}}, **headers)
    assert (answer.status_code, answer_of(answer)["error"]["code"]) == (status, code)


def test_unscripted_legacy_refusals(scripted: Caller) -> None:
    assert scripted.post("tools/list").status_code == 400
    assert scripted.post("tools/list", headers={"Mcp-Session-Id": "x"}).status_code == 404
    assert scripted.http.get("/mcp").status_code == 400
    assert scripted.http.delete("/mcp", headers={"Mcp-Session-Id": "x"}).status_code == 404
    as_json = {"Content-Type": "application/json"}
    assert scripted.http.post("/mcp", content=b"{", headers=as_json).json()["error"]["code"] == -32700
    scripted.initialize()
    assert answer_of(scripted.post("nope"))["error"]["code"] == -32601
    assert answer_of(scripted.post("tools/call", {"name": "nope"}))["error"]["code"] == -32602
    assert scripted.http.delete("/mcp", headers=scripted.session).status_code == 200
    assert scripted.post("tools/list").status_code == 404


def test_unscripted_modern_answers(scripted: Caller) -> None:
    discovered = answer_of(scripted.modern("server/discover"))["result"]
    assert discovered["supportedVersions"] == ["2026-07-28"]
    listed = answer_of(scripted.modern("tools/list"))["result"]
    assert {"resultType", "ttlMs", "cacheScope"} <= listed.keys()
    answer = scripted.modern("nope")
    assert (answer.status_code, answer_of(answer)["error"]["code"]) == (404, -32601)


def test_folded_header_value(tools: str, serve: Callable[..., Caller]) -> None:
    upstream = serve(application=tools)
    upstream.control("PUT", "habits", {"headers": {"X-Folded": "one {fold} two"}})
    address = upstream.http.base_url
    with socket.create_connection((address.host, address.port or 80), timeout=5) as connection:
        connection.sendall(b"POST /mcp HTTP/1.1\r\nHost: %b\r\nContent-Length: 0\r\n\r\n" % address.netloc)
        head = connection.recv(65536)
    assert b"X-Folded: one\r\n  two\r\n" in head
