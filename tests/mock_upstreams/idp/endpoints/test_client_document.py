"""Clients that are known by a document at their id (Client ID Metadata Documents)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gatebench.mock_upstreams.idp.endpoints.client_document import problem_of_document, problem_of_url
from gatebench.mock_upstreams.server import ServerThread
from tests.support.mocks.idp import REDIRECT, IdpBench

ANNOUNCED = {"metadata": {"client_id_metadata_document_supported": True}}
Served = Callable[[Response | None], str]


@pytest.fixture
def served(farm: ServerThread) -> Served:
    """Serve a response at a URL, and return this URL; by default a document that is right."""
    answers: list[Response] = []
    port = farm.reserve()
    url = f"{farm.url(port)}/client.json"

    async def answer(_request: Request) -> Response:
        return answers[-1]

    farm.serve(Starlette(routes=[Route("/client.json", answer)]), port=port)

    def serve(response: Response | None) -> str:
        answers.append(response or Response(json.dumps(right(url))))
        return url

    return serve


def right(url: str, **changes: Any) -> dict[str, Any]:
    grants = ["authorization_code", "refresh_token"]
    return {"client_id": url, "client_name": "gw", "redirect_uris": [REDIRECT], "grant_types": grants, **changes}


def test_client_with_a_document_can_complete_the_flow(bench: IdpBench, served: Served) -> None:
    bench.settings(**ANNOUNCED)
    assert bench.get("/corp/.well-known/openid-configuration").json()["client_id_metadata_document_supported"] is True
    client = (served(None), None)
    tokens = bench.redeem(bench.code(client_id=client[0]), client).json()
    assert bench.refresh(tokens["refresh_token"], client).status_code == 200


def test_document_without_grant_types_gives_no_refresh_token(bench: IdpBench, served: Served) -> None:
    bench.settings(**ANNOUNCED)
    url = served(None)
    document = {name: value for name, value in right(url).items() if name != "grant_types"}
    served(Response(json.dumps(document)))
    assert "refresh_token" not in bench.redeem(bench.code(client_id=url), (url, None)).json()


def test_document_is_read_with_each_authorization_request(bench: IdpBench, served: Served) -> None:
    bench.settings(**ANNOUNCED)
    url = served(None)
    bench.code(client_id=url)
    served(Response(json.dumps(right(url, redirect_uris=["https://other.example/"]))))
    assert bench.authorize(client_id=url).status_code == 400


@pytest.mark.parametrize(
    "response",
    [
        Response("{}"),
        Response("<html>"),
        Response("[" * 100_000),
        Response(" " * 70_000),
        Response(status_code=404),
        RedirectResponse("/client.json"),
    ],
    ids=["empty", "page", "nested", "long", "missing", "redirect"],
)
def test_document_that_cannot_be_used_is_refused_on_a_page(bench: IdpBench, served: Served, response: Response) -> None:
    bench.settings(**ANNOUNCED)
    answer = bench.authorize(client_id=served(response))
    assert (answer.status_code, "document of the client" in answer.text) == (400, True)


def test_document_is_not_read_without_the_announcement_or_from_another_host(bench: IdpBench, served: Served) -> None:
    url = served(None)
    assert "no such client" in bench.authorize(client_id=url).text
    bench.settings(**ANNOUNCED, client_document_hosts=["gateway.example"])
    assert "at a host that this issuer does not read from" in bench.authorize(client_id=url).text
    bench.settings(client_document_hosts=["127.0.0.1"])
    assert bench.authorize(client_id=url).status_code == 302
    unreachable = url.replace("127.0.0.1", "127.0.0.2").rpartition(":")[0] + ":1/client.json"
    bench.settings(client_document_hosts=[])
    assert "could not be read" in bench.authorize(client_id=unreachable).text


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://client.example/a", None),
        ("http://127.0.0.1:1/a?b", None),
        ("ftp://client.example/a", "is no URL of the scheme https"),
        ("https:///a", "is no URL of the scheme https"),
        ("https://[::1/a", "is no URL"),
        ("https://me@client.example/a", "has a user name"),
        ("https://client.example/a#b", "has a fragment"),
        ("https://client.example", "has no path"),
        ("https://client.example/a/../b", "has a dot segment"),
    ],
)
def test_urls_that_may_be_client_ids(url: str, problem: str | None) -> None:
    assert problem_of_url(url) == problem


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (right("u"), None),
        (right("u", token_endpoint_auth_method="none"), None),
        ([], "is not a JSON object"),
        (right("v"), "has another client_id than its URL"),
        (right("u", client_name=None), "has no client_name"),
        (right("u", redirect_uris=[]), "has no redirect_uris"),
        (right("u", redirect_uris=[1]), "has no redirect_uris"),
        (right("u", client_secret="s"), "has a client secret"),
        (
            right("u", token_endpoint_auth_method="client_secret_post"),
            "names a token_endpoint_auth_method that this issuer does not have for it",
        ),
    ],
)
def test_documents_that_may_be_used(document: Any, problem: str | None) -> None:
    assert problem_of_document("u", document) == problem


def test_registered_clients_can_be_forgotten_and_configured_ones_not(bench: IdpBench) -> None:
    made = bench.http.post(f"{bench.url}/corp/register", json={"redirect_uris": [REDIRECT]}).json()
    assert bench.control("DELETE", "clients", {"issuer": "corp"}) == {"forgotten": 1}
    assert bench.authorize(client_id=made["client_id"]).status_code == 400
    assert bench.authorize().status_code == 302


def test_error_can_repeat_the_request(bench: IdpBench) -> None:
    bench.control("PUT", "faults", [{"endpoint": "token", "action": {"error": "invalid_grant", "echo": True}}])
    answer = bench.redeem("a-code-of-ours")
    assert (answer.status_code, "a-code-of-ours" in answer.json()["error_description"]) == (400, True)


def test_page_with_status_200_where_there_are_no_metadata(bench: IdpBench) -> None:
    bench.settings(documents=["appended-openid-configuration"], page_elsewhere=True)
    page = bench.get("/.well-known/oauth-authorization-server/corp")
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (200, "text/html")
    assert bench.get("/corp/.well-known/openid-configuration").json()["issuer"].endswith("/corp")
