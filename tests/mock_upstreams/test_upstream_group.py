"""A group of upstreams behind one address: a member at the root, and its resource without a path."""

import httpx
import pytest

from gatebench.mock_upstreams.auth.modes import METADATA
from gatebench.mock_upstreams.server import ServerThread
from gatebench.mock_upstreams.upstream import UpstreamSpec
from gatebench.mock_upstreams.upstream_group import UpstreamGroupSpec, build_group
from tests.support.mocks.issuer import KeyServer

PING = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}}


@pytest.fixture
def origin(farm: ServerThread, issuer: KeyServer) -> str:
    """Return the address of a group with an OAuth upstream at the root and one below its name."""
    port = farm.reserve()
    here = f"http://127.0.0.1:{port}"
    members = tuple(
        UpstreamSpec(name=name, personality="oauth", control_token="t", issuer=issuer.url, audience=here + path)
        for name, path in (("below", "/below/mcp"), ("rooted", ""))
    )
    group = build_group(UpstreamGroupSpec(name="group", control_token="t", members=members))
    farm.serve(group.app, port=port)
    return here


def post(url: str, token: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"}
    return httpx.post(url, json=PING, headers=headers, trust_env=False)


def test_each_member_has_its_own_resource_metadata(origin: str) -> None:
    for suffix, resource in (("", origin), ("/below/mcp", f"{origin}/below/mcp")):
        challenge = httpx.post(resource, json=PING, trust_env=False)
        assert challenge.status_code == 401
        assert f'resource_metadata="{origin}{METADATA}{suffix}"' in challenge.headers["www-authenticate"]
        assert httpx.get(origin + METADATA + suffix, trust_env=False).json()["resource"] == resource


@pytest.mark.parametrize(
    ("audience", "status"), [("", 200), ("/", 200), ("/mcp", 401), ("//", 401), ("/below/mcp", 401)]
)
def test_token_for_the_origin_is_accepted_with_a_slash_or_without(
    origin: str, issuer: KeyServer, audience: str, status: int
) -> None:
    assert post(origin, issuer.token(origin + audience)).status_code == status


def test_slash_after_a_path_is_another_audience(origin: str, issuer: KeyServer) -> None:
    assert post(f"{origin}/below/mcp", issuer.token(f"{origin}/below/mcp")).status_code == 200
    assert post(f"{origin}/below/mcp", issuer.token(f"{origin}/below/mcp/")).status_code == 401


def test_other_addresses_are_no_upstream(origin: str) -> None:
    for path in ("/mcp", "//", "/rooted/mcp", f"{METADATA}/", f"{METADATA}/mcp"):
        assert httpx.post(origin + path, json=PING, trust_env=False).status_code == 404, path
