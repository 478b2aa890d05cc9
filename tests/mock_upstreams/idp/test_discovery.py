import subprocess
import sys

import httpx
import pytest

from gatebench.mock_upstreams.idp.app import build_idp
from gatebench.mock_upstreams.idp.config import ClientSpec, IdpSpec, IssuerSpec
from gatebench.mock_upstreams.server import ServerThread
from tests.support.mocks.idp import CONTROL_TOKEN, CORP, VENDOR, IdpBench

PATHS = [
    "/{}/.well-known/openid-configuration",
    "/{}/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration/{}",
    "/.well-known/oauth-authorization-server/{}",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("issuer", ["corp", "vendor"])
def test_every_well_known_path_returns_the_same_metadata(bench: IdpBench, path: str, issuer: str) -> None:
    found = bench.get(path.format(issuer))
    assert found.status_code == 200
    document = found.json()
    assert document["issuer"] == f"{bench.url}/{issuer}"
    assert document["authorization_endpoint"] == f"{bench.url}/{issuer}/authorize"
    assert document["token_endpoint"] == f"{bench.url}/{issuer}/token"
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document == bench.get(PATHS[0].format(issuer)).json()


@pytest.mark.parametrize(
    "path", [*(path.format("unknown") for path in PATHS), "/.well-known/openid-configuration", "/corp", "/"]
)
def test_metadata_of_an_unknown_issuer_is_not_found(bench: IdpBench, path: str) -> None:
    assert bench.get(path).status_code == 404


def test_every_endpoint_of_the_metadata_responds(bench: IdpBench) -> None:
    document = bench.get("/corp/.well-known/openid-configuration").json()
    for name, url in document.items():
        if name.endswith(("_endpoint", "_uri")):
            assert bench.http.get(url).status_code != 404, name


def test_back_channel_endpoints_have_their_own_address(farm: ServerThread, http: httpx.Client) -> None:
    bench = IdpBench(farm, http, CORP, VENDOR, back_channel_url="http://idp.internal:9000")
    document = bench.get("/corp/.well-known/openid-configuration").json()
    front = {name: url for name, url in document.items() if str(url).startswith(bench.url)}
    assert sorted(front) == ["authorization_endpoint", "issuer"]
    back = {name for name, url in document.items() if str(url).startswith("http://idp.internal:9000/corp/")}
    assert back >= {
        "token_endpoint",
        "jwks_uri",
        "introspection_endpoint",
        "revocation_endpoint",
        "registration_endpoint",
    }


@pytest.mark.parametrize(
    ("issuers", "words"),
    [
        ((), "at least one issuer"),
        ((IssuerSpec("corp"), IssuerSpec("corp")), "named twice"),
        ((IssuerSpec("a/b"),), "cannot name an issuer"),
        ((IssuerSpec("_bench"),), "cannot name an issuer"),
        ((IssuerSpec(".well-known"),), "cannot name an issuer"),
        ((IssuerSpec("corp", ("HS256",)),), "needs algorithms"),
        ((IssuerSpec("corp", ()),), "needs algorithms"),
        ((IssuerSpec("corp", clients=(ClientSpec("a"), ClientSpec("a"))),), "client 'a'"),
        ((IssuerSpec("corp", clients=(ClientSpec("a", ""),)),), "empty"),
        ((IssuerSpec("corp", exchange_from=("unknown",)),), "'unknown'"),
    ],
)
def test_invalid_specification_is_refused(issuers: tuple[IssuerSpec, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build_idp(IdpSpec(public_url="http://127.0.0.1:4000", issuers=issuers, control_token=CONTROL_TOKEN))


@pytest.mark.parametrize(
    "url", ["127.0.0.1:4000", "ftp://host", "http://host/base", "http://host/", "http://", "http://host?x"]
)
def test_base_url_other_than_scheme_host_and_port_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"base URL|must end after"):
        build_idp(IdpSpec(public_url=url, issuers=(CORP,), control_token=CONTROL_TOKEN))


def test_the_package_loads_without_the_mcp_stack() -> None:
    script = "import sys, gatebench.mock_upstreams.cli.idp; sys.exit(any(name in sys.modules for name in ('fastmcp', 'mcp')))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0  # noqa: S603 - our own words
