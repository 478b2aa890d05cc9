"""Callers' tokens at their edges: variants of a valid JWT beside the valid one, and other secrets in its place."""

from collections.abc import Iterable

import pytest

from gatebench.conformance.scenarios.common import LEAKS, within_claims
from gatebench.conformance.scenarios.marks import judged_by_cases, judged_by_groups
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world import token_variants
from gatebench.fixtures.world.definition import REVISIONS
from gatebench.fixtures.world.variants import catalog
from gatebench.fixtures.world.variants.model import TokenVariant

FAMILIES = {**catalog.families()}
SUBJECTS = {"subject": FAMILIES.pop("subject")}
ISSUED = ("access-token", "refresh-token", "code")
SECRETS = ("client-secret", "static-key", "admin-token", "session-id")
RENEWED = TokenVariant(name="renewed", expect="accepted", times={"exp": 1800.0})
OTHER_SECRETS = {"secrets": [f"{name}-as-gateway-token" for name in (*ISSUED, *SECRETS)]}


async def send_variants(
    scenario: Scenario, params: tuple[str, str, str], tokens: Iterable[TokenVariant], *, handshakes: bool = False
) -> None:
    """Send a call with each token; the control is a call with the valid one.

    A handshake precedes the call of a token that may be accepted, with `handshakes` of every one: the session of the valid
    token would be refused to another caller.
    """
    principal, server, revision = params
    good, other = [await scenario.client(principal, server, revision) for _ in range(2)]
    await good.connect()
    control = await good.call("whoami")
    for variant in tokens:
        token = scenario.identities.variant_jwt(principal, variant)
        other.changes = {scenario.dialect.credential_header: scenario.identities.credential_value(token)}
        since = scenario.here()
        attempts = [await other.connect()] if handshakes or variant.expect != "refused" else []
        if not attempts or other.session is None:
            other.session = good.session
        attempts.append(await other.call("whoami"))
        scenario.case(variant.name, *attempts, control=control, since=since, server=server, principal=principal)
    await scenario.fence(good)


@judged_by_groups(FAMILIES, *LEAKS, needs=("caller.external",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "calculator")])
@pytest.mark.parametrize("case", list(FAMILIES))
async def test_variants(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """JWTs that differ from the valid one in one attribute."""
    if case == "issuer" and within_claims(scenario, principal="partner-carol"):
        await (
            await scenario.client("partner-carol", server, revision)
        ).connect()  # the gateway then has the keys of both issuers
    await send_variants(scenario, (principal, server, revision), FAMILIES[case].values())


@judged_by_groups(SUBJECTS, *LEAKS, needs=("caller.external", "access-rules"))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "calculator")])
@pytest.mark.parametrize("case", list(SUBJECTS))
async def test_subjects(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """JWTs without a subject, and with one that has no access."""
    await send_variants(scenario, (principal, server, revision), SUBJECTS[case].values(), handshakes=True)


@judged_by_groups(OTHER_SECRETS, *LEAKS, needs=("caller.external",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "mail")])
@pytest.mark.parametrize("case", list(OTHER_SECRETS))
async def test_other_secrets(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """What the gateway itself holds for a caller or for itself, shown as gateway token."""
    good = await scenario.consented(principal, server, revision)
    control = await good.call("whoami")
    found = scenario.identities.upstream_secrets(principal, server, ISSUED)
    world = scenario.bench.world_json
    found |= {
        "client-secret": world["upstreams"][server]["auth"]["client_secret"],
        "static-key": world["upstreams"]["web-search"]["auth"]["value"],
        "admin-token": world["gateway"]["admin_token"],
        "session-id": good.session,
    }
    other = await scenario.client(principal, server, revision)
    for secret, value in found.items():
        name = f"{secret}-as-gateway-token"
        if value is not None and name in OTHER_SECRETS[case]:
            other.changes = {scenario.dialect.credential_header: scenario.identities.credential_value(value)}
            other.session = good.session
            since = scenario.here()
            attempts = [await other.call("whoami"), await other.connect()]
            scenario.case(name, *attempts, control=control, since=since, server=server, principal=principal)
    await scenario.fence(good)


@judged_by_cases(token_variants.FORGERIES, *LEAKS, needs=("caller.external",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "calculator")])
async def test_known_jwt(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A JWT that the gateway has accepted, with its signature, header or payload changed; another valid one was accepted too."""
    good, other = [await scenario.client(principal, server, revision) for _ in range(2)]
    await good.connect()
    another = scenario.identities.variant_jwt(principal, RENEWED)
    other.changes = {scenario.dialect.credential_header: scenario.identities.credential_value(another)}
    other.session = good.session
    await other.call("whoami")
    control = await good.call("whoami")
    for name, forged in scenario.identities.forged_jwts(principal, another).items():
        other.changes = {scenario.dialect.credential_header: scenario.identities.credential_value(forged)}
        since = scenario.here()
        attempt = await other.call("whoami")
        scenario.case(name, attempt, control=control, since=since, server=server, principal=principal)
    await scenario.fence(good)
