"""Features that a gateway can claim, and the profiles that bundle them. Only claimed features are checked."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways.descriptor import (
    CLIENT_DOCUMENT,
    CLIENT_REGISTRATION,
    PRIVATE_CA,
    Descriptor,
    Dialect,
)
from gatebench.fixtures.gateways.descriptor import ClaimsSection as Section
from gatebench.fixtures.gateways.dialects import ON_CALLS_ONLY
from gatebench.fixtures.world import definition
from gatebench.fixtures.world.variants import own

CALLS_BACK = "world.calls-back"  # follows from --world
ADMINISTRATION = "administration"  # follows from endpoints.administration
FEATURES = {
    "caller.user": "a user's personal access token identifies that user",
    "caller.virtual-account": "a virtual account's token identifies that application",
    "caller.external": "a JWT of a trusted identity provider identifies a person",
    "upstream.none": "servers without authentication",
    "upstream.static": "servers that get one configured header, the same for all callers",
    "upstream.oauth": "servers that get the calling user's own OAuth token",
    "upstream.passthrough": "servers that get the caller's JWT unchanged",
    "access-rules": "who may use which server",
    "virtual-servers": "several servers behind one endpoint",
    "member-access": "on a virtual server, each caller gets only those members that it may use",
    "hidden-servers": "a request without a valid token does not show whether a server exists",
    "header-override": "a request may bring its own upstream headers",
    "sessions": "the gateway gives session ids in the handshake era",
    "mcp.server-requests": "requests, progress and log messages of servers reach the calling client, and its answers reach them",
    "mcp.subscriptions": "notifications of servers reach clients that listen: GET streams, subscriptions/listen",
    "mcp.resumption": "a client can resume a stream by its last event id",
    "mcp.resources": "resources of upstreams: lists, templates, reading, subscriptions",
    "mcp.prompts": "prompts of upstreams",
    "mcp.completion": "completion of arguments by upstreams",
    "mcp.logging": "log messages of upstreams, and their level",
    "outside": "one address and one token are all that is known: nothing behind the gateway is ours",
    "world.containers": "the mocks run in containers, which can be killed and paused",
    CALLS_BACK: "the authorization servers of the world reach the gateway at its own address",
    "world.network": "the gateway runs in the network of these containers, whose links can be cut",
    own.REFUSED: "a file of the user's own variants (--variants FILE) has a token that is to be refused",
    own.ACCEPTED: "a file of the user's own variants (--variants FILE) has a token that is to be accepted",
    own.SERVED: "a file of the user's own variants (--variants FILE) has an answer or an issuer",
    own.READ: "a file of the user's own variants (--variants FILE) has an upstream",
    definition.OWN_UPSTREAM: "the user's own server is described (--upstream FILE, or [upstream] of the descriptor)",
    "world.bad-links": "the kernel can delay and lose packets on these links (netem)",
    ADMINISTRATION: "the descriptor names requests that only an operator may make (endpoints.administration)",
    "named-addresses": "each server has an address that its name is a part of",
    "several-servers": "more than one server can be reached, so that one may fail while others do not",
    "own-output": "the bench started the gateway and reads what it prints",
    "token-revocation": "a gateway token can be revoked while the gateway runs",
    "runtime-grants": "access can be granted and withdrawn while the gateway runs",
    "consent-withdrawal": "a user's stored upstream tokens can be dropped",
    "restart": "the gateway can be restarted while the bench runs, and keeps its configuration",
    "stored-consents": "users' upstream tokens outlast a restart",
    "stored-changes": "an operator's changes outlast a restart: revoked tokens, access, dropped consents, servers",
    "server-switching": "a server can be disabled and enabled while the gateway runs",
    "server-removal": "a server can be removed and registered again while the gateway runs",
    "server-renaming": "a server can be renamed while the gateway runs",
    "address-changes": "a server's address can be changed while the gateway runs",
    "credential-changes": "a server's configured header can be changed while the gateway runs",
    CLIENT_REGISTRATION: "it registers itself at an authorization server for which it is configured with no client (RFC 7591)",
    CLIENT_DOCUMENT: "its client id is the URL of a document that it publishes, where an authorization server supports this",
    PRIVATE_CA: "it trusts a certificate authority in a file, for servers and authorization servers with https addresses",
    "consent.guide-error": "consent is asked for in the error that the guide's own client code understands",
    "consent.on-connecting": "consent is asked for on whatever comes first, for all members of a virtual server at once",
    "override.json": "an override is one header that holds JSON",
    "body-limit": "the descriptor says how long the body of a request may be (dialect.max_body_bytes)",
}

OWN_OUTPUT = "own-output"  # follows from [launch]
OF_THE_WORLD = (
    "world.containers",
    "world.network",
    CALLS_BACK,
    own.REFUSED,
    own.ACCEPTED,
    own.SERVED,
    own.READ,
    definition.OWN_UPSTREAM,
)  # follow from --world, [launch], --variants and --upstream: capabilities of scenarios, not claims
OUTSIDE = "outside"
NAMED_ADDRESSES, SEVERAL_SERVERS = "named-addresses", "several-servers"  # follow from [endpoints] and claims.servers
_BESIDE_EACH_OTHER = {"calculator", "everything"}  # one of these fails, the other is called
FOLLOWING = (OWN_OUTPUT, *OF_THE_WORLD, NAMED_ADDRESSES, SEVERAL_SERVERS, ADMINISTRATION)

# Features that a descriptor does not list: they follow from its dialect, if it claims their subject.
IMPLIED: dict[str, tuple[str, Callable[[Dialect], bool]]] = {
    "consent.guide-error": ("upstream.oauth", lambda dialect: dialect.consent == "jsonrpc-error-data"),
    "consent.on-connecting": ("upstream.oauth", lambda dialect: dialect.consent not in ON_CALLS_ONLY),
    "override.json": ("header-override", lambda dialect: dialect.override_form == "json-flat-and-nested"),
    "body-limit": ("upstream.none", lambda dialect: dialect.max_body_bytes > 0),
}


@dataclass(frozen=True)
class FeatureProfile:
    """A named set of requirements. Its claim includes its core features; extended ones are claimed one by one.

    `groups` are those whose requirements need no feature and belong to this profile.
    """

    core: tuple[str, ...]
    extended: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def level(self, feature: str | None, group: str) -> str | None:
        """Return `core` or `extended` for a requirement that belongs to this profile, by its feature and group; else None."""
        if feature in self.core or (feature is None and group in self.groups):
            return "core"
        return "extended" if feature in self.extended else None


CHANGES = (
    "restart",
    "stored-changes",
    "server-switching",
    "server-removal",
    "server-renaming",
    "address-changes",
    "credential-changes",
)
PROFILES = {
    "core": FeatureProfile(
        ("caller.user", "upstream.none", "access-rules"),
        (
            "token-revocation",
            "runtime-grants",
            "sessions",
            "mcp.server-requests",
            "mcp.subscriptions",
            "mcp.resumption",
            "mcp.resources",
            "mcp.prompts",
            "mcp.completion",
            "mcp.logging",
            "hidden-servers",
            PRIVATE_CA,
            ADMINISTRATION,
            "body-limit",
            *CHANGES,
            OWN_OUTPUT,
            definition.OWN_UPSTREAM,
        ),
        (
            "access",
            "agent",
            "authentication",
            "browser",
            "caller_tokens",
            "claims",
            "concurrency",
            "consent",
            "credentials",
            "dialect",
            "discovery",
            "endpoint",
            "http_messages",
            "json_messages",
            "response_bodies",
            "session_messages",
            "stateless",
            "fidelity",
            "mcp_features",
            "refusals",
            "values",
        ),
    ),
    "outside": FeatureProfile((OUTSIDE,), (), ("authentication", "discovery", "endpoint")),
    "shared-credentials": FeatureProfile(("caller.virtual-account", "upstream.static")),
    "per-user-oauth": FeatureProfile(
        ("upstream.oauth",),
        (
            "consent-withdrawal",
            "stored-consents",
            "consent.guide-error",
            "consent.on-connecting",
            CLIENT_REGISTRATION,
            CLIENT_DOCUMENT,
        ),
    ),
    "external-identity": FeatureProfile(("caller.external",)),
    "passthrough": FeatureProfile(("upstream.passthrough",)),
    "virtual-servers": FeatureProfile(("virtual-servers",), ("member-access",)),
    "header-override": FeatureProfile(("header-override",), ("override.json",)),
    # Error handling is not a feature; these are needed to test it.
    "troubleshooting": FeatureProfile(
        ("caller.user", "upstream.none"), (NAMED_ADDRESSES, SEVERAL_SERVERS), ("troubleshooting", "not_found")
    ),
}


@dataclass(frozen=True)
class Claims:
    """The claims of a descriptor, with profiles expanded."""

    features: frozenset[str]
    revisions: tuple[str, ...]
    deviations: frozenset[str]
    world: frozenset[str]  # `principal.<name>` and `server.<name>` of its configuration

    def reach(self, scenario: str) -> bool:
        """Return whether the scenario can run at all. A black-box target runs only the scenarios made for it."""
        return OUTSIDE not in self.features or scenario.startswith(f"{OUTSIDE}/")

    def missing(self, needed: Iterable[str]) -> list[str]:
        """Return the needed features (or `revision.<date>`, `principal.<name>`, `server.<name>`) that are not claimed."""
        known = self.features | self.world | {f"revision.{one}" for one in self.revisions}
        return sorted(set(needed) - known)


def in_world(claims: Claims, possible: Iterable[str]) -> Claims:
    """Return the claims, with the capabilities of the world (`gatebench.fixtures.harness.backend_choice.possible`)."""
    return replace(claims, features=claims.features | set(possible))


def claims_of(descriptor: Descriptor, path: Path) -> Claims:
    """Expand a descriptor's claims; raises BenchError for an unknown name, or one that it cannot claim."""
    section = descriptor.claims
    for key, given, known in (
        ("profiles", section.profiles, tuple(PROFILES)),
        ("features", section.features, tuple(name for name in FEATURES if name not in IMPLIED)),
        ("revisions", section.revisions, definition.REVISIONS),
        ("principals", section.principals, tuple(definition.PRINCIPALS)),
        ("servers", section.servers, definition.EVERYTHING),
    ):
        for name in given:
            if name in IMPLIED or name in FOLLOWING:
                raise BenchError(
                    f"{path}: claims.{key} names {name!r}, which follows from the rest of the descriptor or --world; remove it"
                )
            if name not in known:
                close = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {close[0]}?" if close else f"available: {', '.join(known)}"
                raise BenchError(f"{path}: claims.{key} names {name!r}, which does not exist; {hint}")
    features = {feature for name in section.profiles for feature in PROFILES[name].core} | set(section.features)
    if descriptor.launch:
        features.add(OWN_OUTPUT)
    if descriptor.endpoints.administration:
        features.add(ADMINISTRATION)
    if OUTSIDE in features and (len(features) > 1 or descriptor.adapter or descriptor.launch):
        raise BenchError(
            f"{path}: the profile outside is for a gateway of which only an address is known: claim nothing else, and "
            "remove [launch] and adapter"
        )
    if OUTSIDE not in features:
        features |= _of_servers(descriptor)
    features |= {name for name, (base, holds) in IMPLIED.items() if base in features and holds(descriptor.dialect)}
    return Claims(frozenset(features), tuple(section.revisions), frozenset(section.deviations), world_of(section))


def world_of(section: Section) -> frozenset[str]:
    """Return `principal.<name>` and `server.<name>` for what [claims] names of the standard world; all if it names none."""
    principals = {f"principal.{name}" for name in section.principals or definition.PRINCIPALS}
    return frozenset(principals | {f"server.{name}" for name in section.servers or definition.EVERYTHING})


def _of_servers(descriptor: Descriptor) -> set[str]:
    """Return the features that follow from the number of servers and their addresses, or from an adapter's own addresses."""
    named = bool(descriptor.adapter) or "{server}" in descriptor.endpoints.single
    several = named and set(descriptor.claims.servers or definition.EVERYTHING) >= _BESIDE_EACH_OTHER
    return {name for name, holds in ((NAMED_ADDRESSES, named), (SEVERAL_SERVERS, several)) if holds}


# Modes of the guide's client that require a revision; the automatic one negotiates.
_INSISTING = {"legacy": definition.LEGACY_REVISIONS[-1], definition.MODERN_REVISION: definition.MODERN_REVISION}


def features_of(params: Mapping[str, Any]) -> set[str]:
    """Return the features that a scenario's parameters need, by their names: principal(s), server(s), revision, claim."""
    needed: set[str] = set()
    for principal in _names(params, "principal", "principals", "other", "control"):
        if principal in definition.PRINCIPALS:
            needed.add(f"principal.{principal}")
            needed.add(f"caller.{definition.PRINCIPALS[principal].kind}")
    for server in _names(params, "server", "servers"):
        if server == definition.OWN_UPSTREAM:  # its auth model is in its description: see `Executor`
            needed.add(server)
            continue
        if server in definition.EVERYTHING:
            needed.add(f"server.{server}")
        if server in definition.VIRTUAL_SERVERS:
            needed.add("virtual-servers")
        for member in definition.VIRTUAL_SERVERS.get(server, (server,)):
            needed.add(f"upstream.{definition.UPSTREAMS[member].model}")
    needed.update(_names(params, "claim"))
    if "revision" in params:
        needed.add(f"revision.{params['revision']}")
    if params.get("mode") in _INSISTING:
        needed.add(f"revision.{_INSISTING[params['mode']]}")
    return needed


def can_go_direct(params: Mapping[str, Any]) -> bool:
    """Return whether the scenario has exactly one real server, which can be tested without a gateway."""
    return params.get("server") in definition.UPSTREAMS


def _names(params: Mapping[str, Any], *keys: str) -> list[str]:
    values = [params[key] for key in keys if key in params]
    return [name for value in values for name in ([value] if isinstance(value, str) else value)]
