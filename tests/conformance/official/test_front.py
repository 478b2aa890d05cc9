"""The front of the official suite: it adds a token and its own address, and changes nothing else."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from gatebench.conformance.official.front import Front
from gatebench.mock_upstreams.http import respond, wire
from gatebench.mock_upstreams.server import ServerThread


class RecordingServer:
    """A server that records requests and responds in two chunks."""

    def __init__(self) -> None:
        self.arrived: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        notes = wire(scope)
        event = await receive()
        self.arrived.append({**notes, "method": scope["method"], "body": event.get("body", b"")})
        if scope["path"] == "/teapot":
            await respond(send, 418, [("content-type", "text/plain"), ("x-own", "1")], b"no")
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for piece in (b"data: 1\n\n", b"data: 2\n\n"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def servers() -> Iterator[ServerThread]:
    with ServerThread() as farm:
        yield farm


def fields(arrived: dict[str, Any], name: bytes) -> list[bytes]:
    return [value for key, value in arrived["headers"] if key.lower() == name]


def test_token_is_added_and_the_request_is_otherwise_unchanged(servers: ServerThread) -> None:
    upstream = RecordingServer()
    origin = servers.serve(upstream)
    front = Front("official-gateway", origin, {"Authorization": "Bearer of-alice"})
    url = servers.serve(front.app)
    answer = httpx.post(
        f"{url}/a%2Fb/mcp?x=%20", content=b'{"a": 1.0}', headers={"X-Odd": "1, 2", "Origin": url}, trust_env=False
    )
    assert (answer.status_code, answer.text) == (200, "data: 1\n\ndata: 2\n\n")
    arrived = upstream.arrived[0]
    assert (arrived["target"], arrived["body"], arrived["method"]) == (b"/a%2Fb/mcp?x=%20", b'{"a": 1.0}', "POST")
    assert fields(arrived, b"authorization") == [b"Bearer of-alice"]
    assert fields(arrived, b"x-odd") == [b"1, 2"]
    assert fields(arrived, b"host") == [origin.removeprefix("http://").encode()]
    assert fields(arrived, b"origin") == [origin.encode()]
    kinds = [event["kind"] for event in front.journal.since(0)]
    assert kinds == ["request", "response", "chunk", "chunk", "end"]


def test_foreign_host_and_origin_are_forwarded(servers: ServerThread) -> None:
    upstream = RecordingServer()
    url = servers.serve(Front("official-gateway", servers.serve(upstream), {}).app)
    httpx.get(url, headers={"Host": "evil.example", "Origin": "http://evil.example"}, trust_env=False)
    assert fields(upstream.arrived[0], b"host") == [b"evil.example"]
    assert fields(upstream.arrived[0], b"origin") == [b"http://evil.example"]


def test_a_credential_of_the_suite_is_kept(servers: ServerThread) -> None:
    upstream = RecordingServer()
    url = servers.serve(Front("official-gateway", servers.serve(upstream), {"Authorization": "Bearer ours"}).app)
    httpx.get(url, headers={"Authorization": "Bearer theirs"}, trust_env=False)
    assert fields(upstream.arrived[0], b"authorization") == [b"Bearer theirs"]


def test_refusal_is_forwarded(servers: ServerThread) -> None:
    url = servers.serve(Front("official-gateway", servers.serve(RecordingServer()), {}).app)
    answer = httpx.get(f"{url}/teapot", trust_env=False)
    assert (answer.status_code, answer.headers["x-own"], answer.text) == (418, "1", "no")


def test_unreachable_server_is_answered_with_502(servers: ServerThread) -> None:
    port = servers.reserve()
    front = Front("official-gateway", servers.url(port), {})
    answer = httpx.get(servers.serve(front.app), trust_env=False)
    assert answer.status_code == 502
    assert "did not answer" in answer.text
    assert front.unanswered == 1
