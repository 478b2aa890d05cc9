"""Upstreams that are legacy-only, modern-only, or support only some revisions."""

from collections.abc import Callable

import pytest

from tests.support.mocks.mcp_http import META, UpstreamClient, answer_of

LEGACY, MODERN = ("2025-06-18", "2025-11-25"), ("2026-07-28",)


@pytest.fixture(params=["tools", "lean", "scripted"])
def serve_both(
    request: pytest.FixtureRequest, serve: Callable[..., UpstreamClient]
) -> Callable[[tuple[str, ...]], UpstreamClient]:
    def start(revisions: tuple[str, ...]) -> UpstreamClient:
        return serve(application=request.param, revisions=revisions)

    return start


def test_legacy_only_refuses_modern_requests_without_a_modern_error(
    serve_both: Callable[[tuple[str, ...]], UpstreamClient],
) -> None:
    caller = serve_both(LEGACY)
    for method in ("server/discover", "tools/list"):
        answer = caller.modern(method)
        assert answer.status_code == 400
        error = answer_of(answer)["error"]
        # With a modern error code, a dual-era client would not fall back to initialize.
        assert error["code"] not in {-32020, -32021, -32022}
        assert "2025-11-25" in error["message"]
    assert caller.initialize().status_code == 200
    assert caller.call("echo", {"nonce": "n"})["structuredContent"]["nonce"] == "n"
    assert caller.modern("tools/call", {"name": "echo", "arguments": {}}).status_code == 400


def test_modern_only_refuses_the_handshake(serve_both: Callable[[tuple[str, ...]], UpstreamClient]) -> None:
    caller = serve_both(MODERN)
    answer = caller.initialize("2025-11-25")
    assert answer.status_code == 400
    error = answer_of(answer)["error"]
    assert (error["code"], error["data"]) == (-32022, {"supported": ["2026-07-28"], "requested": "2025-11-25"})
    assert "2026-07-28" in error["message"]
    assert answer_of(answer)["id"] == 1
    assert "mcp-session-id" not in answer.headers


def test_modern_only_refuses_get_and_delete(serve_both: Callable[[tuple[str, ...]], UpstreamClient]) -> None:
    caller = serve_both(MODERN)
    for method in ("GET", "DELETE", "PUT"):
        answer = caller.http.request(method, "/mcp")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert caller.modern_call("echo", {"nonce": "n"})["structuredContent"]["nonce"] == "n"


def test_modern_only_requires_the_version_header(serve_both: Callable[[tuple[str, ...]], UpstreamClient]) -> None:
    caller = serve_both(MODERN)
    missing = caller.http.post(
        "/mcp", json=caller.body("tools/list", {"_meta": META}), headers={"Mcp-Method": "tools/list"}
    )
    assert (missing.status_code, answer_of(missing)["error"]["code"]) == (400, -32020)
    legacy = caller.post("tools/list", headers={"MCP-Protocol-Version": "2025-11-25"})
    assert (legacy.status_code, answer_of(legacy)["error"]["code"]) == (400, -32022)
    notified = caller.notify("notifications/initialized")
    assert notified.status_code == 400
    assert "id" not in notified.json()


@pytest.mark.parametrize(
    ("revisions", "asked", "spoken"),
    [
        (("2025-06-18",), "2025-11-25", "2025-06-18"),
        (("2025-11-25",), "2025-06-18", "2025-11-25"),
        (LEGACY, "2024-11-05", "2025-11-25"),
        (LEGACY, "2099-01-01", "2025-11-25"),
        (("2025-06-18", "2026-07-28"), "2026-07-28", "2025-06-18"),
        (LEGACY, "2025-06-18", "2025-06-18"),
    ],
)
def test_initialize_negotiates(
    serve_both: Callable[[tuple[str, ...]], UpstreamClient], revisions: tuple[str, ...], asked: str, spoken: str
) -> None:
    caller = serve_both(revisions)
    assert answer_of(caller.initialize(asked))["result"]["protocolVersion"] == spoken
    assert caller.call("echo", {})["isError"] is False
    assert f'"{asked}"' in caller.journal("request")[0]["body"]


def test_unsupported_revision_is_refused_after_initialize(
    serve_both: Callable[[tuple[str, ...]], UpstreamClient],
) -> None:
    caller = serve_both(("2025-06-18",))
    caller.initialize("2025-06-18")
    answer = caller.post("tools/list", headers={"MCP-Protocol-Version": "2025-11-25"})
    assert answer.status_code == 400
    assert "2025-06-18" in answer_of(answer)["error"]["message"]
    assert caller.post("tools/list").status_code == 200


def test_dual_era_upstream_serves_both_eras(serve_both: Callable[[tuple[str, ...]], UpstreamClient]) -> None:
    caller = serve_both(("2025-11-25", "2026-07-28"))
    caller.initialize()
    assert caller.call("echo", {"nonce": "old"})["structuredContent"]["nonce"] == "old"
    assert caller.modern_call("echo", {"nonce": "new"})["structuredContent"]["nonce"] == "new"
    unknown = answer_of(caller.modern("tools/list", **{"MCP-Protocol-Version": "1900-01-01"}))["error"]
    assert unknown["data"] == {"supported": ["2026-07-28"], "requested": "1900-01-01"}
    sessions = [event["session"] for event in caller.control("GET", "ledger")["executions"]]
    assert sessions == [caller.session["Mcp-Session-Id"], None]
