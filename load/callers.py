"""Who calls under load: the principals of the standard world, and as many more of their kinds as a profile wants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fixtures import standard
from fixtures.bench import Bench
from fixtures.secrets import digest, random_token
from fixtures.sheet import Sheet
from load.plan import Caller


@dataclass(frozen=True)
class Crowd:
    """Callers beyond those of the standard world: `users` with gateway tokens, `externals` with JWTs of an identity provider.

    Their names have one length, so that none is contained in another.
    """

    users: int = 0
    externals: int = 0

    def join(self, sheet: Sheet) -> None:
        """Put them into a setup sheet, with access to everything."""
        for name in self.user_names:
            sheet["principals"][name] = {"kind": "user", "tokens": [random_token("pat")]}
        for name in self.external_names:
            sheet["principals"][name] = {"kind": "external", "issuer": "corp", "subject": name}
        for name in (*self.user_names, *self.external_names):
            sheet["access"][name] = [*sheet["upstreams"], *sheet["virtual_servers"]]

    @property
    def user_names(self) -> list[str]:
        """`load-user-00000` and so on."""
        return [f"load-user-{number:05d}" for number in range(self.users)]

    @property
    def external_names(self) -> list[str]:
        """`load-jwt-00000` and so on."""
        return [f"load-jwt-{number:05d}" for number in range(self.externals)]

    def named(self, who: str) -> list[str]:
        """The principals behind a word of a profile: `crowd` (users), `crowd-external`, or names of the standard world."""
        groups: Mapping[str, list[str]] = {"crowd": self.user_names, "crowd-external": self.external_names}
        return groups.get(who, [who])


def through_the_gateway(bench: Bench, name: str, members: tuple[str, ...]) -> Caller:
    """Somebody who calls the gateway; answers must show that it used the right credential for those upstreams."""
    token = bench.token(name)
    return Caller(name=name, headers=bench.credential(token), expect=expected(bench, name, members, token))


def directly(bench: Bench, name: str, server: str) -> Caller:
    """The same past the gateway: the upstream's own credential."""
    headers = bench.upstream_credential(name, server)
    return Caller(name=name, headers=headers, expect=expected(bench, name, (server,), bench.token(name)))


def expected(bench: Bench, name: str, members: tuple[str, ...], token: str) -> list[str]:
    """What must stand in the answers of these upstreams, and in nobody else's: subject, digest of the credential."""
    found: list[str] = []
    for member in members:
        auth: dict[str, Any] = bench.sheet["upstreams"][member]["auth"]
        model = standard.UPSTREAMS[member].model
        if model == "static":
            found.append(digest(auth["value"]))
        elif model == "oauth":
            found.append(name)
        elif model == "passthrough":
            found += [name, digest(token)]
    return list(dict.fromkeys(found))
