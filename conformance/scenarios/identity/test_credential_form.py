"""The form in which a request carries its gateway token: the header, its scheme, and every other place."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases, judged_by_groups
from gatebench.fixtures.clients.mcp import McpClient, new_nonce
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import REVISIONS

# Header values with the right token (`right`: the whole value) and an unknown one (`wrong`); a list is several header lines.
HEADERS: dict[str, dict[str, Callable[[str, str], str | list[str]]]] = {
    "header": {
        "two-headers-the-wrong-one-first": lambda right, wrong: [wrong, right],
        "two-headers-the-wrong-one-last": lambda right, wrong: [right, wrong],
        "two-tokens-joined-the-wrong-one-first": lambda right, wrong: f"{wrong}, {right}",
        "two-tokens-joined-the-wrong-one-last": lambda right, wrong: f"{right}, {wrong}",
        "two-tokens-without-a-comma": lambda right, wrong: f"{wrong} {right.rpartition(' ')[2]}",
        "scheme-in-lower-case": lambda right, _wrong: _scheme(right, str.lower),
        "scheme-in-capitals": lambda right, _wrong: _scheme(right, str.upper),
        "scheme-in-mixed-case": lambda right, _wrong: _scheme(right, str.swapcase),
        "scheme-and-three-spaces": lambda right, _wrong: right.replace(" ", "   "),
    }
}
# Tokens that resemble a valid one: each differs from it in one attribute.
RESEMBLING: dict[str, dict[str, Callable[[str], str]]] = {
    "resembling": {
        "gateway-token-in-another-case": str.swapcase,
        "gateway-token-cut-short": lambda token: token[:-2],
        "gateway-token-cut-in-half": lambda token: token[: (len(token) + 1) // 2],
        "gateway-token-without-its-beginning": lambda token: token[1:],
        "gateway-token-with-more-behind": lambda token: token + "0",
        "gateway-token-with-much-more-behind": lambda token: token + "0" * 200,
        "gateway-token-with-a-point-behind": lambda token: token + ".0",
        "gateway-token-with-another-beginning": lambda token: _other(token, 0),
        "gateway-token-with-another-middle": lambda token: _other(token, len(token) // 2),
        "gateway-token-with-another-end": lambda token: _other(token, len(token) - 3),
        "gateway-token-twice": lambda token: token + token,
        # One character is a wildcard of SQL (LIKE), a pattern, or a glob.
        "gateway-token-ending-in-an-underscore": lambda token: f"{token[:-1]}_",
        "gateway-token-ending-in-a-point": lambda token: f"{token[:-1]}.",
        "gateway-token-ending-in-a-percent-sign": lambda token: f"{token[:-3]}%",
        "gateway-token-ending-in-an-asterisk": lambda token: f"{token[:-3]}*",
        # What a gateway may store in place of a token: it is no token.
        "gateway-token-as-its-digest": lambda token: _sha256(token).hex(),
        "gateway-token-as-its-digest-in-base64": lambda token: base64.b64encode(_sha256(token)).decode(),
    }
}
# Places beside the header; the request has no credential in its header.
PLACES = {
    "place": (
        "token-in-the-query-as-access-token",
        "token-in-the-query-as-token",
        "token-in-a-form",
        "token-in-the-parameters",
        "token-in-a-cookie",
    )
}
NAMED = "named-by-headers-without-a-token"
NAMED_BESIDE = "named-by-headers-beside-a-token"
# Headers with which reverse proxies name an authenticated user to the server behind them.
OF_PROXIES = [
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Login",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Remote-User",
    "Remote-User",
    "X-User",
    "X-User-Id",
    "X-User-Email",
    "X-Username",
    "X-Authenticated-User",
    "X-Authenticated-Userid",
    "X-WebAuth-User",
    "X-Consumer-Username",
    "X-Client-Id",
    "X-Principal",
    "X-Identity",
    "X-Caller",
    "X-On-Behalf-Of",
    "X-Impersonate-User",
    "X-MS-Client-Principal-Name",
    "X-Goog-Authenticated-User-Email",
    "Cf-Access-Authenticated-User-Email",
    "X-Amzn-Oidc-Identity",
    "Tailscale-User-Login",
    "X-Gateway-User",
    "X-Tenant-User",
    "From",
]


def _sha256(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _other(token: str, at: int) -> str:
    """Return the token with another character at this place."""
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


def _scheme(value: str, change: Callable[[str], str]) -> str:
    scheme, blank, token = value.rpartition(" ")
    return f"{change(scheme)}{blank}{token}"


async def sides(
    scenario: Scenario, principal: str, server: str, revision: str
) -> tuple[McpClient, McpResponse, McpClient]:
    """Return a connected client, its accepted call, and another client in the same session."""
    good, other = [await scenario.client(principal, server, revision) for _ in range(2)]
    await good.connect()
    control = await good.call("whoami")
    other.session = good.session
    return good, control, other


@judged_by_groups(HEADERS, *LEAKS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
@pytest.mark.parametrize("case", ["header"])
async def test_header(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The credential header twice, with two tokens, and with its scheme in other cases."""
    good, control, other = await sides(scenario, principal, server, revision)
    token = scenario.identities.token(principal)
    right, wrong = map(scenario.identities.credential_value, (token, scenario.unknown_token(token)))
    for name, value in HEADERS[case].items():
        other.changes = {scenario.dialect.credential_header: value(right, wrong)}
        since = scenario.here()
        attempt = await other.call("whoami")
        scenario.case(name, attempt, control=control, since=since, server=server, principal=principal)
    await scenario.fence(good)


@judged_by_groups(RESEMBLING, *LEAKS, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator"), ("support-bot", "web-search")])
@pytest.mark.parametrize("case", ["resembling"])
async def test_resembling_token(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Tokens that differ from a valid one in one attribute: never from one that a user gave to the bench."""
    good, control, other = await sides(scenario, principal, server, revision)
    token = scenario.identities.token(principal)
    if principal in scenario.bench.target.descriptor.tokens:
        token = scenario.unknown_token(token)
    for name, change in RESEMBLING[case].items():
        if (changed := change(token)) == token:
            continue  # a token of digits has no other case
        shown = scenario.bench.secrets.add("unknown-token", "unknown-token", changed).value
        other.changes = dict(scenario.identities.credential(shown))
        since = scenario.here()
        attempt = await other.call("whoami")
        scenario.case(name, attempt, control=control, since=since, server=server, principal=principal)
    await scenario.fence(good)


@judged_by_groups(PLACES, *LEAKS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
@pytest.mark.parametrize("case", ["place"])
async def test_other_place(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """The valid token in the query, the body or a cookie, and not in its header."""
    good, control, other = await sides(scenario, principal, server, revision)
    header, url = scenario.dialect.credential_header, other.url
    token = scenario.identities.token(principal)
    for name in PLACES[case]:
        since = scenario.here()
        other.url, other.changes = url, {header: None}
        if "query" in name:
            field = "access_token" if name.endswith("access-token") else "token"
            other.url = f"{url}{'&' if '?' in url else '?'}{urlencode({field: token})}"
        elif "cookie" in name:
            other.changes = {header: None, "Cookie": f"access_token={token}; token={token}"}
        attempt = await (
            _with_body(other, name, token) if "form" in name or "parameters" in name else other.call("whoami")
        )
        scenario.case(name, attempt, control=control, since=since, server=server, principal=principal)
    await scenario.fence(good)


async def _with_body(client: McpClient, name: str, token: str) -> McpResponse:
    nonce = new_nonce()
    if "form" in name:
        form = urlencode({"access_token": token, "token": token}).encode()
        return await client.post(
            None, content=form, nonce=nonce, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
    fields: dict[str, Any] = {"access_token": token, "token": token, "authorization": f"Bearer {token}"}
    params = {"name": client.named("whoami"), "arguments": {"nonce": nonce}, "_meta": fields, **fields}
    return await client.post(client.message("tools/call", params, nonce, 77) | fields, nonce=nonce)


@judged_by_cases([NAMED], *LEAKS)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), [("alice", "calculator")])
@pytest.mark.parametrize("case", [NAMED])
async def test_named_without_a_token(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """No token, and headers as a reverse proxy would set them for the principal."""
    good, control, other = await sides(scenario, principal, server, revision)
    other.changes = {**dict.fromkeys(OF_PROXIES, principal), scenario.dialect.credential_header: None}
    since = scenario.here()
    attempts = [await other.call("whoami"), await other.connect()]
    scenario.case(case, *attempts, control=control, since=since, server=server, principal=principal)
    await scenario.fence(good)


@judged_by_cases([NAMED_BESIDE], *LEAKS, needs=("access-rules",))
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("dave", "alice", "calculator")])
@pytest.mark.parametrize("case", [NAMED_BESIDE])
async def test_named_beside_a_token(
    scenario: Scenario, *, case: str, principal: str, other: str, server: str, revision: str
) -> None:
    """The token of a caller without access, and headers that name one with access."""
    allowed = await scenario.client(other, server, revision)
    await allowed.connect()
    control = await allowed.call("whoami")
    client = await scenario.client(principal, server, revision, headers=dict.fromkeys(OF_PROXIES, other))
    since = scenario.here()
    attempts = [await client.connect(), await client.call("whoami")]
    scenario.case(case, *attempts, control=control, since=since, server=server, principal=principal)
    await scenario.fence(allowed)
