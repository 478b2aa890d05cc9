"""Upstreams that follow a script: its steps exactly, and what they answer without one."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.mocks.mcp_http import UpstreamClient, answer_of


@pytest.fixture
def scripted(serve: Callable[..., UpstreamClient]) -> UpstreamClient:
    return serve(application="scripted")


def ping(caller: UpstreamClient) -> dict[str, Any]:
    return caller.modern_call("echo", {"nonce": "n"})


def script(caller: UpstreamClient, *entries: Any) -> None:
    assert caller.control("PUT", "script", list(entries)) == {"entries": len(entries)}


def test_script_sends_exactly_its_steps(scripted: UpstreamClient) -> None:
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


def test_script_can_close_or_reset_the_connection(scripted: UpstreamClient) -> None:
    script(scripted, {"match": {"times": 1}, "respond": {"chunks": [{"body": "half"}], "close": True}})
    with pytest.raises(httpx.RemoteProtocolError):
        ping(scripted)
    script(scripted, {"match": {"times": 1}, "respond": {"reset": True}})
    with pytest.raises(httpx.ReadError):
        ping(scripted)
    assert [event["how"] for event in scripted.journal("end")] == ["server-error", "reset"]


def test_script_can_hang_until_the_client_leaves(scripted: UpstreamClient) -> None:
    script(scripted, {"match": {"http_method": "GET"}, "respond": {"status": 200, "hang": True}})
    with scripted.http.stream("GET", "/mcp") as response:
        assert response.status_code == 200
    assert scripted.control("GET", "journal?since=2&wait=5")["events"][0]["how"] == "client-disconnected"


def test_script_ends_when_the_client_disconnects(scripted: UpstreamClient) -> None:
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
    scripted: UpstreamClient, headers: dict[str, str], status: int, code: int
) -> None:
    answer = scripted.modern("tools/call", {"name": "echo", "arguments": {}}, **headers)
    assert (answer.status_code, answer_of(answer)["error"]["code"]) == (status, code)


def test_unscripted_legacy_refusals(scripted: UpstreamClient) -> None:
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


def test_unscripted_modern_answers(scripted: UpstreamClient) -> None:
    discovered = answer_of(scripted.modern("server/discover"))["result"]
    assert discovered["supportedVersions"] == ["2026-07-28"]
    listed = answer_of(scripted.modern("tools/list"))["result"]
    assert {"resultType", "ttlMs", "cacheScope"} <= listed.keys()
    answer = scripted.modern("nope")
    assert (answer.status_code, answer_of(answer)["error"]["code"]) == (404, -32601)


def test_response_quotes_the_credentials(scripted: UpstreamClient) -> None:
    chunks = [{"body": {"received": "$credentials"}}, {"text": ' "$credentials"'}]
    script(scripted, {"match": {"times": 1}, "respond": {"status": 401, "chunks": chunks}})
    answer = scripted.modern("tools/list", **{"X-Api-Key": "k1", "X-Note": "n1"})
    assert answer.status_code == 401
    assert answer.text.count("X-Api-Key: k1") == 2
    assert "n1" not in answer.text
