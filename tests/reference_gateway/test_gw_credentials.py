"""Who is calling, and whose credential reaches the upstream, on every method of both eras."""

from typing import Any

import httpx
import pytest
from gateway_agent import NO_TLS, consent_urls, rpc, sent
from gateway_bench import API_KEY, UPSTREAMS, Bench

ERAS = ("legacy", "modern")


@pytest.mark.parametrize("era", ERAS)
def test_no_auth_passes_no_credential_on_on_any_method(bench: Bench, era: str) -> None:
    agent = bench.agent("pat-alice", "calculator")
    if era == "legacy":
        agent.initialize()
    assert "add" in agent.tools(era)
    assert agent.call("add", {"a": 2, "b": 3}, era=era, cookie="a=b", x_api_key="stray")["sum"] == 5
    if era == "legacy":
        assert agent.request("DELETE").status_code == 200
    requests = bench.events("calculator")
    assert len(requests) == (5 if era == "legacy" else 2)
    for request in requests:
        for name in ("authorization", "cookie", "x-api-key", "x-tfy-mcp-headers"):
            assert sent(request, name) == []


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("token", ["pat-alice", "vat-support-bot"])
def test_static_header_is_the_same_for_everybody(bench: Bench, era: str, token: str) -> None:
    agent = bench.agent(token, "web-search")
    if era == "legacy":
        agent.initialize()
    agent.call("whoami", era=era, x_api_key="stray")
    for request in bench.events("web-search"):
        assert sent(request, "x-api-key") == [API_KEY]
        assert sent(request, "authorization") == []


@pytest.mark.parametrize("era", ERAS)
def test_each_user_has_the_own_token_and_data(bench: Bench, era: str) -> None:
    carol = bench.jwt()
    for token, user in (("pat-alice", "alice"), ("pat-bob", "bob"), (carol, "carol")):
        bench.consent(token, "mail", user)
    for token, user in (("pat-alice", "alice"), ("pat-bob", "bob"), (carol, "carol")):
        agent = bench.agent(token, "mail")
        if era == "legacy":
            agent.initialize()
        assert agent.call("mailbox", era=era)["owner"] == user
    tokens = {value for request in bench.events("mail") for value in sent(request, "authorization")}
    assert len(tokens) == 3
    assert f"Bearer {carol}" not in tokens


@pytest.mark.parametrize("era", ERAS)
def test_passthrough_passes_the_jwt_on_unchanged(bench: Bench, era: str) -> None:
    token = bench.jwt()
    agent = bench.agent(token, "crm")
    if era == "legacy":
        agent.initialize()
    assert agent.call("whoami", era=era)["identity"]["sub"] == "carol"
    assert {tuple(sent(request, "authorization")) for request in bench.events("crm")} == {(f"Bearer {token}",)}


def test_passthrough_relays_the_upstreams_own_verdict(bench: Bench) -> None:
    answer = bench.agent(bench.jwt(aud="gatebench-gateway"), "crm").modern("tools/list")
    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["www-authenticate"]
    assert answer.headers["www-authenticate"] == dict(bench.events("crm", "response")[0]["headers"])["www-authenticate"]


@pytest.mark.parametrize("token", ["pat-alice", "vat-support-bot"])
def test_a_token_of_the_gateway_is_never_passed_through(bench: Bench, token: str) -> None:
    answer = bench.agent(token, "crm").modern("tools/list")
    assert answer.status_code == 403
    assert "JWT" in rpc(answer)["error"]["message"]
    assert bench.events("crm") == []


def test_a_jwt_of_another_trusted_issuer_is_not_passed_through(bench: Bench) -> None:
    def trust_vendor(sheet: dict[str, Any]) -> None:
        sheet["issuers"]["vendor"]["trusted_for_callers"] = True
        sheet["principals"]["carol"]["issuer"] = "vendor"

    bench.renew(trust_vendor)
    token = bench.jwt(issuer="vendor", iss=f"{bench.idp_url}/vendor")
    assert bench.agent(token, "calculator").modern("tools/list").status_code == 200
    assert bench.agent(token, "crm").modern("tools/list").status_code == 403
    assert bench.events("crm") == []


@pytest.mark.parametrize("server", ["mail", "workbench"])
def test_a_virtual_account_is_told_the_ways_out(bench: Bench, server: str) -> None:
    answer = bench.agent("vat-support-bot", server).legacy("initialize")
    error = rpc(answer)["error"]
    assert (answer.status_code, rpc(answer)["id"]) == (403, 1)
    assert "personal access token" in error["message"]
    assert "static header" in error["message"]
    assert "http" not in answer.text
    assert bench.seen_anywhere() == []


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Basic cGF0LWFsaWNl", "Bearer unknown", "Bearer pat alice", "pat-alice", "Bearer a.b.c"],
)
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "PUT"])
@pytest.mark.parametrize("server", ["calculator", "no-such-server"])
def test_without_a_valid_token_there_is_a_challenge(
    bench: Bench, authorization: str | None, method: str, server: str
) -> None:
    agent = bench.agent(None, server)
    if authorization is not None:
        agent.headers["authorization"] = authorization
    answer = agent.request(method, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"} if method == "POST" else None)
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    path = f"/api/llm/mcp/{server}/server"
    assert challenge.startswith(f'Bearer resource_metadata="{bench.base}/.well-known/oauth-protected-resource{path}"')
    assert ('error="invalid_token"' in challenge) == (authorization is not None)
    assert bench.seen_anywhere() == []


def test_the_scheme_is_not_case_sensitive_and_one_header_is_enough(bench: Bench) -> None:
    agent = bench.agent(None, "calculator")
    agent.headers["authorization"] = "bEaReR pat-alice"
    assert agent.modern("tools/list").status_code == 200


def test_two_authorization_headers_are_none(bench: Bench) -> None:
    headers = [("authorization", "Bearer pat-alice"), ("authorization", "Bearer pat-alice")]
    url = bench.agent(None, "calculator").url
    assert httpx.get(url, headers=headers, trust_env=False, verify=NO_TLS).status_code == 401


def test_the_token_is_judged_on_every_request(bench: Bench) -> None:
    agent = bench.agent("pat-alice", "calculator")
    agent.initialize()
    assert agent.legacy("tools/list").status_code == 200
    assert bench.admin("DELETE", "tokens", {"token": "pat-alice"}).status_code == 204
    assert agent.legacy("tools/list").status_code == 401
    bench.mark()
    assert agent.request("GET").status_code == 401
    assert agent.request("DELETE").status_code == 401
    assert bench.events("calculator") == []


def test_access_decides_and_can_be_granted_later(bench: Bench) -> None:
    agent = bench.agent("pat-dave", "calculator")
    answer = agent.modern("tools/list")
    assert (answer.status_code, rpc(answer)["id"]) == (403, 1)
    assert bench.seen_anywhere() == []
    assert bench.admin("PUT", "access/dave/calculator").status_code == 204
    assert "add" in agent.tools()
    assert bench.admin("DELETE", "access/dave/calculator").status_code == 204
    assert agent.modern("tools/list").status_code == 403


def test_a_grant_on_a_virtual_server_reaches_its_members_only_through_it(bench: Bench) -> None:
    bench.admin("PUT", "access/dave/workbench")
    bench.consent("pat-dave", "workbench", "dave")
    assert bench.agent("pat-dave", "workbench").call("mail_mailbox")["owner"] == "dave"
    assert bench.agent("pat-dave", "mail").modern("tools/list").status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "calculator/server/",
        "Calculator/server",
        "calculator",
        "calculator/servers",
        "x/server",
        "calculator/server/mcp",
    ],
)
def test_a_path_must_match_exactly(bench: Bench, path: str) -> None:
    agent = bench.agent("pat-alice", "calculator")
    agent.url = f"{bench.base}/api/llm/mcp/{path}"
    answer = agent.modern("tools/list")
    assert answer.status_code == 404
    assert "tools" not in rpc(answer)
    assert bench.seen_anywhere() == []


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_foreign_origin_is_refused(bench: Bench, method: str) -> None:
    agent = bench.agent("pat-alice", "calculator")
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"} if method == "POST" else None
    for origin in ("https://evil.example", "null", bench.base + ".evil.example"):
        assert agent.request(method, message, origin=origin).status_code == 403
    assert bench.seen_anywhere() == []
    assert agent.modern("tools/list", origin=bench.base).status_code == 200


def test_resource_metadata_names_the_endpoint_and_the_trusted_issuer(bench: Bench) -> None:
    agent = bench.agent(None, "mail")
    answer = agent.request("GET")
    url = answer.headers["www-authenticate"].split('"')[1]
    agent.url = url
    document = agent.request("GET").json()
    assert document["resource"] == f"{bench.base}/api/llm/mcp/mail/server"
    assert document["authorization_servers"] == [f"{bench.idp_url}/corp"]
    agent.url = url.replace("/mail/", "/nobody/")
    assert agent.request("GET").status_code == 404


def test_consent_is_asked_for_by_every_request_with_an_id_and_nothing_else(bench: Bench) -> None:
    agent = bench.agent("pat-alice", "mail")
    for answer in (
        agent.legacy("initialize"),
        agent.legacy("tools/list"),
        agent.modern("server/discover"),
        agent.modern("tools/list"),
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert len(consent_urls(answer.json())) == 1
    assert agent.request("POST", {"jsonrpc": "2.0", "id": "x", "method": "a"}).json()["id"] == "x"
    for answer in (agent.notify("notifications/initialized"), agent.request("GET"), agent.request("DELETE")):
        assert answer.status_code == 403
        assert "error" in answer.json()
    assert bench.seen_anywhere() == []


def test_the_log_has_a_line_for_each_request_and_no_secret(bench: Bench) -> None:
    jwt = bench.jwt()
    bench.consent(jwt, "mail", "carol")
    bench.agent(jwt, "mail").call("mailbox")
    bench.agent("pat-alice", "web-search").call("whoami")
    log = bench.logged(5)
    assert "POST mcp:mail 200" in log
    upstream = [request for name in UPSTREAMS for request in bench.events(name)]
    secrets = [jwt, "pat-alice", API_KEY]
    secrets += [value.removeprefix("Bearer ") for request in upstream for value in sent(request, "authorization")]
    secrets += [
        value for request in bench.events("idp") for value in request["target"].replace("?", "&").split("&")[1:]
    ]
    assert len(secrets) > 5
    assert not [secret for secret in secrets if secret in log]
    assert "connect" not in log
