"""What a gateway can claim: features, and the profiles that bundle them. Only what is claimed is judged."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fixtures import standard
from fixtures.dialects import ON_CALLS_ONLY
from fixtures.errors import BenchError
from fixtures.gateways.descriptor import Descriptor, Dialect

FEATURES = {
    "caller.user": "a user's personal access token identifies that user",
    "caller.virtual-account": "a virtual account's token identifies that application",
    "caller.external": "a JWT of a trusted identity provider identifies a person",
    "upstream.none": "servers without authentication",
    "upstream.static": "servers that get one configured header, the same for everybody",
    "upstream.oauth": "servers that get the calling user's own OAuth token",
    "upstream.passthrough": "servers that get the caller's JWT unchanged",
    "access-rules": "who may use which server",
    "virtual-servers": "several servers behind one endpoint",
    "header-override": "a request may bring its own upstream headers",
    "sessions": "the gateway gives session ids in the handshake era",
    "outside": "one address and one token are all that is known: nothing behind the gateway is ours",
    "world.containers": "the mocks run in containers, which can be killed and paused",
    "world.network": "the gateway runs in the network of these containers, whose links can be cut",
    "world.bad-links": "the kernel can delay and lose packets on these links (netem)",
    "named-addresses": "each server has an address that its name is a part of",
    "several-servers": "more than one server can be reached, so that one may fail while others do not",
    "own-output": "the bench started the gateway and reads what it prints",
    "token-revocation": "a gateway token can be revoked while the gateway runs",
    "runtime-grants": "access can be granted and withdrawn while the gateway runs",
    "consent-withdrawal": "a user's stored upstream tokens can be dropped",
    "consent.guide-error": "consent is asked for in the error that the guide's own client code understands",
    "consent.on-connecting": "consent is asked for on whatever comes first, for all members of a virtual server at once",
    "override.json": "an override is one header that holds JSON",
}

OWN_OUTPUT = "own-output"  # follows from [launch]
OF_THE_WORLD = (
    "world.containers",
    "world.network",
)  # follow from --world and [launch]: what scenarios can do, no claims
OUTSIDE = "outside"
NAMED_ADDRESSES, SEVERAL_SERVERS = "named-addresses", "several-servers"  # follow from [endpoints] and claims.servers
_BESIDE_EACH_OTHER = {"calculator", "everything"}  # one of these fails, the other is asked
FOLLOWING = (OWN_OUTPUT, *OF_THE_WORLD, NAMED_ADDRESSES, SEVERAL_SERVERS)

# Features that a descriptor does not list: they follow from its dialect, where it claims what they are about.
IMPLIED: dict[str, tuple[str, Callable[[Dialect], bool]]] = {
    "consent.guide-error": ("upstream.oauth", lambda dialect: dialect.consent == "jsonrpc-error-data"),
    "consent.on-connecting": ("upstream.oauth", lambda dialect: dialect.consent not in ON_CALLS_ONLY),
    "override.json": ("header-override", lambda dialect: dialect.override_form == "json-flat-and-nested"),
}


@dataclass(frozen=True)
class Profile:
    """A named set of requirements: who claims it claims its core features; the extended ones are claimed one by one.

    `groups` are those whose requirements need no feature at all and belong here.
    """

    core: tuple[str, ...]
    extended: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def level(self, feature: str | None, group: str) -> str | None:
        """`core` or `extended` for a requirement that belongs to this profile, by its feature and group; else None."""
        if feature in self.core or (feature is None and group in self.groups):
            return "core"
        return "extended" if feature in self.extended else None


PROFILES = {
    "core": Profile(
        ("caller.user", "upstream.none", "access-rules"),
        ("token-revocation", "runtime-grants", "sessions", OWN_OUTPUT),
        ("access", "agent", "authentication", "claims", "consent", "credentials", "dialect", "endpoint", "fidelity"),
    ),
    "outside": Profile((OUTSIDE,), (), ("authentication", "endpoint")),
    "shared-credentials": Profile(("caller.virtual-account", "upstream.static")),
    "per-user-oauth": Profile(
        ("upstream.oauth",), ("consent-withdrawal", "consent.guide-error", "consent.on-connecting")
    ),
    "external-identity": Profile(("caller.external",)),
    "passthrough": Profile(("upstream.passthrough",)),
    "virtual-servers": Profile(("virtual-servers",)),
    "header-override": Profile(("header-override",), ("override.json",)),
    # Failing well is no feature; this much is needed to show it.
    "troubleshooting": Profile(
        ("caller.user", "upstream.none"), (NAMED_ADDRESSES, SEVERAL_SERVERS), ("troubleshooting", "not_found")
    ),
}


@dataclass(frozen=True)
class Claims:
    """What a descriptor claims, profiles expanded."""

    features: frozenset[str]
    revisions: tuple[str, ...]
    deviations: frozenset[str]
    world: frozenset[str]  # `principal.<name>` and `server.<name>` for what it is configured with

    def reach(self, scenario: str) -> bool:
        """Can the scenario be played at all? From outside, only those that were made for it."""
        return OUTSIDE not in self.features or scenario.startswith(f"{OUTSIDE}/")

    def missing(self, needed: Iterable[str]) -> list[str]:
        """Needed features (or `revision.<date>`, `principal.<name>`, `server.<name>`) that are not claimed."""
        known = self.features | self.world | {f"revision.{one}" for one in self.revisions}
        return sorted(set(needed) - known)


def in_world(claims: Claims, possible: Iterable[str]) -> Claims:
    """The claims, with what the world makes possible (`fixtures.worlds.possible`)."""
    return replace(claims, features=claims.features | set(possible))


def claims_of(descriptor: Descriptor, path: Path) -> Claims:
    """Expand a descriptor's claims; raises BenchError for a name that does not exist, or that it cannot claim."""
    section = descriptor.claims
    for key, given, known in (
        ("profiles", section.profiles, tuple(PROFILES)),
        ("features", section.features, tuple(name for name in FEATURES if name not in IMPLIED)),
        ("revisions", section.revisions, standard.REVISIONS),
        ("principals", section.principals, tuple(standard.PRINCIPALS)),
        ("servers", section.servers, standard.EVERYTHING),
    ):
        for name in given:
            if name in IMPLIED or name in FOLLOWING:
                raise BenchError(
                    f"{path}: claims.{key} names {name!r}, which follows from the rest of the descriptor or --world; leave it out"
                )
            if name not in known:
                close = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
                raise BenchError(f"{path}: claims.{key} names {name!r}, which does not exist; {hint}")
    features = {feature for name in section.profiles for feature in PROFILES[name].core} | set(section.features)
    if descriptor.launch:
        features.add(OWN_OUTPUT)
    if OUTSIDE in features and (len(features) > 1 or descriptor.adapter or descriptor.launch):
        raise BenchError(
            f"{path}: the profile outside is for a gateway of which only an address is known: claim nothing beside it, "
            "and leave [launch] and adapter out"
        )
    if OUTSIDE not in features:
        features |= _of_servers(descriptor)
    features |= {name for name, (base, holds) in IMPLIED.items() if base in features and holds(descriptor.dialect)}
    world = {f"principal.{name}" for name in section.principals or standard.PRINCIPALS}
    world |= {f"server.{name}" for name in section.servers or standard.EVERYTHING}
    return Claims(frozenset(features), tuple(section.revisions), frozenset(section.deviations), frozenset(world))


def _of_servers(descriptor: Descriptor) -> set[str]:
    """What follows from how many servers there are, and from where they are; an adapter may know addresses of its own."""
    named = bool(descriptor.adapter) or "{server}" in descriptor.endpoints.single
    several = named and set(descriptor.claims.servers or standard.EVERYTHING) >= _BESIDE_EACH_OTHER
    return {name for name, holds in ((NAMED_ADDRESSES, named), (SEVERAL_SERVERS, several)) if holds}


# Modes of the guide's client that insist on a revision; the automatic one finds out what is spoken.
_INSISTING = {"legacy": standard.LEGACY_REVISIONS[-1], standard.MODERN_REVISION: standard.MODERN_REVISION}


def features_of(params: Mapping[str, Any]) -> set[str]:
    """The features that a scenario's parameters presuppose, by their names: principal(s), server(s), revision."""
    needed: set[str] = set()
    for principal in _names(params, "principal", "principals", "other", "control"):
        if principal in standard.PRINCIPALS:
            needed.add(f"principal.{principal}")
            needed.add(f"caller.{standard.PRINCIPALS[principal].kind}")
    for server in _names(params, "server", "servers"):
        if server in standard.EVERYTHING:
            needed.add(f"server.{server}")
        if server in standard.VIRTUAL_SERVERS:
            needed.add("virtual-servers")
        for member in standard.VIRTUAL_SERVERS.get(server, (server,)):
            needed.add(f"upstream.{standard.UPSTREAMS[member].model}")
    if "revision" in params:
        needed.add(f"revision.{params['revision']}")
    if params.get("mode") in _INSISTING:
        needed.add(f"revision.{_INSISTING[params['mode']]}")
    return needed


def can_go_direct(params: Mapping[str, Any]) -> bool:
    """True when the scenario has one real server, which can be asked without a gateway in between."""
    return params.get("server") in standard.UPSTREAMS


def _names(params: Mapping[str, Any], *keys: str) -> list[str]:
    values = [params[key] for key in keys if key in params]
    return [name for value in values for name in ([value] if isinstance(value, str) else value)]
