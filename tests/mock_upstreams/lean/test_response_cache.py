"""The response cache: equal requests get the cached response unless faults, knobs, tools or scopes have changed."""

import json
import socket
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import pytest

from gatebench.mock_upstreams.lean.mcp.app import LeanApplication
from tests.support.mocks.issuer import KeyServer
from tests.support.mocks.mcp_http import META, UpstreamClient

_numbers = count(1_000_000)


class PlainClient:
    """A client that sends each request in one write, as a load generator does."""

    def __init__(self, caller: UpstreamClient, token: str = "") -> None:
        where = urlsplit(str(caller.http.base_url))
        self.socket = socket.create_connection((where.hostname, where.port), timeout=10)
        self.reading = self.socket.makefile("rb")
        self.token = token

    def close(self) -> None:
        self.reading.close()
        self.socket.close()

    def ask(self, change: Callable[[dict[str, Any]], None] = lambda _: None) -> tuple[int, dict[str, str], bytes]:
        number = next(_numbers)
        self.rpc_id, self.nonce = number, f"n-5e1f-{number}"
        params = {"name": "whoami", "arguments": {"nonce": self.nonce}, "_meta": META | {"gatebench/nonce": self.nonce}}
        message = {"jsonrpc": "2.0", "id": self.rpc_id, "method": "tools/call", "params": params}
        change(message)
        body = json.dumps(message, separators=(",", ":")).encode()
        own = f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: x\r\n{own}Accept: application/json, text/event-stream\r\n"
            "Content-Type: application/json\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n"
            f"Mcp-Name: whoami\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + body)
        status = int(self.reading.readline().split()[1])
        headers = {}
        while (line := self.reading.readline().strip()) != b"":
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        if "chunked" in headers.get("transfer-encoding", ""):
            answer = b""
            while size := int(self.reading.readline(), 16):
                answer += self.reading.read(size)
                self.reading.readline()
            self.reading.readline()
            return status, headers, answer
        return status, headers, self.reading.read(int(headers["content-length"]))

    def right(self, change: Callable[[dict[str, Any]], None] = lambda _: None) -> dict[str, Any]:
        """Return the structured content, after checking that the response belongs to this request."""
        status, headers, body = self.ask(change)
        assert (status, headers["content-type"]) == (200, "application/json"), body
        message = json.loads(body)
        assert message["id"] == self.rpc_id
        said = dict(message["result"]["structuredContent"])
        assert json.loads(message["result"]["content"][0]["text"]) == said
        assert said["nonce"] == self.nonce
        assert said["recv_ns"] < said["send_ns"]
        return said


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tools of the calls that were not served from the cache."""
    calls: list[str] = []
    ordinary = LeanApplication.answer

    def answer(self: LeanApplication, call: Any) -> Any:
        calls.append(call.http_method)
        return ordinary(self, call)

    monkeypatch.setattr(LeanApplication, "answer", answer)
    return calls


@pytest.fixture
def client(serve: Callable[..., UpstreamClient]) -> Iterator[Callable[..., tuple[UpstreamClient, PlainClient]]]:
    made: list[PlainClient] = []

    def start(
        personality: str = "none", token: Callable[[str], str] = lambda _: "", **spec: Any
    ) -> tuple[UpstreamClient, PlainClient]:
        caller = serve(personality, application="lean", record=False, **spec)
        made.append(PlainClient(caller, token(f"{str(caller.http.base_url).rstrip('/')}/mcp")))
        return caller, made[-1]

    yield start
    for one in made:
        one.close()


def test_equal_requests_are_computed_once(
    client: Callable[..., tuple[UpstreamClient, PlainClient]], asked: list[str]
) -> None:
    caller, plain = client()
    said = [plain.right() for _ in range(10)]
    assert len(asked) == 1
    for one in said:
        for stamp in ("recv_ns", "send_ns", "nonce"):
            one.pop(stamp)
    assert said == [said[0]] * 10
    counted = caller.control("GET", "counters")
    assert (counted["requests"], counted["tools"], counted["methods"]) == (10, {"whoami": 10}, {"tools/call": 10})
    assert counted["statuses"] == {"200": 10}


def test_cached_response_names_its_own_connection(client: Callable[..., tuple[UpstreamClient, PlainClient]]) -> None:
    caller, plain = client()
    other = PlainClient(caller)
    assert len({one.right()["connection"] for _ in range(4) for one in (plain, other)}) == 2
    other.close()


def longer(message: dict[str, Any]) -> None:
    message["params"]["_meta"]["progressToken"] = 7


def other_revision(message: dict[str, Any]) -> None:
    key = "io.modelcontextprotocol/protocolVersion"
    message["params"]["_meta"][key] = "2026-07-29"


def two_nonces(message: dict[str, Any]) -> None:
    message["params"]["_meta"]["gatebench/nonce"] = message["params"]["arguments"]["nonce"][:-1] + "x"


def another_method(message: dict[str, Any]) -> None:
    message["method"] = "tools/cal1"


@pytest.mark.parametrize("change", [longer, two_nonces])
def test_different_request_is_computed(
    client: Callable[..., tuple[UpstreamClient, PlainClient]],
    asked: list[str],
    change: Callable[[dict[str, Any]], None],
) -> None:
    _, plain = client()
    for _ in range(3):
        plain.right()
    before = len(asked)
    plain.right(change)
    assert len(asked) == before + 1


@pytest.mark.parametrize("change", [other_revision, another_method])
def test_invalid_request_similar_to_a_cached_one_is_refused(
    client: Callable[..., tuple[UpstreamClient, PlainClient]], change: Callable[[dict[str, Any]], None]
) -> None:
    _, plain = client()
    for _ in range(3):
        plain.right()
    assert plain.ask(change)[0] in (400, 404)


def test_change_of_faults_knobs_or_tools_invalidates_the_cache(
    client: Callable[..., tuple[UpstreamClient, PlainClient]],
) -> None:
    caller, plain = client()
    plain.right()
    plain.right()
    rule = {"method": "tools/call", "action": {"status": 503}}
    caller.control("PUT", "faults", [rule])
    assert plain.ask()[0] == 503
    caller.control("DELETE", "faults")
    plain.right()
    caller.control("PUT", "knobs", {"answers": "sse"})
    assert plain.ask()[1]["content-type"] == "text/event-stream"
    caller.control("PUT", "knobs", {"answers": "auto", "delay_ms": 50})
    said = plain.right()
    assert said["send_ns"] - said["recv_ns"] >= 50e6
    caller.control("PUT", "knobs", {"delay_ms": 0})
    caller.control("PUT", "tools", {"remove": ["whoami"]})
    assert b"Unknown tool" in plain.ask()[2]
    caller.control("PUT", "tools", {"add": ["whoami"]})
    plain.right()


def test_cached_response_depends_on_the_token(
    client: Callable[..., tuple[UpstreamClient, PlainClient]], issuer: KeyServer, asked: list[str]
) -> None:
    caller, plain = client("oauth", lambda audience: issuer.token(audience, sub="alice"), issuer=issuer.url)
    other = PlainClient(caller, issuer.token(f"{str(caller.http.base_url).rstrip('/')}/mcp", sub="bobby"))
    for _ in range(5):
        assert plain.right()["identity"]["sub"] == "alice"
        assert other.right()["identity"]["sub"] == "bobby"
    assert len(asked) < 10
    caller.control("PUT", "scopes", ["write"])
    assert plain.ask()[0] == 403
    other.close()
