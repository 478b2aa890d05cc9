"""Lines of a list-valued header field are one list (RFC 9110 section 5.3)."""

from collections.abc import Callable

import httpx
import pytest

from tests.support.mocks.mcp_http import META, MODERN, UpstreamClient

APPLICATIONS = ["tools", "features", "lean", "lean-features"]
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
JSON, STREAM = ("Accept", "application/json"), ("Accept", "text/event-stream")
Fields = list[tuple[str, str]]


def post(caller: UpstreamClient, method: str, params: object, fields: Fields) -> httpx.Response:
    """Send one request with exactly these header fields, beside those of httpx for the connection and the body."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    with httpx.Client(base_url=caller.http.base_url, trust_env=False) as http:
        del http.headers["accept"], http.headers["accept-encoding"]
        return http.post("/mcp", json=message, headers=fields)


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize("lines", [[JSON, STREAM], [STREAM, JSON], [("Accept", ""), STREAM, ("accept", "*/*;q=0.1")]])
def test_accept_on_several_lines(serve: Callable[..., UpstreamClient], application: str, lines: Fields) -> None:
    caller = serve(application=application)
    assert post(caller, "initialize", HELLO, lines).status_code == 200
    modern = [("MCP-Protocol-Version", MODERN), ("Mcp-Method", "tools/list")]
    assert post(caller, "tools/list", {"_meta": META}, [*lines, *modern]).status_code == 200
    arrived = [value for name, value in caller.journal("request")[0]["headers"] if name.lower() == "accept"]
    assert arrived == [value for _, value in lines]  # the record has the lines as they arrived


@pytest.mark.parametrize("application", APPLICATIONS)
def test_accept_without_one_of_the_types_is_refused(serve: Callable[..., UpstreamClient], application: str) -> None:
    assert post(serve(application=application), "initialize", HELLO, [JSON, JSON]).status_code == 406


@pytest.mark.parametrize("application", APPLICATIONS)
def test_accept_encoding_on_several_lines(serve: Callable[..., UpstreamClient], application: str) -> None:
    caller = serve(application=application)
    caller.control("PUT", "habits", {"coding": "gzip"})
    codings = [("Accept-Encoding", "br;q=0"), ("Accept-Encoding", "gzip")]
    answer = post(caller, "initialize", HELLO, [JSON, STREAM, *codings])
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.status_code == 200
