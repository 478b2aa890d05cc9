"""An authorization server that reads the document of its client at the client id (Client ID Metadata Documents)."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.consent import authorization_steps as steps
from gatebench.conformance.scenarios.marks import judged_by_cases
from gatebench.fixtures.clients.browser import Visit
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import DOCUMENTED, REVISIONS

CASE = "client-by-document"
REFRESHED = "client-by-document-and-refreshed"
NEEDS = ("client-document", "world.calls-back", "consent-withdrawal")
FORGED = (
    {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"},
    {"Forwarded": "host=evil.example;proto=https"},
)


@judged_by_cases([CASE, REFRESHED], "CONS-004", *LEAKS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("alice", "bob", DOCUMENTED)])
async def test_document(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """A consent, and the document that its client id leads to, as it is and with forged headers; consents of another user."""
    since = scenario.here()
    _, urls = await steps.begin(scenario, principal, server, revision)
    visits = await steps.follow(scenario, principal, urls)
    client_id = client_id_in(visits)
    document = await (await scenario.discovery(server)).get("client", client_id)
    anyone = await scenario.browser(None)
    forged = [(await anyone.load(client_id, headers=headers)).exchange for headers in FORGED]
    attempts = [
        await steps.call(scenario, principal, server, revision),
        await steps.consent_and_call(scenario, other, server, revision),
    ]
    common: dict[str, Any] = {"since": since, "server": server, "principal": principal}
    scenario.case(CASE, *attempts, document=document.exchange, forged=forged, **common)
    since = scenario.here()
    refreshed = await steps.consent_and_call(scenario, principal, server, revision, refreshed=True)
    scenario.case(REFRESHED, refreshed, control=attempts[0], **common | {"since": since})


def client_id_in(visits: list[Visit]) -> str:
    """Return the client id of the first authorization request on the way of these visits; empty if there is none."""
    queries = [parse_qs(urlsplit(url).query) for visit in visits for url in visit.urls]
    return next((query["client_id"][0] for query in queries if "client_id" in query), "")
