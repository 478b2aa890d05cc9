"""Features of the lean server only: counters, knobs and the cache of request heads."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.mocks.issuer import KeyServer
from tests.support.mocks.mcp_http import CONTROL_TOKEN, MODERN, UpstreamClient, answer_of


def test_every_result_has_timestamps(lean: UpstreamClient) -> None:
    before = time.monotonic_ns()
    said = lean.modern_call("whoami", {})["structuredContent"]
    assert before <= said["recv_ns"] <= said["send_ns"] <= time.monotonic_ns()


def test_media_type_of_a_response_is_as_requested(lean: UpstreamClient) -> None:
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


def test_delay_lies_between_recv_ns_and_send_ns(lean: UpstreamClient) -> None:
    assert lean.control("PUT", "knobs", {"delay_ms": 50})["delay_ms"] == 50
    said = lean.modern_call("whoami", {})["structuredContent"]
    assert said["send_ns"] - said["recv_ns"] >= 49_000_000


def test_number_of_tools_is_configurable(lean: UpstreamClient) -> None:
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
def test_invalid_knobs_are_refused(lean: UpstreamClient, path: str, body: Any, sentence: str) -> None:
    method = "PUT" if path == "knobs" else "POST"
    answer = lean.http.request(method, f"/_bench/{path}", headers={"X-Bench-Token": CONTROL_TOKEN}, json=body)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_counters(lean: UpstreamClient) -> None:
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


def test_freeze_delays_responses(lean: UpstreamClient) -> None:
    started = time.monotonic()
    lean.control("POST", "freeze", {"seconds": 0.3, "after": 0})
    lean.modern_call("whoami", {})
    assert time.monotonic() - started >= 0.25


def test_similar_request_heads_are_distinguished(serve: Callable[..., UpstreamClient], issuer: KeyServer) -> None:
    """A request head is parsed once; a head that differs in one character is parsed again."""
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


def test_cached_token_expires(serve: Callable[..., UpstreamClient], issuer: KeyServer) -> None:
    lean = serve("jwt", application="lean", issuer=issuer.url)
    audience = f"{str(lean.http.base_url).rstrip('/')}/mcp"
    token = issuer.token(audience, exp=int(time.time()) + 2)
    statuses = set()
    deadline = time.monotonic() + 10
    while 401 not in statuses and time.monotonic() < deadline:
        statuses.add(lean.modern("tools/list", Authorization=f"Bearer {token}").status_code)
    assert statuses == {200, 401}


def test_changed_scopes_apply_to_a_cached_token(serve: Callable[..., UpstreamClient], issuer: KeyServer) -> None:
    lean = serve("oauth", application="lean", issuer=issuer.url)
    token = issuer.token(f"{str(lean.http.base_url).rstrip('/')}/mcp", scope="read")
    assert lean.modern("tools/list", Authorization=f"Bearer {token}").status_code == 200
    lean.control("PUT", "scopes", ["write"])
    assert lean.modern("tools/list", Authorization=f"Bearer {token}").status_code == 403


def test_lone_surrogate_is_returned(lean: UpstreamClient) -> None:
    body = json.dumps(lean.modern_request("tools/call", {"name": "echo", "arguments": {"value": "\ud800"}})[0])
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": "echo"}
    answer = lean.http.post("/mcp", content=body.encode(), headers={**headers, "Content-Type": "application/json"})
    assert json.loads(answer.content)["result"]["structuredContent"]["arguments"]["value"] == "\ud800"


def test_concurrent_callers_get_their_own_responses(lean: UpstreamClient) -> None:
    url = str(lean.http.base_url)

    def call(number: int) -> bool:
        caller = UpstreamClient(url)
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
