"""The gateway as OAuth client: unusual answers of a token endpoint, refused refreshes, and what a refresh request carries."""

import asyncio
import time

import pytest

from gatebench.conformance.scenarios.common import within_claims
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.grants import (
    REFRESHED_SECONDS,
    access_token_digests,
    connect_and_call,
    consent_anew,
    contact,
    exchanges,
    expired_consent,
    personal_members,
    personal_tool,
    rejected_tokens,
)
from gatebench.fixtures.world.definition import REVISIONS, UPSTREAMS
from gatebench.fixtures.world.variants import token_endpoint

TO_CODE = token_endpoint.answers("code")
TO_REFRESH = token_endpoint.answers("refresh")
OUTLIVED = {
    f"outlived-{name}": TO_CODE[f"code-{name}"]
    for name in ("lifetime-absent", "lifetime-huge", "lifetime-text", "secrets-of-all-characters", "secrets-long")
}
REFUSALS = token_endpoint.refusals()
REFUSED = [*REFUSALS, "refused-revoked"]
OF_ONE_GRANT = "refused-invalid-grant"  # the other refusals may be about the user or the client
SIBLING = "contacts"  # of the authorization server of calendar
GRANTED = "calendar:read"
NEEDS = ("consent-withdrawal",)
LONG = 3600  # seconds: longer than a run
SECRETS = ("CRED-008", "CRED-011", "CRED-013")
# The next requests refresh again, or not.
COUNTED = ("refresh-lifetime-of-an-hour", "refresh-lifetime-absent", "refresh-lifetime-huge")
ELSEWHERE = ("mail", "calendar")  # servers of different authorization servers


@judged_by_cases(TO_CODE, *SECRETS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "calendar")])
@pytest.mark.parametrize("case", list(TO_CODE))
async def test_answer_to_code(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The authorization server answers the redemption of a code, and any refresh after it, in an unusual way."""
    with scenario.idp_settings(UPSTREAMS[server].issuer, **TO_CODE[case].settings):
        begin = scenario.here()
        control = await consent_anew(scenario, principal, server, revision)
        attempts = await connect_and_call(scenario, principal, server, revision, calls=2)
    markers = ["authorization: BEARER ", "Authorization: BEARER "]
    facts = {"markers": markers, "what": "the token type of the answer, as the authentication scheme,"}
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal, **facts)


@judged_by_cases(TO_REFRESH, *SECRETS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "calendar")])
@pytest.mark.parametrize("case", list(TO_REFRESH))
async def test_answer_to_refresh(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The authorization server answers the refreshing of an expired token in an unusual way."""
    issuer = str(UPSTREAMS[server].issuer)
    control = await expired_consent(scenario, principal, server, revision, issuer)
    begin = scenario.here()
    with scenario.idp_settings(issuer, **TO_REFRESH[case].settings):
        attempts = await connect_and_call(scenario, principal, server, revision, calls=3 if case in COUNTED else 1)
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal)


@judged_by_cases(OUTLIVED, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "calendar")])
@pytest.mark.parametrize("case", list(OUTLIVED))
async def test_outlived(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The access token is expired, and the answer with it did not say when it would be; later answers are usual ones."""
    issuer = str(UPSTREAMS[server].issuer)
    begin = scenario.here()
    with scenario.idp_settings(issuer, **OUTLIVED[case].settings):
        control = await expired_consent(scenario, principal, server, revision, issuer)
    attempts = await connect_and_call(scenario, principal, server, revision)
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal)


@judged_by_cases(["two-refreshes"], needs=NEEDS, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "calendar")])
@pytest.mark.parametrize("case", ["two-refreshes"])
async def test_two_refreshes(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """An expired token is refreshed twice, and no answer brings a new refresh token."""
    issuer = str(UPSTREAMS[server].issuer)
    control = await expired_consent(scenario, principal, server, revision, issuer)
    begin = scenario.here()
    with scenario.idp_settings(issuer, refresh_rotation=False, answer_members={"expires_in": 1}):
        attempts = await connect_and_call(scenario, principal, server, revision)
        until = time.monotonic() + 1.1
        while attempts[-1].succeeded and time.monotonic() < until:  # until the second token is expired, as it claims
            attempts += await connect_and_call(scenario, principal, server, revision)
            await asyncio.sleep(0.2)
        with rejected_tokens(scenario, server, await access_token_digests(scenario, principal, server)):
            attempts += await connect_and_call(scenario, principal, server, revision)
    auth = scenario.bench.world_json["upstreams"][server]["auth"]
    facts = {"expected": auth["resource"], "allowed": [*auth["scopes"], "offline_access"]}
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal, **facts)


@judged_by_cases(["refresh-of-less-scope"], needs=NEEDS, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "calendar")])
@pytest.mark.parametrize("case", ["refresh-of-less-scope"])
async def test_refresh_of_less_scope(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The authorization server grants another scope than the one that was asked for, as it names in its answer."""
    issuer = str(UPSTREAMS[server].issuer)
    with scenario.idp_settings(issuer, answer_members={"scope": GRANTED}):
        control = await expired_consent(scenario, principal, server, revision, issuer)
    begin = scenario.here()
    attempts = await connect_and_call(scenario, principal, server, revision)
    facts = {"allowed": [GRANTED, "offline_access"]}
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal, **facts)


@judged_by_cases(["old-token-dead"], "CONS-014", needs=NEEDS, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("bob", "calendar")])
@pytest.mark.parametrize("case", ["old-token-dead"])
async def test_old_token_dead(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The access token dies for three sessions of a user at once; once one session has a new one, all go on with it."""
    control = await consent_anew(scenario, principal, server, revision)
    clients = [await scenario.client(principal, server, revision) for _ in range(3)]
    for client in clients:
        await client.connect()
        await client.call("whoami")
    begin = scenario.here()
    with rejected_tokens(scenario, server, await access_token_digests(scenario, principal, server)):
        first = await asyncio.gather(*(client.call("whoami") for client in clients))
        if all(scenario.urls(attempt) for attempt in first):  # which is allowed: no session has a new token
            await (await scenario.browser(principal)).visit(scenario.urls(first[0])[0])
        attempts = await asyncio.gather(*(client.call("whoami") for client in clients))
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal)


@judged_by_cases(REFUSED, *SECRETS, needs=NEEDS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other"), [("bob", "alice")])
@pytest.mark.parametrize(
    ("case", "server"), [*((one, "calendar") for one in REFUSED), ("refused-invalid-grant", "workbench")]
)
async def test_refused(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """The authorization server refuses to refresh, several times; then the user consents anew, and that token expires too.

    Another user, whose token has not expired, calls the same server in between, and the user another server, also one of the same
    authorization server.
    """
    other_server = next(one for one in ELSEWHERE if one not in personal_members(scenario, server))
    with_another = within_claims(scenario, server=other_server)
    beside = [await scenario.consented(principal, other_server, revision)] if with_another else []
    issuer = str(UPSTREAMS[personal_members(scenario, server)[-1]].issuer)
    with scenario.idp_settings(issuer, access_lifetime=LONG):
        await consent_anew(scenario, other, server, revision)
        if case == OF_ONE_GRANT and server == "calendar" and within_claims(scenario, server=SIBLING):
            await consent_anew(scenario, principal, SIBLING, revision)
            beside.append(await scenario.consented(principal, SIBLING, revision))
    healthy = await scenario.consented(other, server, revision)
    control = await expired_consent(scenario, principal, server, revision, issuer)
    begin = scenario.here()
    rules = []
    if case in REFUSALS:
        rules = [{"issuer": issuer, "endpoint": "token", "grant": "refresh_token", "action": REFUSALS[case].action}]
    else:
        scenario.bench.world.control("idp", "POST", "revoke", {"issuer": issuer, "subject": principal})
    with scenario.idp_fault(*rules):
        attempts = [(await contact(scenario, principal, server, revision))[1] for _ in range(4)]
    others = [await healthy.call(personal_tool(scenario, server))]
    own = [await client.call("whoami") for client in beside]
    urls = scenario.urls(attempts[-1])
    if urls:
        with scenario.idp_settings(issuer, access_lifetime=0, refreshed_lifetime=REFRESHED_SECONDS):
            await (await scenario.browser(principal)).visit(urls[0])
    renewed = await connect_and_call(scenario, principal, server, revision)
    facts = {"renewed": exchanges(renewed), "last": exchanges(attempts[-1:]), "others": exchanges(others)}
    facts["own"] = exchanges(own)
    scenario.case(case, *attempts, control=control, since=begin, server=server, principal=principal, **facts)
