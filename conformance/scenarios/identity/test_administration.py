"""Requests that only an operator may make, with the tokens of callers."""

import pytest

from gatebench.conformance.scenarios.marks import judged_by_cases
from gatebench.fixtures.harness.scenario import Scenario

SERVER = "calculator"  # of whose callers the tokens are
WHO = {
    "administration-with-users-token": "alice",
    "administration-with-accounts-token": "support-bot",
    "administration-with-jwt": "carol",
    "administration-without-credential": "alice",
    "administration-with-unknown-token": "alice",
}


def _credential(scenario: Scenario, case: str, principal: str) -> dict[str, str]:
    if case == "administration-without-credential":
        return {}
    token = scenario.identities.token(principal)
    return scenario.identities.credential(scenario.unknown_token(token) if "unknown" in case else token)


@judged_by_cases(WHO, needs=("administration", "upstream.none", "server.calculator"))
@pytest.mark.parametrize(("case", "principal"), list(WHO.items()))
async def test_operators_requests(scenario: Scenario, case: str, principal: str) -> None:
    """Each request with the operator's credential, and with the token of a caller (also in Authorization)."""
    target = scenario.bench.target
    credential = _credential(scenario, case, principal)
    browser = await scenario.browser(None, SERVER)
    for request in target.descriptor.endpoints.administration:
        method, _, template = request.partition(" ")
        url = template.format(base_url=target.base_url)
        control = await browser.load(url, method=method, headers=scenario.verbs.operator_headers())
        forms = [credential]
        if credential and scenario.dialect.credential_header.lower() != "authorization":
            forms.append({"Authorization": f"Bearer {next(iter(credential.values()))}"})
        attempts = [await browser.load(url, method=method, headers=one) for one in forms]
        scenario.case(case, *attempts, control=control, server=SERVER, principal=principal)
