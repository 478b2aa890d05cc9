"""The IdP's part of the control API: mint, keys, settings, faults, revoke, stats, secrets."""

from collections.abc import Awaitable, Callable
from typing import Any

from mock_upstreams.control import Control, ControlError, ControlRequest
from mock_upstreams.idp.faults import FaultError, Faults
from mock_upstreams.idp.issuer import Issuer
from mock_upstreams.idp.keys import KeyChangeError
from mock_upstreams.idp.secret_feed import SecretFeed
from mock_upstreams.idp.settings import SettingError

KEY_ACTIONS = ("rotate", "withdraw", "restore", "outage", "recover", "add-junk")


class IdpControl:
    """Handlers over the issuers of one IdP. Each takes and gives JSON; a senseless request raises ControlError."""

    def __init__(self, issuers: dict[str, Issuer], faults: Faults, feed: SecretFeed) -> None:
        self._issuers = issuers
        self._faults = faults
        self._feed = feed

    def install(self, control: Control) -> None:
        """Add every route."""
        routes: dict[tuple[str, str], Callable[[ControlRequest], Awaitable[Any]]] = {
            ("POST", "mint"): self.mint,
            ("POST", "keys"): self.keys,
            ("PUT", "settings"): self.settings,
            ("PUT", "faults"): self.set_faults,
            ("DELETE", "faults"): self.clear_faults,
            ("POST", "revoke"): self.revoke,
            ("GET", "stats"): self.stats,
            ("GET", "secrets"): self.secrets,
        }
        for (method, path), handler in routes.items():
            control.add(method, path, handler)

    async def mint(self, request: ControlRequest) -> dict[str, Any]:
        """`issuer`, `claims` (the whole set), `alg`, `headers` (extra JOSE header parameters, or null), `label`."""
        issuer, given = self._addressed(request, {"claims", "alg", "headers", "label"})
        claims, headers, label = given.get("claims"), given.get("headers"), given.get("label")
        algorithm = given.get("alg") or issuer.keys.default
        if not isinstance(claims, dict) or not isinstance(headers or {}, dict):
            raise ControlError("claims must be an object, headers an object or null")
        if algorithm not in issuer.keys.algorithms:
            raise ControlError(
                f"issuer {issuer.name} signs with {', '.join(issuer.keys.algorithms)}, not {algorithm!r}"
            )
        if label is not None and not isinstance(label, str):
            raise ControlError("label must be a string or null")
        await issuer.keys.ready(algorithm)
        return {"token": issuer.mint(claims, algorithm=algorithm, headers=headers, label=label)}

    async def keys(self, request: ControlRequest) -> dict[str, Any]:
        """`issuer`, `action`, for "withdraw" an optional `kid`; answers with the state of the key ring."""
        issuer, given = self._addressed(request, {"action", "kid"})
        action, ring = given.get("action"), issuer.keys
        if action not in KEY_ACTIONS:
            raise ControlError(f"action must be one of {', '.join(KEY_ACTIONS)}")
        try:
            match action:
                case "rotate":
                    ring.rotate()
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
        """`issuer` and any settings; answers with all of them."""
        given = request.mapping()
        issuer = self._issuer(given)
        try:
            issuer.settings.change({name: value for name, value in given.items() if name != "issuer"})
        except SettingError as error:
            raise ControlError(str(error)) from error
        return issuer.settings.state()

    async def set_faults(self, request: ControlRequest) -> dict[str, Any]:
        """The rules in the body replace all rules."""
        try:
            return {"rules": self._faults.replace(request.body)}
        except FaultError as error:
            raise ControlError(str(error)) from error

    async def clear_faults(self, _request: ControlRequest) -> dict[str, Any]:
        """No faults any more."""
        return {"rules": self._faults.replace([])}

    async def revoke(self, request: ControlRequest) -> dict[str, Any]:
        """`issuer` and `token` or `subject`; answers how many live tokens it killed."""
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
        """Requests per issuer: `token` by grant type, everything else by endpoint."""
        return {"issuers": {name: issuer.stats.state() for name, issuer in self._issuers.items()}}

    async def secrets(self, request: ControlRequest) -> dict[str, Any]:
        """What was minted beyond number `since`."""
        since = int(request.number("since", 0))
        return {"secrets": self._feed.since(since), "head": self._feed.head}

    def _addressed(self, request: ControlRequest, members: set[str]) -> tuple[Issuer, dict[str, Any]]:
        given = request.mapping()
        if unknown := sorted(set(given) - members - {"issuer"}):
            raise ControlError(f"unknown member {unknown[0]!r}; there are issuer, {', '.join(sorted(members))}")
        return self._issuer(given), given

    def _issuer(self, given: dict[str, Any]) -> Issuer:
        issuer = self._issuers.get(str(given.get("issuer")))
        if issuer is None:
            raise ControlError(f"no issuer {given.get('issuer')!r}; there are {', '.join(self._issuers)}", 404)
        return issuer
