"""DNS rebinding protection: a mock refuses the Host and Origin of an attacker's page and accepts those of gateways."""

from collections.abc import Callable

import pytest

from tests.support.mocks.mcp_http import UpstreamClient, answer_of

FOREIGN = [
    "http://evil.example",
    "https://evil.example:8000",
    "null",
    "http://127.0.0.1.evil.example",
    "http://127.0.0.1:8000.evil.example",
    "file://",
    "http://",
]


@pytest.fixture(params=["tools", "lean", "scripted"])
def upstream(request: pytest.FixtureRequest, serve: Callable[..., UpstreamClient]) -> UpstreamClient:
    return serve(application=request.param, name="mail", audience="http://mail.example:8000/mcp", hosts=("gw.example",))


@pytest.mark.parametrize("origin", FOREIGN)
def test_foreign_origin_is_refused_in_both_eras(upstream: UpstreamClient, origin: str) -> None:
    refused = upstream.modern("tools/list", Origin=origin)
    assert (refused.status_code, answer_of(refused)["error"]["code"], answer_of(refused)["id"]) == (403, -32600, 1)
    assert upstream.initialize(headers={"Origin": origin}).status_code == 403
    assert upstream.initialize().status_code == 200
    for method in ("GET", "DELETE"):
        headers = {**upstream.session, "Origin": origin}
        assert upstream.http.request(method, "/mcp", headers=headers).status_code == 403
    assert upstream.post("tools/list", {}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:5173"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "https://[::1]:9"},
        {"Origin": "http://mail.example:8000", "Host": "mail.example:8000"},
        {"Origin": "https://gw.example"},
        {"Host": "gw.example", "Origin": "http://gw.example"},
        {"Host": "mail:8000"},
        {"Host": "10.1.2.3:8000", "Origin": "http://10.1.2.3:8000"},
        {"Host": "[fe80::1]:8000"},
        {"Host": "LOCALHOST:8000"},
        {"Host": "mail.example"},
    ],
    ids=str,
)
def test_requests_of_gateways_are_served(upstream: UpstreamClient, headers: dict[str, str]) -> None:
    assert upstream.modern("tools/list", **headers).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "mail.example.evil.example"]
)
def test_a_foreign_host_is_refused(upstream: UpstreamClient, host: str) -> None:
    assert upstream.modern("tools/list", Host=host).status_code == 421
    assert upstream.modern("tools/list", Host=host, Origin=f"http://{host}").status_code == 421
    assert upstream.modern("tools/list").status_code == 200


def test_rebinding_protection_can_be_switched_off(upstream: UpstreamClient) -> None:
    assert upstream.control("PUT", "rebinding", False) == {"checks": False}
    assert upstream.modern("tools/list", Origin="http://evil.example").status_code == 200
    assert upstream.modern("tools/list", Host="evil.example").status_code == 200
    upstream.control("PUT", "rebinding", True)
    assert upstream.modern("tools/list", Origin="http://evil.example").status_code == 403
    assert upstream.modern("tools/list", Host="evil.example").status_code == 421


def test_refused_request_is_recorded(upstream: UpstreamClient) -> None:
    upstream.modern("tools/list", Origin="http://evil.example")
    assert [event["status"] for event in upstream.journal("response")] == [403]


@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_only_available_capabilities_are_announced(serve: Callable[..., UpstreamClient], tools: str, era: str) -> None:
    caller = serve(application=tools)
    first = caller.modern("server/discover") if era == "modern" else caller.initialize()
    assert set(answer_of(first)["result"]["capabilities"]) == {"tools"}
    ask = caller.modern if era == "modern" else caller.post
    absent = ["prompts/list", "resources/list", "resources/templates/list"] + ["logging/setLevel"] * (era == "legacy")
    for method in absent:
        answer = ask(method, {"level": "info"} if method == "logging/setLevel" else {})
        assert answer_of(answer)["error"]["code"] == -32601, method
        assert answer.status_code == (404 if era == "modern" else 200)


def test_the_version_error_lists_what_discovery_lists(serve: Callable[..., UpstreamClient], tools: str) -> None:
    caller = serve(application=tools)
    discovered = answer_of(caller.modern("server/discover"))["result"]["supportedVersions"]
    error = answer_of(caller.modern("tools/list", **{"MCP-Protocol-Version": "1900-01-01"}))["error"]
    assert error["data"]["supported"] == discovered
