"""The override header: which headers reach which upstream, and what is refused before anything does."""

import json

import httpx
import pytest
from gateway_agent import NO_TLS, consent_urls, rpc, sent
from gateway_bench import API_KEY, Bench

NAME = "x_tfy_mcp_headers"


def override(value: object) -> dict[str, str]:
    return {NAME: json.dumps(value)}


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_a_flat_override_replaces_the_configured_credential(bench: Bench, era: str) -> None:
    given = override({"X-API-Key": API_KEY, "X-Tenant": "blue", "Authorization": "Bearer own"})
    agent = bench.agent("pat-alice", "web-search")
    if era == "legacy":
        agent.initialize(**given)
    agent.call("whoami", era=era, **given)
    for request in bench.events("web-search"):
        assert sent(request, "x-api-key") == [API_KEY]
        assert sent(request, "x-tenant") == ["blue"]
        assert sent(request, "authorization") == ["Bearer own"]
        assert sent(request, "x-tfy-mcp-headers") == []


def test_it_holds_for_this_request_and_this_caller_only(bench: Bench) -> None:
    bench.agent("pat-alice", "calculator").call("whoami", **override({"Authorization": "Bearer own"}))
    bench.agent("pat-alice", "calculator").call("whoami")
    bench.agent("pat-bob", "calculator").call("whoami")
    assert [sent(request, "authorization") for request in bench.events("calculator")] == [["Bearer own"], [], []]


def test_the_configured_credential_does_not_come_along(bench: Bench) -> None:
    answer = bench.agent("pat-alice", "web-search").modern("tools/list", **override({"X-Tenant": "blue"}))
    assert answer.status_code == 502
    assert "www-authenticate" not in answer.headers
    assert [sent(request, "x-api-key") for request in bench.events("web-search")] == [[]]


def test_it_makes_consent_unnecessary_and_a_users_own_token_stays_home(bench: Bench) -> None:
    token = bench.jwt(issuer="vendor", iss=f"{bench.idp_url}/vendor", aud=bench.sheet["upstreams"]["mail"]["url"])
    given = override({"authorization": f"Bearer {token}"})
    assert bench.agent("pat-alice", "mail").call("mailbox", **given)["owner"] == "carol"
    assert bench.agent("vat-support-bot", "mail").call("mailbox", **given)["owner"] == "carol"
    assert consent_urls(bench.agent("pat-alice", "mail").modern("tools/list").json())


def test_a_nested_override_reaches_its_member_only(bench: Bench) -> None:
    token = bench.jwt(issuer="vendor", iss=f"{bench.idp_url}/vendor", aud=bench.sheet["upstreams"]["mail"]["url"])
    given = override({"mail": {"Authorization": f"Bearer {token}"}})
    agent = bench.agent("pat-alice", "workbench")
    assert agent.call("mail_mailbox", **given)["owner"] == "carol"
    agent.call("calculator_whoami", **given)
    agent.call("web-search_whoami", **given)
    assert all(sent(request, "authorization") == [] for request in bench.events("calculator"))
    assert all(sent(request, "x-api-key") == [API_KEY] for request in bench.events("web-search"))
    assert all(sent(request, "authorization") == [f"Bearer {token}"] for request in bench.events("mail"))


def test_in_a_legacy_session_of_a_virtual_server_other_credentials_mean_another_session_upstream(bench: Bench) -> None:
    bench.consent("pat-alice", "mail", "alice")
    token = bench.jwt(issuer="vendor", iss=f"{bench.idp_url}/vendor", aud=bench.sheet["upstreams"]["mail"]["url"])
    given = override({"mail": {"Authorization": f"Bearer {token}"}})
    agent = bench.agent("pat-alice", "workbench")
    agent.initialize()
    assert agent.call("mail_mailbox", era="legacy")["owner"] == "alice"
    assert agent.call("mail_mailbox", era="legacy", **given)["owner"] == "carol"
    assert agent.call("mail_mailbox", era="legacy")["owner"] == "alice"
    owners = {(event["session"], event["identity"]) for event in bench.events("mail", "execution")}
    assert len(owners) == 2
    assert len({session for session, _ in owners}) == 2


FLAT = [
    "{",
    "[]",
    '"text"',
    "null",
    '{"Authorization": 1}',
    '{"Authorization": null}',
    '{"calculator": {"Authorization": "x"}}',
    '{"a": "1", "A": "2"}',
    '{"": "x"}',
    '{"bad name": "x"}',
    '{"x": "a\\r\\nb: c"}',
    '{"x": "a\\u0000"}',
    '{"x\\r\\n": "a"}',
    '{"x": "\\u20ac"}',
]
FORBIDDEN = [
    "Host", "content-length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Upgrade", "Proxy-Authorization",
    "Mcp-Session-Id", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Content-Type", "Accept", "X-TFY-MCP-Headers",
]  # fmt: skip


@pytest.mark.parametrize("value", FLAT + [json.dumps({name: "x"}) for name in FORBIDDEN])
def test_what_cannot_be_meant_is_refused_and_reaches_nobody(bench: Bench, value: str) -> None:
    answer = bench.agent("pat-alice", "calculator").modern("tools/list", **{NAME: value})
    assert answer.status_code == 400
    assert rpc(answer)["id"] == 1
    assert "x-tfy-mcp-headers" in rpc(answer)["error"]["message"]
    assert bench.seen_anywhere() == []


@pytest.mark.parametrize(
    "value",
    [
        {"Authorization": "x"},
        {"crm": {"Authorization": "x"}},
        {"Mail": {"Authorization": "x"}},
        {"mail": "x"},
        {"mail": {"Host": "x"}},
        {"mail": {"Authorization": "x"}, "calculator": {"x": "\n"}},
    ],
)
def test_on_a_virtual_server_too(bench: Bench, value: object) -> None:
    answer = bench.agent("pat-alice", "workbench").modern("tools/list", **override(value))
    assert answer.status_code == 400
    assert bench.seen_anywhere() == []


def test_it_beats_what_the_client_sent_and_comes_once(bench: Bench) -> None:
    agent = bench.agent("pat-alice", "calculator")
    agent.modern("tools/list", baggage="a=1", **override({"Baggage": "b=2"}))
    assert [sent(request, "baggage") for request in bench.events("calculator")] == [["b=2"]]
    headers = [*agent.headers.items(), ("x-tfy-mcp-headers", "{}"), ("x-tfy-mcp-headers", "{}")]
    bench.mark()
    answer = httpx.get(agent.url, headers=headers, trust_env=False, verify=NO_TLS)
    assert (answer.status_code, bench.seen_anywhere()) == (400, [])


def test_the_token_and_access_come_first(bench: Bench) -> None:
    assert bench.agent("nobody", "calculator").modern("tools/list", **{NAME: "{"}).status_code == 401
    assert bench.agent("pat-dave", "calculator").modern("tools/list", **{NAME: "{"}).status_code == 403
