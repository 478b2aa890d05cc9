"""Whom a JWT identifies: its issuer and its subject together, as they are written, and no other claim."""

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.marks import judged_by_cases, judged_by_groups
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, REVISIONS, TWINS
from gatebench.fixtures.world.variants import catalog

# Each principal's subject resembles that of another one.
RESEMBLES = {
    "partner-carol": "subject-of-another-issuer",
    "external-alice": "subject-like-a-user",
    "capital-carol": "subject-in-another-case",
    "address-carol": "subject-with-a-domain",
    "piped-carol": "subject-with-a-prefix",
    "path-carol": "subject-with-a-path",
    "spaced-carol": "subject-with-a-space-behind",
    "encoded-carol": "subject-percent-encoded",
    "wide-carol": "subject-in-wide-characters",
    "decomposed-jose": "subject-decomposed",
    "long-two": "subject-of-255-characters",
    "number-two": "subject-of-digits",
}
PAIRS = [(RESEMBLES[principal], principal, other) for principal, other in TWINS.items()]
WITH_OWN_CONSENT = [pair for pair in PAIRS if pair[1] in ("partner-carol", "external-alice")]
CLAIMS = {"claims": catalog.families()["claims"]}


def suffixed(*suffixes: str) -> dict[str, list[str]]:
    """Return the cases that the scenarios of a pair record."""
    return {kind: [f"{kind}-{suffix}" for suffix in suffixes] for kind in RESEMBLES.values()}


@judged_by_groups(suffixed("accepted"), *LEAKS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("server", "control"), [("calculator", "carol")])
@pytest.mark.parametrize(("case", "principal"), [pair[:2] for pair in PAIRS])
async def test_subject(
    scenario: Scenario, *, case: str, principal: str, control: str, server: str, revision: str
) -> None:
    """The JWT of each subject, beside that of an ordinary one, on a server that both may use."""
    ordinary, client = [await scenario.client(one, server, revision) for one in (control, principal)]
    await ordinary.connect()
    accepted = await ordinary.call("whoami")
    attempts = [await client.connect(), await client.call("whoami")]
    scenario.case(f"{case}-accepted", *attempts, control=accepted, server=server, principal=principal)


@judged_by_groups(suffixed("denied"), *LEAKS, needs=("access-rules",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("case", "principal", "other", "server"),
    [*((*pair, "everything") for pair in PAIRS), *((*pair, "desk") for pair in WITH_OWN_CONSENT)],
)
async def test_access_of_another(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """The same, on a server that only the other one may use."""
    tool = scenario.identities.tool(server, "whoami")
    allowed, client = [await scenario.client(one, server, revision) for one in (other, principal)]
    await allowed.connect()
    control = await allowed.call(tool)
    since = scenario.here()
    attempts = [await client.connect(), await client.call(tool)]
    scenario.case(f"{case}-denied", *attempts, control=control, since=since, server=server, principal=principal)
    await scenario.fence(allowed, tool)


@judged_by_groups(suffixed("without-consent"), *LEAKS, "CRED-006")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["mail"])
@pytest.mark.parametrize(("case", "principal", "other"), PAIRS)
async def test_consent_of_another(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """The same, on a server for which only the other one has given consent."""
    consented = await scenario.consented(other, server, revision)
    control = await consented.call("whoami")
    client = await scenario.client(principal, server, revision)
    attempts = [await client.connect(), await client.call("whoami")]
    scenario.case(
        f"{case}-without-consent", *attempts, control=control, server=server, principal=principal, subject=principal
    )
    await scenario.fence(consented)


@judged_by_groups(suffixed("with-consent", "beside-consent"), *LEAKS, "CRED-006")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("server", ["mail"])
@pytest.mark.parametrize(("case", "principal", "other"), WITH_OWN_CONSENT)
async def test_consents_of_both(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """Both give their consent, first the other one: each is answered with its own data afterwards."""
    first = await scenario.consented(other, server, revision)
    control = await first.call("whoami")
    second = await scenario.consented(principal, server, revision)

    async def note(suffix: str, client: McpClient, name: str) -> None:
        scenario.case(
            f"{case}-{suffix}",
            await client.call("whoami"),
            await client.call("mailbox"),
            control=control,
            server=server,
            principal=name,
            subject=name,
        )

    await note("with-consent", second, principal)
    await note("beside-consent", first, other)


@judged_by_groups(
    {kind: [f"{name}-with-consent" for name in names] for kind, names in CLAIMS.items()}, *LEAKS, "CRED-006"
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("carol", "alice", "mail")])
@pytest.mark.parametrize("case", ["claims"])
async def test_claims_of_another(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """JWTs with a claim that names another principal, where both have given consent."""
    await scenario.consented(other, server, revision)
    good = await scenario.consented(principal, server, revision)
    control = await good.call("whoami")
    client = await scenario.client(principal, server, revision)
    for name, variant in CLAIMS[case].items():
        token = scenario.identities.variant_jwt(principal, variant)
        client.changes = {scenario.dialect.credential_header: scenario.identities.credential_value(token)}
        attempts = [await client.connect(), await client.call("whoami")]
        scenario.case(
            f"{name}-with-consent",
            *attempts,
            control=control,
            server=server,
            principal=principal,
            subject=principal,
        )


@judged_by_groups(
    {kind: [f"{name}-denied" for name in names] for kind, names in CLAIMS.items()}, *LEAKS, needs=("access-rules",)
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("capital-carol", "alice", "everything")])
@pytest.mark.parametrize("case", ["claims"])
async def test_access_by_claims(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """JWTs with such a claim, on a server that only the other principal may use."""
    allowed = await scenario.client(other, server, revision)
    await allowed.connect()
    control = await allowed.call("whoami")
    client = await scenario.client(principal, server, revision)
    for name, variant in CLAIMS[case].items():
        token = scenario.identities.variant_jwt(principal, variant)
        client.changes = {scenario.dialect.credential_header: scenario.identities.credential_value(token)}
        client.session = None
        since = scenario.here()
        attempts = [await client.connect(), await client.call("whoami")]
        scenario.case(f"{name}-denied", *attempts, control=control, since=since, server=server, principal=principal)
    await scenario.fence(allowed)


@judged_by_cases(["renewed-token-in-a-session"], *LEAKS, needs=("caller.external", "sessions"))
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "calculator")])
@pytest.mark.parametrize("case", ["renewed-token-in-a-session"])
async def test_renewed_token(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A newer JWT of the same caller in an open session."""
    client = await scenario.client(principal, server, revision)
    await client.connect()
    control = await client.call("whoami")
    token = scenario.identities.new_jwt(principal, f"jwt:{principal}:renewed")
    client.changes = {scenario.dialect.credential_header: scenario.identities.credential_value(token)}
    scenario.case(case, await client.call("whoami"), control=control, server=server, principal=principal)
