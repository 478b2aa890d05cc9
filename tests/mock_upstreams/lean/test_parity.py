"""The lean server responds as FastMCP does, and its templates give the same responses as its code."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.mocks.issuer import KeyServer
from tests.support.mocks.mcp_http import META, MODERN, UpstreamClient, answer_of


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
def both(serve: Callable[..., UpstreamClient]) -> tuple[UpstreamClient, UpstreamClient]:
    return serve(application="tools", name="same"), serve(application="lean", name="same")


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the response without the members that differ by server or time."""
    answer = json.loads(json.dumps(answer))
    result = answer.get("result", {})
    structured = result.get("structuredContent")
    if structured:
        if result["content"][0]["text"].startswith("{"):
            assert json.loads(result["content"][0].pop("text")) == structured
        for key in STAMPS | OF_ONE_SERVER:
            structured.pop(key, None)
    return answer


def asked(callers: tuple[UpstreamClient, UpstreamClient], era: str, method: str, params: Any) -> list[httpx.Response]:
    return [(caller.modern if era == "modern" else caller.post)(method, params) for caller in callers]


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_responses_equal_those_of_fastmcp(both: tuple[UpstreamClient, UpstreamClient], era: str) -> None:
    if era == "legacy":
        first, second = (answer_of(caller.initialize()) for caller in both)
        assert first == second
    calls = [("tools/call", {"name": tool, "arguments": given}) for tool, given in CALLS]
    for method, params in [*METHODS, *calls]:
        theirs, ours = asked(both, era, method, params)
        assert comparable(answer_of(theirs)) == comparable(answer_of(ours)), (method, params)
        assert (theirs.status_code, theirs.headers["content-type"]) == (ours.status_code, ours.headers["content-type"])


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_list_pages_equal_those_of_fastmcp(both: tuple[UpstreamClient, UpstreamClient], era: str) -> None:
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


def test_discovery_equals_that_of_fastmcp(both: tuple[UpstreamClient, UpstreamClient]) -> None:
    theirs, ours = (answer_of(caller.modern("server/discover"))["result"] for caller in both)
    assert theirs == ours


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_arguments_that_fastmcp_refuses_are_refused(both: tuple[UpstreamClient, UpstreamClient], era: str) -> None:
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
def test_invalid_modern_requests_are_refused_as_by_fastmcp(
    both: tuple[UpstreamClient, UpstreamClient], headers: dict[str, str], body: Any
) -> None:
    fixed = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/list"}
    theirs, ours = (caller.http.post("/mcp", json=body, headers={**fixed, **headers}) for caller in both)
    assert theirs.status_code == ours.status_code
    if theirs.status_code == 400 and theirs.headers.get("content-type") == "application/json":
        assert answer_of(theirs)["error"]["code"] == answer_of(ours)["error"]["code"]


def test_journal_equals_that_of_fastmcp(both: tuple[UpstreamClient, UpstreamClient]) -> None:
    received = []
    for caller in both:
        caller.modern_call("echo", {"nonce": "n"}, Authorization="Bearer x")
        caller.initialize()
        caller.call("whoami", {})
        events = caller.journal()
        times = [event["t"] for event in events]
        assert times == sorted(times)
        received.append(
            [(event["kind"], event["exchange"], event.get("how", ""), event.get("tool", "")) for event in events]
        )
        assert {"authorization", "accept"} <= {name.lower() for name, _ in events[0]["headers"]}
    # FastMCP sends the head of an event stream before it works.
    theirs, ours = (sorted(event for event in events if event[0] != "chunk") for events in received)
    assert theirs == ours


def test_responses_from_templates_equal_computed_responses(
    serve: Callable[..., UpstreamClient], issuer: KeyServer
) -> None:
    """Without a journal, `whoami` and `mailbox` use templates; the responses are the same for each user and connection."""
    fast, plain = (
        serve("oauth", application="lean", name="same", issuer=issuer.url, record=kept) for kept in (False, True)
    )
    for number in range(3):
        for owner in ("alice", "bob"):
            for tool in ("whoami", "mailbox"):
                received = []
                for caller in (fast, plain):
                    token = issuer.token(f"{str(caller.http.base_url).rstrip('/')}/mcp", sub=owner, jti="j", iat=1)
                    for _ in range(2):  # the first request with a token is not served from the template
                        answer = caller.modern(
                            "tools/call",
                            {"name": tool, "arguments": {"nonce": f"n-{number}"}},
                            Authorization=f"Bearer {token}",
                        )
                    said = comparable(answer_of(answer))
                    assert said.pop("id") == caller.latest
                    for one in said["result"]["structuredContent"]["credentials"]:
                        one["digest"] = sha(token) == one["digest"]
                    received.append(said)
                assert received[0] == received[1]
                assert received[0]["result"]["structuredContent"]["identity"]["sub"] == owner
                assert received[0]["result"]["structuredContent"]["nonce"] == f"n-{number}"


@pytest.mark.parametrize("nonce", ['"', "\\", "ü", "", "Zn0nceZn0nceZ", "918273645000001", None, "a b"])
def test_any_nonce_is_returned(serve: Callable[..., UpstreamClient], nonce: str | None) -> None:
    caller = serve(application="lean", record=False)
    for _ in range(2):
        said = caller.modern_call("whoami", {"nonce": nonce})
        assert said["structuredContent"]["nonce"] == nonce
        assert json.loads(said["content"][0]["text"]) == said["structuredContent"]
