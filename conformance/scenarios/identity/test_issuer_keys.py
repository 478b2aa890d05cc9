"""The keys of an issuer whose tokens identify callers: rotation, withdrawal, outage and odd key sets while the gateway runs.

All of it happens at the issuer `affiliate`, whose only caller is erin. The key of her first token stays published.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import LEAKS, within_claims
from gatebench.conformance.scenarios.marks import in_one_with_sessions, judged_by_groups
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps.issuer_keys import IssuerKeys
from gatebench.fixtures.world.variants.model import TokenVariant

FLOOD = 40
ODD_ENTRIES: list[Any] = [
    {"kty": "BENCH", "kid": "junk", "x": "AAAA"},
    {"kty": "oct", "kid": "secret", "k": "AAAA"},
    {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
    {"kty": "EC", "crv": "P-999", "kid": "curve", "x": "AAAA", "y": "AAAA"},
    {"kty": "EC", "kid": "bare"},
    {"kty": "RSA", "use": "enc", "kid": "encryption", "n": "AQAB", "e": "AQAB"},
    {"kid": "no-kind"},
    {},
]
BAD_KEY_SETS: dict[str, Any] = {
    "key-set-is-html": "<html>maintenance</html>",
    "key-set-is-a-list": [],
    "key-set-without-keys": {"error": "unavailable"},
    "key-set-with-keys-as-text": {"keys": "none"},
}
KEY_SETS: dict[str, Callable[[list[dict[str, Any]], str], dict[str, Any]]] = {
    "key-set-with-odd-entries": lambda keys, _: {"keys": [*ODD_ENTRIES, *keys], "note": 1},
    "key-set-without-algorithms": lambda keys, _: {"keys": [_without(key, "alg", "use") for key in keys]},
    "key-for-encryption": lambda keys, current: {"keys": [_for_encryption(key, current) for key in keys]},
}


def _without(key: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name not in names}


def _for_encryption(key: dict[str, Any], kid: str) -> dict[str, Any]:
    return _without(key, "alg") | {"use": "enc"} if key["kid"] == kid else key


class KeyCalls:
    """Erin's calls with her first token (`control`), and with the tokens of other keys."""

    def __init__(self, scenario: Scenario, server: str, good: McpClient, other: McpClient) -> None:
        self.scenario, self.server, self.good, self.other = scenario, server, good, other
        self.keys = IssuerKeys(scenario, "affiliate")
        self.control: McpResponse

    @classmethod
    async def connected(cls, scenario: Scenario, principal: str, server: str) -> "KeyCalls":
        """Return them after a handshake and a call with her first token, in a revision with sessions if there is one."""
        revision = in_one_with_sessions(scenario.bench.target.descriptor.claims.revisions)[-1]
        good, other = [await scenario.client(principal, server, revision) for _ in range(2)]
        made = cls(scenario, server, good, other)
        await good.connect()
        made.control = await good.call("whoami")
        other.session = good.session
        return made

    def token(self, label: str) -> str:
        """Return a token that is signed with the current key."""
        return self.scenario.identities.new_jwt("erin", f"jwt:erin:{label}")

    async def call(self, token: str) -> McpResponse:
        """Send a call with a token."""
        value = self.scenario.identities.credential_value(token)
        self.other.changes = {self.scenario.dialect.credential_header: value}
        return await self.other.call("whoami")

    def note(self, case: str, *attempts: McpResponse, since: int | None = None) -> None:
        """Record a case."""
        self.scenario.case(case, *attempts, control=self.control, since=since, server=self.server, principal="erin")


async def rotation(erin: KeyCalls) -> None:
    """The issuer signs with a new key; the old one stays published."""
    erin.keys.rotate()
    since, token = erin.scenario.here(), erin.token("new-key")
    erin.note("new-key", await erin.call(token), since=since)
    erin.note("key-before-a-rotation", await erin.good.call("whoami"))
    erin.note("new-key-if-fetched", await erin.call(token), since=since)


async def outage(erin: KeyCalls) -> None:
    """The issuer does not answer requests for its keys; before it does again, a token names a new one."""
    with erin.keys.outage():
        erin.keys.rotate()
        token = erin.token("key-of-an-outage")
        since = erin.scenario.here()
        erin.note("unknown-key-in-an-outage", await erin.call(token), since=since)
        erin.note("known-key-in-an-outage", await erin.good.call("whoami"))
    since = erin.scenario.here()
    erin.note("new-key-after-an-outage", await erin.call(token))
    await erin.call(erin.token("after-an-outage"))  # the gateway has not refused this token before
    erin.note("key-of-an-outage-if-fetched", await erin.call(token), since=since)
    await erin.scenario.fence(erin.good)


async def key_sets(erin: KeyCalls) -> None:
    """Key sets with entries that a consumer ignores, without optional members, and with the current key for encryption.

    The first call with a key may only cause the fetch; the second one counts.
    """
    for name, changed in KEY_SETS.items():
        current = erin.keys.rotate()
        token = erin.token(name)
        with erin.keys.published_as(changed(erin.keys.document()["keys"], current)):
            since = erin.scenario.here()
            await erin.call(token)
            await erin.good.call("whoami")
            erin.note(name, await erin.call(token), since=since)
    erin.keys.rotate()
    await erin.scenario.fence(erin.good)


async def bad_key_sets(erin: KeyCalls) -> None:
    """No key sets in place of one; a gateway that keeps one of them may refuse every token afterwards, so this is the end."""
    erin.keys.rotate()
    for name, body in BAD_KEY_SETS.items():
        with erin.keys.published_as(body):
            await erin.call(erin.token(name))
            erin.note(f"known-key-and-{name}", await erin.good.call("whoami"))


async def withdrawal(erin: KeyCalls) -> None:
    """A key is withdrawn while a new one appears; then a key is replaced by another one with the same id."""
    withdrawn = erin.keys.rotate()
    token = erin.token("withdrawn-key")
    await erin.call(token)
    erin.keys.rotate()
    erin.keys.withdraw(withdrawn)
    since, known = erin.scenario.here(), erin.token("same-id")
    await erin.call(known)
    erin.note("withdrawn-key", await erin.call(token), since=since)
    erin.keys.replace()
    erin.note("same-id-and-another-key", await erin.call(erin.token("same-id-and-another-key")), await erin.call(known))
    erin.note("key-beside-a-replaced-one", await erin.good.call("whoami"))
    erin.keys.rotate()
    await erin.scenario.fence(erin.good)


async def unknown_keys(erin: KeyCalls) -> None:
    """Many tokens, each of which names another key that does not exist."""
    since, attempts = erin.scenario.here(), []
    for number in range(FLOOD):
        headers = {"kid": f"key-{number}"}
        variant = TokenVariant(name=f"unknown-key-{number}", expect="refused", headers=headers, signed_by="own-key")
        attempts.append(await erin.call(erin.scenario.identities.variant_jwt("erin", variant)))
    erin.note("flood-of-unknown-keys", *attempts, since=since)
    await erin.scenario.fence(erin.good)


async def same_ids(erin: KeyCalls) -> None:
    """The issuer's key has the id that a key of `corp` has: tokens of both, and one that the key of `corp` signed for it."""
    scenario, carol = erin.scenario, None
    published = scenario.bench.world.issuer("corp", "keys").jwks()["keys"]
    taken = next((str(key["kid"]) for key in published if key["alg"] == "ES256"), "")
    if within_claims(scenario, principal="carol"):  # the gateway then has the key of `corp` first
        carol = await scenario.client("carol", erin.server, erin.good.revision)
        await carol.connect()
        control = await carol.call("whoami")
    own, current = scenario.identities, erin.keys.rotate()
    headers = {"kid": taken}
    token = own.variant_jwt(
        "erin", TokenVariant(name="its-key-id", expect="accepted", headers=headers, signed_by="affiliate")
    )
    forged = own.variant_jwt("erin", TokenVariant(name="its-key", expect="refused", headers=headers))
    keys = [key | {"kid": taken} if key["kid"] == current else key for key in erin.keys.document()["keys"]]
    since = scenario.here()
    with erin.keys.published_as({"keys": keys}):
        await erin.call(token)
        await erin.good.call("whoami")  # a gateway that fetches keys in the background has time to use them
        erin.note("key-id-of-another-issuer", await erin.call(token), since=since)
        erin.note("key-of-another-issuer-with-the-same-id", await erin.call(forged))
        if carol is not None:
            beside, facts = await carol.call("whoami"), {"server": erin.server, "principal": "carol"}
            scenario.case("key-beside-the-same-id-of-another-issuer", beside, control=control, since=since, **facts)
    erin.keys.rotate()
    await scenario.fence(erin.good)


EVENTS: dict[str, tuple[Callable[[KeyCalls], Awaitable[None]], list[str]]] = {
    "rotation": (rotation, ["new-key", "new-key-if-fetched", "key-before-a-rotation"]),
    "outage": (
        outage,
        [
            "known-key-in-an-outage",
            "unknown-key-in-an-outage",
            "new-key-after-an-outage",
            "key-of-an-outage-if-fetched",
        ],
    ),
    "key-sets": (key_sets, list(KEY_SETS)),
    "withdrawal": (withdrawal, ["withdrawn-key", "same-id-and-another-key", "key-beside-a-replaced-one"]),
    "same-ids": (
        same_ids,
        [
            "key-id-of-another-issuer",
            "key-of-another-issuer-with-the-same-id",
            "key-beside-the-same-id-of-another-issuer",
        ],
    ),
    "unknown-keys": (unknown_keys, ["flood-of-unknown-keys"]),
    "bad-key-sets": (bad_key_sets, [f"known-key-and-{name}" for name in BAD_KEY_SETS]),
}


@judged_by_groups({name: cases for name, (_, cases) in EVENTS.items()}, *LEAKS, needs=("caller.external",))
@pytest.mark.parametrize(("principal", "server"), [("erin", "calculator")])
@pytest.mark.parametrize("case", list(EVENTS))
async def test_keys(scenario: Scenario, case: str, principal: str, server: str) -> None:
    """Calls with tokens of old, new, unknown and withdrawn keys; once, since the protocol revision does not matter."""
    await EVENTS[case][0](await KeyCalls.connected(scenario, principal, server))
