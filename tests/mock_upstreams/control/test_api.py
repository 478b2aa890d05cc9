"""The control API: its token, its journal, refused requests."""

import socket
import threading
from collections.abc import Callable

import httpx
import pytest

from tests.support.mocks.mcp_http import CONTROL_TOKEN, UpstreamClient

FAULT_PATHS = [("GET", "journal"), ("PUT", "faults"), ("POST", "sessions/forget"), ("GET", "ledger"), ("PUT", "script")]


@pytest.fixture
def scripted(serve: Callable[..., UpstreamClient]) -> UpstreamClient:
    return serve(application="scripted")


@pytest.mark.parametrize(("method", "path"), FAULT_PATHS)
@pytest.mark.parametrize("token", [None, "", "wrong", CONTROL_TOKEN + "x"])
def test_control_request_without_token_is_refused(
    scripted: UpstreamClient, method: str, path: str, token: str | None
) -> None:
    headers = {} if token is None else {"X-Bench-Token": token}
    refused = scripted.http.request(method, f"/_bench/{path}", headers=headers)
    nowhere = scripted.http.request(method, "/_bench/nowhere", headers=headers)
    assert (refused.status_code, refused.content, refused.headers) == (404, nowhere.content, nowhere.headers)


def test_repeated_control_token_is_refused(scripted: UpstreamClient) -> None:
    headers = [("X-Bench-Token", CONTROL_TOKEN), ("X-Bench-Token", CONTROL_TOKEN)]
    assert scripted.http.get("/_bench/journal", headers=headers).status_code == 404


def test_control_and_health_are_never_journalled(scripted: UpstreamClient) -> None:
    assert scripted.http.get("/healthz").status_code == 200
    scripted.http.get("/_bench/journal")
    assert scripted.journal() == []
    assert scripted.http.get("/.well-known/oauth-protected-resource").status_code == 404
    assert scripted.http.get("/anything").status_code == 404
    targets = [event["target"] for event in scripted.journal("request")]
    assert targets == ["/.well-known/oauth-protected-resource", "/anything"]


def test_journal_long_poll(scripted: UpstreamClient) -> None:
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
    scripted: UpstreamClient, method: str, path: str, content: bytes, sentence: str
) -> None:
    answer = scripted.http.request(method, f"/_bench/{path}", headers={"X-Bench-Token": CONTROL_TOKEN}, content=content)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_folded_header_value(tools: str, serve: Callable[..., UpstreamClient]) -> None:
    upstream = serve(application=tools)
    upstream.control("PUT", "habits", {"headers": {"X-Folded": "one {fold} two"}})
    address = upstream.http.base_url
    with socket.create_connection((address.host, address.port or 80), timeout=5) as connection:
        connection.sendall(b"POST /mcp HTTP/1.1\r\nHost: %b\r\nContent-Length: 0\r\n\r\n" % address.netloc)
        head = connection.recv(65536)
    assert b"X-Folded: one\r\n  two\r\n" in head


def test_session_ids_with_a_suffix(tools: str, serve: Callable[..., UpstreamClient]) -> None:
    upstream = serve(application=tools)
    upstream.control("PUT", "habits", {"session_suffix": ',"of-any-length"'})
    upstream.initialize()
    given = upstream.session["Mcp-Session-Id"]
    assert given.endswith(',"of-any-length"')
    assert upstream.post("ping").status_code == 200
    upstream.session["Mcp-Session-Id"] = given[:-1]
    assert upstream.post("ping").status_code == 404


def test_session_that_is_named_once(tools: str, serve: Callable[..., UpstreamClient]) -> None:
    upstream = serve(application=tools)
    upstream.control("PUT", "habits", {"session_once": True})
    upstream.initialize()
    answer = upstream.post("ping")
    assert answer.status_code == 200
    assert "Mcp-Session-Id" not in answer.headers


def test_page_in_place_of_a_stream(tools: str, serve: Callable[..., UpstreamClient]) -> None:
    upstream = serve(application=tools)
    upstream.control("PUT", "habits", {"get_status": 200, "get_page": "a page"})
    answer = upstream.http.get("/mcp")
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, "text/html", "a page")
