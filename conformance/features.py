"""What a gateway can claim: features, and the profiles that bundle them. Only what is claimed is judged."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures import standard
from fixtures.errors import BenchError
from fixtures.gateways.descriptor import Claims as ClaimsSection

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
    "token-revocation": "a gateway token can be revoked while the gateway runs",
    "runtime-grants": "access can be granted and withdrawn while the gateway runs",
    "consent-withdrawal": "a user's stored upstream tokens can be dropped",
}

PROFILES = {
    "core": ("caller.user", "upstream.none", "access-rules"),
    "shared-credentials": ("caller.virtual-account", "upstream.static"),
    "per-user-oauth": ("upstream.oauth",),
    "external-identity": ("caller.external",),
    "passthrough": ("upstream.passthrough",),
    "virtual-servers": ("virtual-servers",),
    "header-override": ("header-override",),
    "troubleshooting": ("caller.user", "upstream.none"),  # failing well is no feature; this much is needed to show it
}


@dataclass(frozen=True)
class Claims:
    """What a descriptor claims, profiles expanded."""

    features: frozenset[str]
    revisions: tuple[str, ...]
    deviations: frozenset[str]

    def missing(self, needed: Iterable[str]) -> list[str]:
        """Needed features (or `revision.<date>`) that are not claimed."""
        return sorted(
            name
            for name in set(needed)
            if name not in self.features and name.removeprefix("revision.") not in self.revisions
        )


def claims_of(section: ClaimsSection, path: Path) -> Claims:
    """Expand a descriptor's claims; raises BenchError for a name that does not exist."""
    for key, given, known in (
        ("profiles", section.profiles, tuple(PROFILES)),
        ("features", section.features, tuple(FEATURES)),
        ("revisions", section.revisions, standard.REVISIONS),
    ):
        for name in given:
            if name not in known:
                close = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
                raise BenchError(f"{path}: claims.{key} names {name!r}, which does not exist; {hint}")
    features = {feature for profile in section.profiles for feature in PROFILES[profile]} | set(section.features)
    return Claims(frozenset(features), tuple(section.revisions), frozenset(section.deviations))


def features_of(params: Mapping[str, Any]) -> set[str]:
    """The features that a scenario's parameters presuppose, by their names: principal(s), server(s), revision."""
    needed: set[str] = set()
    for principal in _names(params, "principal", "principals"):
        if principal in standard.PRINCIPALS:
            needed.add(f"caller.{standard.PRINCIPALS[principal].kind}")
    for server in _names(params, "server", "servers"):
        if server in standard.VIRTUAL_SERVERS:
            needed.add("virtual-servers")
        for member in standard.VIRTUAL_SERVERS.get(server, (server,)):
            needed.add(f"upstream.{standard.UPSTREAMS[member].model}")
    if "revision" in params:
        needed.add(f"revision.{params['revision']}")
    return needed


def can_go_direct(params: Mapping[str, Any]) -> bool:
    """True when the scenario has one real server, which can be asked without a gateway in between."""
    return params.get("server") in standard.UPSTREAMS


def _names(params: Mapping[str, Any], *keys: str) -> list[str]:
    values = [params[key] for key in keys if key in params]
    return [name for value in values for name in ([value] if isinstance(value, str) else value)]
