"""The setup sheet: what is wrong with one is said in one sentence that names the key and no secret."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from gateway_bench import Bench

from fixtures.reference_gateway.sheet import WorldError
from fixtures.reference_gateway.world import parse_world, read_world


def test_a_good_sheet_is_read_and_hides_its_secrets(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_text(json.dumps(bench.sheet))
    world = read_world(path)
    assert [upstream.name for upstream in world.members("workbench")] == ["web-search", "mail", "calculator"]
    for secret in ("pat-alice", "key-of-web-search", "secret at vendor", "admin-token"):
        assert secret not in repr(world)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("gateway", None, "gateway is missing"),
        ("gateway.base_url", "ftp://x", "gateway.base_url must be an http or https URL"),
        ("gateway.base_url", "http://user:pw@x", "gateway.base_url must be"),
        ("gateway.port", "5000", "gateway.port must be an integer"),
        ("gateway.port", True, "gateway.port must be an integer"),
        ("gateway.admin_token", "", "gateway.admin_token must be a text"),
        ("gateway.upstream_seconds", 0, "gateway.upstream_seconds must be a number above zero"),
        ("issuers.corp.trusted_for_callers", "yes", "issuers.corp.trusted_for_callers must be true or false"),
        ("issuers.corp.algorithms", "RS256", "issuers.corp.algorithms must be an array"),
        ("issuers.corp.algorithms", ["RS256", "HS256"], "issuers.corp.algorithms.1: 'HS256' is not an asymmetric"),
        ("principals.alice.kind", "robot", "principals.alice.kind: 'robot' is not a kind of principal"),
        ("principals.carol.issuer", "korp", "principals.carol.issuer: 'korp' is not an issuer"),
        ("upstreams.mail.auth.model", "magic", "upstreams.mail.auth.model: 'magic' is not an auth model"),
        ("upstreams.mail.auth.issuer", "x", "upstreams.mail.auth.issuer: 'x' is not an issuer"),
        ("upstreams.web-search.auth.value", "a\nb", "upstreams.web-search.auth.value must be a header value"),
        ("upstreams.web-search.auth.header", "X Y", "upstreams.web-search.auth.header must be a header name"),
        ("virtual_servers.inbox", ["mail", "post"], "virtual_servers.inbox.1: 'post' is not an upstream"),
        ("virtual_servers.mail", ["crm"], "virtual_servers.mail: 'mail' is an upstream already"),
        ("access.alice", ["nothing"], "access.alice.0: 'nothing' is not a server"),
        ("access.nobody", [], "access.nobody: there is no principal 'nobody'"),
        ("upstreams", [], "upstreams must be an object"),
    ],
)
def test_an_error_names_the_key(bench: Bench, key: str, value: Any, text: str) -> None:
    sheet = copy.deepcopy(bench.sheet)
    *path, last = key.split(".")
    place = sheet
    for name in path:
        place = place[name]
    place[last] = value
    with pytest.raises(WorldError, match=r"world\.json: ") as error:
        parse_world(sheet)
    assert text in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00"])
def test_what_is_no_sheet_at_all(tmp_path: Path, text: str) -> None:
    path = tmp_path / "world.json"
    path.write_text(text)
    with pytest.raises(WorldError, match=r"world\.json"):
        read_world(path)
    with pytest.raises(WorldError, match="No such file"):
        read_world(tmp_path / "absent.json")
