"""Certificates of an upstream and of its authorization server: of the run's authority, and wrong in one attribute each."""

import ssl
from collections.abc import Awaitable, Callable

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, LEAKS, each_request, patience
from gatebench.conformance.scenarios.consent import flows
from gatebench.conformance.scenarios.marks import in_one_with_sessions, judged_by_groups
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.certificates import presented
from gatebench.fixtures.harness.steps.grants import connect_and_call, expired_consent
from gatebench.fixtures.harness.steps.issuer_keys import IssuerKeys
from gatebench.fixtures.world import issuer_variants
from gatebench.fixtures.world.certificates import KINDS, OLD_TLS, CertificateKind
from gatebench.fixtures.world.definition import PRINCIPALS, TLS

ISSUER = issuer_variants.VARIANTS[TLS].issuer
USER, CALLER = "alice", "grace"  # who consents at that issuer, and who has a JWT of it
SERVER_OF_CALLER = PRINCIPALS[CALLER].access[0]
WRONG: tuple[CertificateKind, ...] = tuple(kind for kind in KINDS if kind != "valid")
PRESENTABLE = WRONG if ssl.HAS_TLSv1_1 else tuple(kind for kind in WRONG if kind != OLD_TLS)


def _names(group: str, *more: str) -> list[str]:
    return [*more, *(f"{group}-{kind}" for kind in WRONG)]


def _record(
    scenario: Scenario, name: str, *attempts: McpResponse, control: McpResponse, since: int | None = None
) -> None:
    """Record a case while the certificate is presented: what the gateway sends after that goes to a server with a valid one."""
    scenario.case(name, *attempts, control=control, since=since, server=TLS, principal=USER, elsewhere=TLS)


async def upstream(scenario: Scenario, revision: str) -> None:
    """Calls and other requests in open sessions at an upstream whose certificate changes."""
    client = await scenario.consented(USER, TLS, revision)
    control = await client.call("echo", AWKWARD_VALUES)
    scenario.case("upstream-certificate-valid", control, server=TLS, principal=USER)
    client.patience = patience(scenario)
    for kind in PRESENTABLE:
        another = await scenario.consented(USER, TLS, revision)
        another.patience = client.patience
        with presented(scenario, issuer_variants.MOCK, kind):
            since = scenario.here()
            attempt = await client.call("echo", AWKWARD_VALUES)
            _record(scenario, f"upstream-certificate-{kind}", attempt, control=control, since=since)
            since = scenario.here()
            attempts = await each_request(another)
            _record(scenario, f"upstream-requests-{kind}", *attempts, control=control, since=since)


async def refresh(scenario: Scenario, revision: str) -> None:
    """An access token is expired, and the token endpoint has another certificate than at the consent."""
    await expired_consent(scenario, USER, TLS, revision, ISSUER)
    control = (await connect_and_call(scenario, USER, TLS, revision))[-1]
    for kind in PRESENTABLE:
        await expired_consent(scenario, USER, TLS, revision, ISSUER)
        with presented(scenario, "idp", kind):
            since = scenario.here()
            attempt = (await connect_and_call(scenario, USER, TLS, revision))[-1]
            _record(scenario, f"refresh-certificate-{kind}", attempt, control=control, since=since)


async def code(scenario: Scenario, revision: str) -> None:
    """The browser comes back with a code, and the token endpoint has another certificate than the pages before it."""
    for kind in PRESENTABLE:
        link = await flows.ask_anew(scenario, USER, TLS, revision)
        browser = await scenario.browser(USER)
        back = await flows.begin(scenario, browser, link.url)
        with presented(scenario, "idp", kind):
            since = scenario.here()
            await browser.load(back)
            _record(scenario, f"code-certificate-{kind}", control=link.given_in, since=since)


async def key_set(scenario: Scenario, revision: str) -> None:
    """The issuer of callers signs with a new key, and publishes it with another certificate than before."""
    client = await scenario.client(CALLER, SERVER_OF_CALLER, revision)
    await client.connect()
    control, keys = await client.call("whoami"), IssuerKeys(scenario, ISSUER)
    scenario.case("key-set-certificate-valid", control, server=SERVER_OF_CALLER, principal=CALLER)
    for kind in PRESENTABLE:
        with presented(scenario, "idp", kind):
            keys.rotate()
            token = scenario.identities.new_jwt(CALLER, f"jwt:{CALLER}:{kind}")
            client.changes = {scenario.dialect.credential_header: scenario.identities.credential_value(token)}
            since = scenario.here()
            attempt = await client.call("whoami")
        name = f"key-set-certificate-{kind}"
        scenario.case(name, attempt, control=control, since=since, server=SERVER_OF_CALLER, principal=CALLER)


GROUPS: dict[str, tuple[Callable[[Scenario, str], Awaitable[None]], list[str]]] = {
    "upstream": (
        upstream,
        [*_names("upstream-certificate", "upstream-certificate-valid"), *_names("upstream-requests")],
    ),
    "refresh": (refresh, _names("refresh-certificate")),
    "code": (code, _names("code-certificate")),
}
KEY_SET = _names("key-set-certificate", "key-set-certificate-valid")


def _revision(scenario: Scenario) -> str:
    return in_one_with_sessions(scenario.bench.target.descriptor.claims.revisions)[-1]


@judged_by_groups(
    {name: cases for name, (_, cases) in GROUPS.items()}, *LEAKS, needs=("private-ca", "consent-withdrawal")
)
@pytest.mark.parametrize(("principal", "server"), [(USER, TLS)])
@pytest.mark.parametrize("case", list(GROUPS))
async def test_servers(scenario: Scenario, case: str, principal: str, server: str) -> None:
    """An upstream and its authorization server change their certificates; once, since the protocol revision does not matter."""
    del principal, server
    await GROUPS[case][0](scenario, _revision(scenario))


@judged_by_groups({"key-set": KEY_SET}, *LEAKS, needs=("private-ca",))
@pytest.mark.parametrize(("principal", "server"), [(CALLER, SERVER_OF_CALLER)])
@pytest.mark.parametrize("case", ["key-set"])
async def test_key_sets(scenario: Scenario, case: str, principal: str, server: str) -> None:
    """The issuer of a caller changes its certificate; also once."""
    del case, principal, server
    await key_set(scenario, _revision(scenario))
