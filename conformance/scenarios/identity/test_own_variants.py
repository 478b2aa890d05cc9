"""The variants of a user's file (`--variants`): each is played as the shipped ones are."""

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, LEAKS, patience
from gatebench.conformance.scenarios.marks import in_one_with_sessions, judged_by
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.grants import connect_and_call, consent_anew, contact, expired_consent
from gatebench.fixtures.harness.steps.upstream_habits import upstream_habits
from gatebench.fixtures.world.definition import REVISIONS, UPSTREAMS
from gatebench.fixtures.world.variants import own


@judged_by("VAR-001", *LEAKS, needs=("caller.external", own.REFUSED), thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "calculator")])
async def test_refused_tokens(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A handshake and a call with each token that is to be refused, and with the valid one."""
    await _send_tokens(scenario, (principal, server, revision), "refused")


@judged_by("VAR-002", *LEAKS, needs=("caller.external", own.ACCEPTED), thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "calculator")])
async def test_accepted_tokens(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A handshake and a call with each token that is to be accepted, and with the valid one."""
    await _send_tokens(scenario, (principal, server, revision), "accepted")


async def _send_tokens(scenario: Scenario, params: tuple[str, str, str], expect: str) -> None:
    principal, server, revision = params
    good = await scenario.client(principal, server, revision)
    await good.connect()
    control = await good.call("whoami")
    for variant in own.variants().tokens(expect):
        token = scenario.identities.variant_jwt(principal, variant)
        client = await scenario.client(principal, server, revision, token=token)
        begin = scenario.here()
        attempts = [await client.connect()]
        client.session = client.session or good.session
        attempts.append(await client.call("whoami"))
        who = {"server": server, "principal": principal}
        scenario.case(f"own-variant-{expect}", *attempts, control=control, since=begin, **who, variant=variant.name)
    await scenario.fence(good)


@judged_by("VAR-003", *LEAKS, needs=("consent-withdrawal", own.SERVED), thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "calendar")])
async def test_authorization_servers(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Under each variant of the authorization server: a consent and a call, and a call whose token is expired."""
    issuer = str(UPSTREAMS[server].issuer)
    for name, settings, consents, refreshes in own.variants().served:
        control = await consent_anew(scenario, principal, server, revision)
        begin, attempts = scenario.here(), []
        if consents:
            await scenario.no_consent(principal, server)
            with scenario.idp_settings(issuer, **settings):
                _, answer = await contact(scenario, principal, server, revision)
                for url in scenario.urls(answer):
                    await (await scenario.browser(principal)).visit(url)
                attempts += await connect_and_call(scenario, principal, server, revision)
        if refreshes:
            await expired_consent(scenario, principal, server, revision, issuer)
            with scenario.idp_settings(issuer, **settings):
                attempts += await connect_and_call(scenario, principal, server, revision)
        who = {"server": server, "principal": principal}
        scenario.case("own-variant-served", *attempts, control=control, since=begin, **who, variant=name)


@judged_by("VAR-004", *LEAKS, needs=("upstream.none", own.READ), thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
async def test_upstreams(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A handshake and a call at an upstream under each variant of it; before them, a call to the usual one."""
    witness = await scenario.client(principal, server, revision)
    await witness.connect()
    control = await witness.call("echo", AWKWARD_VALUES)
    for variant in own.variants().upstream:
        client = await scenario.client(principal, server, revision)
        client.patience = patience(scenario)
        begin = scenario.here()
        with upstream_habits(scenario, server, **variant.habits):
            await client.connect()
            attempts = [await client.call("echo", AWKWARD_VALUES)]
        who = {"server": server, "principal": principal}
        scenario.case("own-variant-upstream", *attempts, control=control, since=begin, **who, variant=variant.name)
