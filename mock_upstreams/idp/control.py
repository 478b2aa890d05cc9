"""Control routes of the IdP: mint, keys, settings, clients, faults, revoke, stats, secrets."""

from collections.abc import Awaitable, Callable
from typing import Any

from ..control.api import ControlApi, ControlError, ControlRequest
from .faults import FaultError, IdpFaults
from .minted_secrets import SecretFeed
from .state.issuer import Issuer
from .state.keys import KeyChangeError
from .state.settings import SettingError

KEY_ACTIONS = ("rotate", "replace", "withdraw", "restore", "outage", "recover", "add-junk")


class IdpControl:
    """Control handlers for the issuers of one IdP. Input and output are JSON; an invalid request raises ControlError."""

    def __init__(self, issuers: dict[str, Issuer], faults: IdpFaults, feed: SecretFeed) -> None:
        self._issuers = issuers
        self._faults = faults
        self._feed = feed

    def install(self, control: ControlApi) -> None:
        """Add every route."""
        routes: dict[tuple[str, str], Callable[[ControlRequest], Awaitable[Any]]] = {
            ("POST", "mint"): self.mint,
            ("POST", "keys"): self.keys,
            ("PUT", "settings"): self.settings,
            ("DELETE", "clients"): self.forget_clients,
            ("PUT", "faults"): self.set_faults,
            ("DELETE", "faults"): self.clear_faults,
            ("POST", "revoke"): self.revoke,
            ("GET", "stats"): self.stats,
            ("GET", "secrets"): self.secrets,
        }
        for (method, path), handler in routes.items():
            control.add(method, path, handler)

    async def mint(self, request: ControlRequest) -> dict[str, Any]:
        """Mint a token from `issuer`, `claims` (complete; a text is signed as it is), `alg`, `headers` (or null), `label`."""
        issuer, given = self._addressed(request, {"claims", "alg", "headers", "label"})
        claims, headers, label = given.get("claims"), given.get("headers"), given.get("label")
        algorithm = given.get("alg") or issuer.keys.default
        if not isinstance(claims, dict | str) or not isinstance(headers or {}, dict):
            raise ControlError("claims must be an object or a text, headers an object or null")
        if algorithm not in issuer.keys.algorithms:
            raise ControlError(
                f"issuer {issuer.name} signs with {', '.join(issuer.keys.algorithms)}, not {algorithm!r}"
            )
        if label is not None and not isinstance(label, str):
            raise ControlError("label must be a string or null")
        await issuer.keys.ready(algorithm)
        return {"token": issuer.mint(claims, algorithm=algorithm, headers=headers, label=label)}

    async def keys(self, request: ControlRequest) -> dict[str, Any]:
        """Change the keys: `issuer`, `action`, for "withdraw" an optional `kid`; returns the state of the key ring."""
        issuer, given = self._addressed(request, {"action", "kid"})
        action, ring = given.get("action"), issuer.keys
        if action not in KEY_ACTIONS:
            raise ControlError(f"action must be one of {', '.join(KEY_ACTIONS)}")
        try:
            match action:
                case "rotate":
                    ring.rotate()
                case "replace":
                    ring.replace()
                case "withdraw":
                    ring.withdraw(given.get("kid"))
                case "restore":
                    ring.restore()
                case "add-junk":
                    ring.add_junk()
                case _:
                    ring.outage = action == "outage"
        except KeyChangeError as error:
            raise ControlError(str(error)) from error
        await ring.ready()
        return ring.state()

    async def settings(self, request: ControlRequest) -> dict[str, Any]:
        """Change settings: `issuer` and any settings; returns all settings."""
        given = request.mapping()
        issuer = self._issuer(given)
        try:
            issuer.settings.change({name: value for name, value in given.items() if name != "issuer"})
        except SettingError as error:
            raise ControlError(str(error)) from error
        return issuer.settings.state()

    async def forget_clients(self, request: ControlRequest) -> dict[str, Any]:
        """Forget the clients of `issuer` that registered themselves; returns how many there were."""
        issuer, _ = self._addressed(request, set())
        return {"forgotten": issuer.forget_clients()}

    async def set_faults(self, request: ControlRequest) -> dict[str, Any]:
        """Replace all rules by those in the body."""
        try:
            return {"rules": self._faults.replace(request.body)}
        except FaultError as error:
            raise ControlError(str(error)) from error

    async def clear_faults(self, _request: ControlRequest) -> dict[str, Any]:
        """Remove all rules."""
        return {"rules": self._faults.replace([])}

    async def revoke(self, request: ControlRequest) -> dict[str, Any]:
        """Revoke by `issuer` and `token` or `subject`; returns the number of live tokens that were revoked."""
        issuer, given = self._addressed(request, {"token", "subject"})
        value, subject = given.get("token"), given.get("subject")
        if isinstance(value, str) == isinstance(subject, str):
            raise ControlError("name either a token or a subject")
        alive = [token for token in issuer.tokens.values() if not token.dead]
        if isinstance(subject, str):
            issuer.revoke_subject(subject)
        elif (token := issuer.tokens.get(str(value))) is not None:
            issuer.revoke(token)
        else:
            raise ControlError(f"issuer {issuer.name} has not minted this token", 404)
        return {"revoked": sum(token.dead for token in alive)}

    async def stats(self, _request: ControlRequest) -> dict[str, Any]:
        """Return the requests per issuer: `token` by grant type, everything else by endpoint."""
        return {"issuers": {name: issuer.stats.state() for name, issuer in self._issuers.items()}}

    async def secrets(self, request: ControlRequest) -> dict[str, Any]:
        """Return the secrets minted after number `since`."""
        since = int(request.number("since", 0))
        return {"secrets": self._feed.since(since), "head": self._feed.head}

    def _addressed(self, request: ControlRequest, members: set[str]) -> tuple[Issuer, dict[str, Any]]:
        given = request.mapping()
        if unknown := sorted(set(given) - members - {"issuer"}):
            raise ControlError(f"unknown member {unknown[0]!r}; available: issuer, {', '.join(sorted(members))}")
        return self._issuer(given), given

    def _issuer(self, given: dict[str, Any]) -> Issuer:
        issuer = self._issuers.get(str(given.get("issuer")))
        if issuer is None:
            raise ControlError(f"no issuer {given.get('issuer')!r}; available: {', '.join(self._issuers)}", 404)
        return issuer
