"""Metadata of authorization servers and of resources: what a gateway must be able to use, and what it must refuse."""

from typing import Any
from urllib.parse import urljoin

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.consent import authorization_steps as steps
from gatebench.conformance.scenarios.marks import Params, in_one_with_sessions, judged_by, judged_by_cases
from gatebench.fixtures.harness import oauth_conditions
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS

USABLE = {
    "openid-address-only": "oidc-only",
    "required-members-only": "bare",
    "endpoints-elsewhere": "elsewhere",
    "secret-in-the-form": "post-only",
    "metadata-issuer-with-a-slash": "slash",
    "metadata-behind-a-page": "page-first",
    "resource-without-a-path": "rooted",
}

# Case: upstream, and the members of its issuer's metadata.
UNUSABLE: dict[str, tuple[str, dict[str, Any]]] = {
    "metadata-issuer-of-a-longer-path": ("misnamed", {"issuer": "{issuer}/v2"}),
    "metadata-issuer-without-its-path": ("misnamed", {"issuer": "{origin}"}),
    "metadata-issuer-in-another-case": ("misnamed", {"issuer": "{origin}/Misnamed-AS"}),
    "metadata-issuer-at-another-host": ("misnamed", {"issuer": "http://issuer.invalid/misnamed-as"}),
    "metadata-issuer-of-a-neighbour": ("misnamed", {"issuer": "{origin}/vendor"}),
    "metadata-issuer-missing": ("misnamed", {"issuer": None}),
    "pkce-absent": ("without-pkce", {"code_challenge_methods_supported": None}),
    "pkce-empty": ("without-pkce", {"code_challenge_methods_supported": []}),
    "pkce-plain-only": ("without-pkce", {"code_challenge_methods_supported": ["plain"]}),
    "endpoint-javascript": ("unsafe", {"authorization_endpoint": "javascript:alert(1)"}),
    "endpoint-data": ("unsafe", {"authorization_endpoint": "data:text/html,consent"}),
    "endpoint-vbscript": ("unsafe", {"authorization_endpoint": "VBScript:MsgBox"}),
    "endpoint-missing": ("unsafe", {"authorization_endpoint": None}),
    "endpoint-a-list": ("unsafe", {"authorization_endpoint": ["{base}/authorize"]}),
    "token-endpoint-missing": ("unsafe", {"authorization_endpoint": "{base}/authorize", "token_endpoint": None}),
    "endpoint-file": ("unsafe", {"authorization_endpoint": "file:///etc/passwd"}),
}


def _order_shows(params: Params) -> bool:
    return bool(params["server"] in ("oidc-only", "bare"))


def _has_a_query(params: Params) -> bool:
    return bool(params["server"] == "elsewhere")


@judged_by_cases(
    USABLE,
    {"ASM-002": _order_shows, "ASM-006": _has_a_query},
    "CONS-004",
    *LEAKS,
    needs=("consent-withdrawal",),
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("case", "server"), list(USABLE.items()))
async def test_usable(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Consent, a call and a refresh at an authorization server whose metadata differ from the usual ones."""
    since = scenario.here()
    attempt = await steps.consent_and_call(scenario, principal, server, revision, refreshed=True)
    common: dict[str, Any] = {"since": since, "server": server, "principal": principal}
    scenario.case(case, attempt, expected=steps.settings_of(scenario, server)["resource"], **common)
    if server == "elsewhere":
        scenario.case("query-of-the-endpoint", attempt, expected="a&b", **common)


@judged_by_cases(UNUSABLE, *LEAKS, needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("principal", ["alice"])
@pytest.mark.parametrize(("case", "server"), [(case, server) for case, (server, _) in UNUSABLE.items()])
async def test_unusable(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The way to consent at an authorization server whose metadata are not to be used. They stay unusable between scenarios."""
    since = scenario.here()
    with scenario.idp_settings(steps.issuer_of(server), metadata=UNUSABLE[case][1]):
        answer, urls = await steps.begin(scenario, principal, server, revision)
        browser = await scenario.browser(principal)
        pages = [await browser.enter(url) for url in urls]
        for page in pages:
            if page.location:
                await browser.visit(urljoin(page.url, page.location))
        scenario.case(case, answer, *pages, since=since, server=server, principal=principal)


@judged_by_cases(["metadata-unavailable"], *LEAKS, needs=("consent-withdrawal",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("case", "principal", "server"), [("metadata-unavailable", "alice", "outage")])
async def test_metadata_outage(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The metadata are unavailable when they are needed for the first time, and available afterwards."""
    since = scenario.here()
    outage = {"issuer": steps.issuer_of(server), "endpoint": "metadata", "action": {"status": 503}}
    with scenario.idp_fault(outage):
        _, urls = await steps.begin(scenario, principal, server, revision)
        await steps.follow(scenario, principal, urls)
    attempt = await steps.consent_and_call(scenario, principal, server, revision)
    scenario.case(case, attempt, since=since, server=server, principal=principal)


@judged_by("ASM-028", "ASM-029", *LEAKS, needs=("consent-withdrawal",), thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "astray")])
@pytest.mark.parametrize("names", ["another-issuer", "another-resource"])
async def test_resource_metadata(scenario: Scenario, names: str, principal: str, server: str, revision: str) -> None:
    """The upstream's resource metadata name an authorization server that it is not configured with, or another resource."""
    configured = steps.settings_of(scenario, server)
    other = scenario.bench.world_json["upstreams"]["mail"]["url"]
    changes = (
        {"resource": other, "authorization_servers": [configured["issuer"]]} if names == "another-resource" else {}
    )
    since = scenario.here()
    with oauth_conditions.resource_metadata(scenario.bench, server, **changes):
        answer = await steps.consent_and_call(scenario, principal, server, revision)
    common: dict[str, Any] = {"since": since, "server": server, "principal": principal}
    scenario.case(f"resource-metadata-of-{names}", answer, expected=configured["resource"], **common)
