"""The operator's API."""

from typing import Any

import httpx
import pytest
from gateway_agent import NO_TLS
from gateway_bench import Bench


@pytest.mark.parametrize("token", ["", "wrong", "pat-alice", "é"])
def test_nobody_else_gets_in(bench: Bench, token: str) -> None:
    headers = {"authorization": f"Bearer {token}".strip().encode()}
    answer = httpx.put(f"{bench.base}/admin/access/dave/mail", headers=headers, trust_env=False, verify=NO_TLS)
    assert answer.status_code == 401
    assert bench.agent("pat-dave", "mail").modern("tools/list").status_code == 403


def test_tokens_come_and_go(bench: Bench) -> None:
    agent = bench.agent("fresh-token", "calculator")
    assert agent.modern("tools/list").status_code == 401
    assert bench.admin("PUT", "tokens", {"principal": "alice", "token": "fresh-token"}).status_code == 204
    assert agent.modern("tools/list").status_code == 200
    assert bench.admin("DELETE", "tokens", {"token": "fresh-token"}).status_code == 204
    assert agent.modern("tools/list").status_code == 401
    assert bench.agent("pat-alice", "calculator").modern("tools/list").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "access/nobody/mail", None, 404),
        ("PUT", "access/alice/nothing", None, 404),
        ("DELETE", "access/alice", None, 404),
        ("POST", "access/alice/mail", None, 404),
        ("PUT", "tokens", None, 400),
        ("PUT", "tokens", ["x"], 400),
        ("PUT", "tokens", {"principal": "alice"}, 400),
        ("PUT", "tokens", {"principal": "alice", "token": ""}, 400),
        ("PUT", "tokens", {"principal": "nobody", "token": "x"}, 404),
        ("PUT", "tokens", {"principal": "carol", "token": "x"}, 400),
        ("DELETE", "tokens", {"token": "nobody's"}, 404),
        ("DELETE", "consents/alice/nothing", None, 404),
        ("POST", "tools/refresh/nothing", None, 404),
        ("GET", "", None, 404),
        ("POST", "tools/refresh/workbench", None, 204),
        ("DELETE", "consents/alice/inbox", None, 204),
    ],
)
def test_what_makes_no_sense_is_said_so(bench: Bench, method: str, path: str, body: Any, status: int) -> None:
    answer = bench.admin(method, path, body)
    assert answer.status_code == status
    assert (status == 204) or answer.json()["error"]


def test_other_paths_lead_nowhere(bench: Bench) -> None:
    for path in ("/", "/healthz/", "/admin", "/oauth", "/api/llm/mcp", "/.well-known/oauth-protected-resource"):
        assert httpx.get(bench.base + path, trust_env=False, verify=NO_TLS).status_code == 404
    assert httpx.get(bench.base + "/healthz", trust_env=False, verify=NO_TLS).status_code == 200
    assert httpx.post(bench.base + "/oauth/callback", trust_env=False, verify=NO_TLS).status_code == 404
