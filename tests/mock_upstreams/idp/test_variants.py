"""Settings that make an issuer differ from an ordinary one: metadata, authorization responses, and what it requires."""

import pytest

from gatebench.mock_upstreams.idp.config import IssuerSpec
from tests.support.mocks.idp import IdpBench, landed

WELL_KNOWN = {
    "oauth-authorization-server": "/.well-known/oauth-authorization-server/corp",
    "openid-configuration": "/.well-known/openid-configuration/corp",
    "appended-openid-configuration": "/corp/.well-known/openid-configuration",
    "appended-oauth-authorization-server": "/corp/.well-known/oauth-authorization-server",
}


@pytest.mark.parametrize("served", WELL_KNOWN)
def test_metadata_can_be_served_at_one_path_only(bench: IdpBench, served: str) -> None:
    bench.settings(documents=[served])
    for name, path in WELL_KNOWN.items():
        assert bench.http.get(bench.url + path).status_code == (200 if name == served else 404), name


def test_metadata_members_can_be_replaced_and_removed(bench: IdpBench) -> None:
    changes = {"issuer": "{issuer}/v2", "authorization_endpoint": "{elsewhere}/authorize?a=1", "jwks_uri": None}
    bench.settings(metadata=changes)
    document = bench.http.get(bench.url + WELL_KNOWN["openid-configuration"]).json()
    assert document["issuer"] == f"{bench.url}/corp/v2"
    another_name = bench.url.replace("127.0.0.1", "localhost")
    assert document["authorization_endpoint"] == f"{another_name}/oauth2/corp/authorize?a=1"
    assert "jwks_uri" not in document
    assert document["token_endpoint"] == f"{bench.url}/corp/token"


def test_response_parameters_can_be_replaced_and_removed(bench: IdpBench) -> None:
    bench.settings(callback={"code": None, "error": "access_denied", "iss": "http://other", "extra": "1"})
    assert landed(bench.authorize()) == {
        "state": "st te&1",
        "iss": "http://other",
        "error": "access_denied",
        "extra": "1",
    }


def test_resource_parameter_can_be_required(bench: IdpBench) -> None:
    bench.settings(require_resource=True)
    assert landed(bench.authorize(resource=None))["error"] == "invalid_target"
    assert landed(bench.authorize(resource="http://127.0.0.1/mcp"))["code"]


def test_query_of_an_endpoint_can_be_required(bench: IdpBench) -> None:
    bench.settings(endpoint_queries={"authorize": {"tenant": "a&b"}})
    assert bench.authorize().status_code == 400
    assert landed(bench.authorize(tenant="a&b"))["code"]


def test_issuer_with_trailing_slash_is_a_valid_specification() -> None:
    assert IssuerSpec(name="corp", final_slash=True, settings={"omit_iss": True}).final_slash
