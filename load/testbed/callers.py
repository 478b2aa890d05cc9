"""Callers of a load: the principals of the standard world, and additional ones that a profile requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gatebench.fixtures.harness.bench import Bench
from gatebench.fixtures.recording.secrets import digest, random_token
from gatebench.fixtures.world import definition
from gatebench.fixtures.world.config import WorldJson
from gatebench.load.plan.plan import PlannedCaller

STRANGER = "stranger-"


@dataclass(frozen=True)
class CallerPool:
    """Callers beyond those of the standard world: `users` with gateway tokens, `externals` with JWTs of an identity provider,
    `strangers` with tokens that the gateway does not know.

    Their names have the same length, so that no name contains another.
    """

    users: int = 0
    externals: int = 0
    strangers: int = 0

    def join(self, world_json: WorldJson) -> None:
        """Add them to a world config, with access to everything."""
        for name in self.user_names:
            world_json["principals"][name] = {"kind": "user", "tokens": [random_token("pat")]}
        for name in self.external_names:
            world_json["principals"][name] = {"kind": "external", "issuer": "corp", "subject": name}
        for name in (*self.user_names, *self.external_names):
            world_json["access"][name] = [*world_json["upstreams"], *world_json["virtual_servers"]]

    @property
    def user_names(self) -> list[str]:
        """`load-user-00000` and so on."""
        return [f"load-user-{number:05d}" for number in range(self.users)]

    @property
    def external_names(self) -> list[str]:
        """`load-jwt-00000` and so on."""
        return [f"load-jwt-{number:05d}" for number in range(self.externals)]

    @property
    def stranger_names(self) -> list[str]:
        """`stranger-00000` and so on."""
        return [f"{STRANGER}{number:05d}" for number in range(self.strangers)]

    def named(self, who: str) -> list[str]:
        """Return the principals of a caller entry in a profile: `crowd`, `crowd-external`, `strangers`, or a name."""
        groups: Mapping[str, list[str]] = {
            "crowd": self.user_names,
            "crowd-external": self.external_names,
            "strangers": self.stranger_names,
        }
        return groups.get(who, [who])


def through_the_gateway(bench: Bench, name: str, members: tuple[str, ...]) -> PlannedCaller:
    """Return a caller of the gateway; responses must show that it used the right credentials for these upstreams."""
    if name.startswith(STRANGER):
        return PlannedCaller(name=name, headers=bench.identities.credential(random_token("pat")))
    token = bench.identities.token(name)
    return PlannedCaller(
        name=name, headers=bench.identities.credential(token), expect=expected(bench, name, members, token)
    )


def directly(bench: Bench, name: str, server: str) -> PlannedCaller:
    """Return a direct caller, which uses the credential of the upstream."""
    headers = bench.identities.upstream_credential(name, server)
    return PlannedCaller(
        name=name, headers=headers, expect=expected(bench, name, (server,), bench.identities.token(name))
    )


def with_own_tool(caller: PlannedCaller) -> PlannedCaller:
    """Return a caller whose tool list must hold its own tool (`gatebench.mock_upstreams.control.personal_list`)."""
    return caller.model_copy(update={"expect": [f"of-{caller.name}"]})


def expected(bench: Bench, name: str, members: tuple[str, ...], token: str) -> list[str]:
    """Return what only the responses to this caller must contain: the subject, digests of credentials."""
    found: list[str] = []
    for member in members:
        auth: dict[str, Any] = bench.world_json["upstreams"][member]["auth"]
        model = definition.UPSTREAMS[member].model
        if model == "static":
            found.append(digest(auth["value"]))
        elif model == "oauth":
            found.append(name)
        elif model == "passthrough":
            found += [name, digest(token)]
    return list(dict.fromkeys(found))
