"""The guide's authentication paths with awkward values and beside each other: override, passthrough, service, mixed."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from gatebench.conformance.scenarios.marks import in_each_era, judged_by, judged_by_cases
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS
from gatebench.fixtures.world.variants import overrides
from gatebench.fixtures.world.variants.model import TokenVariant

LEAKS = ("OVR-005", "CRED-001", "CRED-010")
OVERRIDE, JSON = ("header-override",), ("override.json",)
VARIANTS = overrides.file()
VALUES = {one.name: one.headers for one in (*VARIANTS.value, *VARIANTS.beyond_ascii)}
SPELLINGS = {one.name: one.text for one in VARIANTS.spelling}
FORBIDDEN = {one.name: one.headers for one in VARIANTS.forbidden}
ILLEGAL = {one.name: json.dumps(one.headers) for one in VARIANTS.illegal}
MALFORMED = {one.name: one.text for one in VARIANTS.malformed if one.server == "single"} | ILLEGAL
MALFORMED_MEMBERS = {one.name: one.text for one in VARIANTS.malformed if one.server == "members"}
CUSTOM = "X-Custom-Header"

Expected = dict[str, str | None]


def record(
    scenario: Scenario,
    case: str,
    sent: list[tuple[McpResponse, Expected]],
    client: McpClient,
    control: McpResponse | None = None,
) -> None:
    """Record attempts with the headers that each of them has to reach the upstream with."""
    headers = [expected for _, expected in sent]
    server, principal = str(client.tags["server"]), str(client.tags["principal"])
    answers = [answer for answer, _ in sent]
    scenario.case(case, *answers, control=control, server=server, principal=principal, headers=headers)


async def overriding(
    scenario: Scenario, principal: str, server: str, revision: str, headers: dict[str, str]
) -> McpClient:
    """Return a connected client that sends these request headers."""
    client = await scenario.client(principal, server, revision, headers=headers)
    await client.connect()
    return client


# -- override: values


@judged_by("GPA-001", "GPA-004", *LEAKS, needs=OVERRIDE, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "everything")])
async def test_values(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A call with each override whose values are unusual, beside one with a usual value."""
    good = await overriding(scenario, principal, server, revision, scenario.override(server, {CUSTOM: "fine"}))
    control = await good.call("whoami")
    for name, headers in VALUES.items():
        client = await overriding(scenario, principal, server, revision, scenario.override(server, headers))
        record(scenario, name, [(await client.call("whoami"), {**headers})], client, control)


@judged_by("GPA-002", *LEAKS, needs=JSON, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "everything")])
async def test_spellings(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A call with each override whose JSON is spelled in another way."""
    for name, text in SPELLINGS.items():
        client = await overriding(scenario, principal, server, revision, {scenario.dialect.override_header: text})
        record(scenario, name, [(await client.call("whoami"), {CUSTOM: "a/b A"})], client)


CASES_OF_NAMES = {"override-name-in-lower-case": str.lower, "override-name-in-capitals": str.upper}


@judged_by_cases(CASES_OF_NAMES, *LEAKS, needs=OVERRIDE)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "web-search"), ("bob", "mail")])
@pytest.mark.parametrize("case", list(CASES_OF_NAMES))
async def test_name(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """An override of the configured header, whose name is written in another case."""
    with scenario.own_credential(principal, server) as credential:
        headers = {CASES_OF_NAMES[case](name): value for name, value in credential.items()}
        client = await overriding(scenario, principal, server, revision, scenario.override(server, headers))
        record(scenario, case, [(await client.call("whoami"), {**headers})], client)


# -- override: how far it reaches


@judged_by("GPA-005", "GPA-006", *LEAKS, needs=OVERRIDE, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "everything")])
async def test_sessions(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Two sessions of one user with an override each, and one without, at once and in turn."""
    values = ["of the first session", "of the second session"]
    clients = [
        await overriding(scenario, principal, server, revision, scenario.override(server, {CUSTOM: value}))
        for value in values
    ]
    plain = await overriding(scenario, principal, server, revision, {})
    sent: list[tuple[McpResponse, Expected]] = []
    without: list[tuple[McpResponse, Expected]] = []
    for _ in range(2):
        first, second, third = await asyncio.gather(*(client.call("whoami") for client in (*clients, plain)))
        sent += [(first, {CUSTOM: values[0]}), (second, {CUSTOM: values[1]})]
        sent += [(await client.call("whoami"), {CUSTOM: value}) for client, value in zip(clients, values, strict=True)]
        without += [(third, {CUSTOM: None}), (await plain.call("whoami"), {CUSTOM: None})]
    record(scenario, "override-of-two-sessions", sent, clients[0])
    record(scenario, "no-override-beside-overrides", without, plain)


@judged_by("GPA-007", "GPA-008", *LEAKS, needs=(*OVERRIDE, "consent-withdrawal"), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "mail")])
async def test_in_place_of_consent(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A user without consent overrides the credential; then the same user calls without an override."""
    await scenario.no_consent(principal, server)
    with scenario.own_credential(principal, server) as credential:
        client = await overriding(scenario, principal, server, revision, scenario.override(server, credential))
        calls = [await client.call("whoami"), await client.call("mailbox")]
        record(scenario, "override-in-place-of-consent", [(call, {**credential}) for call in calls], client)
        later = await scenario.client(principal, server, revision)
        answer, _ = await scenario.first_contact(later, server)
        scenario.case("override-before-consent", answer, server=server, principal=principal)


@judged_by_cases(["override-refused-by-the-upstream"], *LEAKS, needs=OVERRIDE)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "web-search"), ("bob", "mail")])
async def test_refused_by_upstream(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """A user whose configured credential works overrides it with one that the upstream does not know, in the call alone."""
    client = await scenario.consented(principal, server, revision)
    control = await client.call("whoami")
    value = scenario.new_secret("override", "override")
    auth = scenario.bench.world_json["upstreams"][server]["auth"]
    wrong = {auth["header"]: value} if auth["model"] == "static" else {"Authorization": f"Bearer {value}"}
    client.changes = scenario.override(server, wrong)
    attempt = await client.call("whoami")
    if attempt.status == 404:  # a gateway may bind a session to the override that began it
        attempt = await client.connect()
    record(scenario, "override-refused-by-the-upstream", [(attempt, {**wrong})], client, control)


@judged_by_cases(["override-at-one-member"], *LEAKS, needs=(*OVERRIDE, "consent-withdrawal"), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "workbench")])
@pytest.mark.parametrize("case", ["override-at-one-member"])
async def test_at_one_member(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """A user without consent overrides the credential of that member; the others keep theirs."""
    await scenario.no_consent(principal, server)
    key = scenario.bench.world_json["upstreams"]["web-search"]["auth"]
    with scenario.own_credential(principal, "mail") as credential:
        override = scenario.override(server, {"mail": {**credential, CUSTOM: "for mail"}})
        client = await overriding(scenario, principal, server, revision, override)
        expected: dict[str, Expected] = {
            "mail": {**credential, CUSTOM: "for mail", key["header"]: None},
            "web-search": {key["header"]: key["value"], CUSTOM: None, "Authorization": None},
            "calculator": {CUSTOM: None, "Authorization": None, key["header"]: None},
        }
        sent = [
            (await client.call(scenario.identities.tool(server, "whoami", member)), headers)
            for member, headers in expected.items()
        ]
        record(scenario, case, sent, client)


# -- override: what is refused


async def bad_beside_good(
    scenario: Scenario, good: McpClient, headers: Mapping[str, Mapping[str, str]], tool: str
) -> None:
    """Send a call that is accepted, the same with the request headers of each case, and the fence."""
    server, principal = str(good.tags["server"]), str(good.tags["principal"])
    control = await good.call(tool)
    for name, sent in headers.items():
        bad = await scenario.client(principal, server, good.revision, headers=dict(sent))
        bad.session = good.session
        since = scenario.here()
        scenario.case(name, await bad.call(tool), control=control, since=since, server=server, principal=principal)
    await scenario.fence(good, tool)


@judged_by("GPA-012", *LEAKS, needs=OVERRIDE, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "everything")])
async def test_forbidden(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Overrides of headers that a caller may not set, and one of a custom header."""
    good = await overriding(scenario, principal, server, revision, scenario.override(server, {CUSTOM: "fine"}))
    wrong = {name: scenario.override(server, headers) for name, headers in FORBIDDEN.items()}
    await bad_beside_good(scenario, good, wrong, "whoami")


@judged_by("GPA-010", "GPA-011", *LEAKS, needs=JSON, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "everything")])
async def test_malformed(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Overrides that are no JSON objects of headers, and one that is."""
    header = scenario.dialect.override_header
    good = await overriding(scenario, principal, server, revision, {header: json.dumps({CUSTOM: "fine"})})
    wrong = {name: {header: text} for name, text in MALFORMED.items()}
    await bad_beside_good(scenario, good, wrong, "whoami")


@judged_by("GPA-013", *LEAKS, needs=JSON, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "desk")])
async def test_malformed_members(scenario: Scenario, principal: str, server: str, revision: str) -> None:
    """Overrides at a virtual server that are no objects of its members' headers, and one that is."""
    fine = scenario.override(server, {"calculator": {CUSTOM: "fine"}})
    good = await overriding(scenario, principal, server, revision, fine)
    wrong = {name: {scenario.dialect.override_header: text} for name, text in MALFORMED_MEMBERS.items()}
    await bad_beside_good(scenario, good, wrong, scenario.identities.tool(server, "whoami", "calculator"))


# -- passthrough


JWTS: dict[str, dict[str, Any]] = {
    "passthrough-long-jwt": {"note": "0123456789abcdef" * 128},
    "passthrough-nested-claims": {"realm_access": {"roles": ["a", {"b": [None, 1.5, True]}]}, "groups": ["c"] * 40},
    "passthrough-jwt-beyond-ascii": {"name": "Zoë ü€𝄞 \u2028"},
}
RENEWED = "passthrough-renewed-jwt"


@judged_by_cases([*JWTS, RENEWED], "CRED-006", "CRED-010", thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "crm")])
@pytest.mark.parametrize("case", [*JWTS, RENEWED])
async def test_passthrough(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Calls with an unusual JWT of the caller; `renewed`: with several JWTs of the caller in one session, in turn."""
    sent: list[tuple[McpResponse, Expected]] = []
    names = [f"{case}-{number}" for number in range(2)] if case == RENEWED else [case]
    variants = [TokenVariant(name=name, expect="accepted", claims=JWTS.get(case, {"jti": name})) for name in names]
    jwts = [scenario.identities.variant_jwt(principal, variant) for variant in variants]
    client = await scenario.client(principal, server, revision, token=jwts[0])
    await client.connect()
    for jwt in [*jwts, *jwts]:
        client.changes = scenario.identities.credential(jwt)
        answer = await client.call("whoami")
        if case == RENEWED and answer.status == 404:  # a gateway may bind a session to the token that began it
            await client.connect()
            answer = await client.call("whoami")
        sent.append((answer, {"Authorization": f"Bearer {jwt}"}))
    record(scenario, case, sent, client)


@judged_by_cases(["passthrough-overridden"], "OVR-005", needs=OVERRIDE, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("carol", "crm")])
@pytest.mark.parametrize("case", ["passthrough-overridden"])
async def test_passthrough_overridden(
    scenario: Scenario, case: str, principal: str, server: str, revision: str
) -> None:
    """The upstream would get the caller's JWT; the caller sends another one for it."""
    variant = TokenVariant(name=case, expect="accepted", claims={"jti": case})
    headers = {"Authorization": f"Bearer {scenario.identities.variant_jwt(principal, variant)}", CUSTOM: "beside it"}
    client = await overriding(scenario, principal, server, revision, scenario.override(server, headers))
    record(scenario, case, [(await client.call("whoami"), {**headers})], client)


# -- several callers


@judged_by("GPA-017", "CRED-001", "CRED-006", needs=("access-rules",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("support-bot", "intern-bot", "web-search")])
async def test_accounts(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """Two virtual accounts at once and in turn, of which one has no access."""
    good = await scenario.client(principal, server, revision)
    await good.connect()
    control = await good.call("whoami")
    bad = await scenario.client(other, server, revision)
    bad.session = good.session
    since = scenario.here()
    _, attempt = await asyncio.gather(good.call("whoami"), bad.call("whoami"))
    attempts = [attempt, await bad.call("whoami")]
    if "tool-error" not in scenario.dialect.denied:  # such a gateway may answer with an empty list
        attempts.append(await bad.list_tools())
    scenario.case("account-without-access", *attempts, control=control, since=since, server=server, principal=other)
    await scenario.fence(good)


@judged_by("GPA-018", "GPA-019", "CRED-001", "CRED-006", needs=("consent-withdrawal",), thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("alice", "bob", "workbench")])
async def test_mixed(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """One user of a mixed virtual server has consented, the other has not; both use it at once."""
    good = await scenario.consented(principal, server, revision)
    await scenario.no_consent(other, server)
    tool = scenario.identities.tool(server, "whoami", "mail")
    bad = await scenario.client(other, server, revision)
    (asked, _), first, second = await asyncio.gather(
        scenario.first_contact(bad, server), good.call(tool), good.call(tool)
    )
    scenario.case("member-without-consent", asked, server=server, principal=other)
    scenario.case("members-with-consent", first, second, await good.call(tool), server=server, principal=principal)
