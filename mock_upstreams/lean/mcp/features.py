"""Resources, prompts and completion of a lean upstream: the same as FastMCP serves, without log messages."""

from typing import Any

from ...control.api import ControlRequest, Handler
from ...mcp.features.state import LISTS, FeatureState, hints_of, updated_uris
from ..messages import Call
from .notifications import Notifications

Params = dict[str, Any]

CAPABILITIES = {
    "tools": {"listChanged": True},
    "resources": {"subscribe": True, "listChanged": True},
    "prompts": {"listChanged": True},
    "completions": {},
}
SESSION_ONLY = ("resources/subscribe", "resources/unsubscribe")
METHODS = (*LISTS, "resources/read", "prompts/get", "completion/complete")


class LeanFeatures:
    """The methods, and the control requests that change what they answer."""

    def __init__(self, node: str, notifications: Notifications) -> None:
        self._state = FeatureState(node)
        self._notifications = notifications
        self.controls: dict[tuple[str, str], Handler] = {
            ("PUT", "resources"): self.change_resources,
            ("PUT", "prompts"): self.change_prompts,
            ("POST", "resources/updated"): self.updated,
        }

    def answer(self, call: Call, params: Params, method: str) -> Params:
        """Return the members of a result, with caching hints. Raises FeatureError."""
        given = {name: params.get(name) for name in ("uri", "name", "cursor")}
        if method in LISTS:
            return self._state.listed(method, given["cursor"]) | hints_of(None)
        if method == "resources/read":
            uri, owner = str(given["uri"]), call.identity["sub"] if call.identity else None
            return self._state.read(uri, owner, modern=call.modern) | hints_of(uri)
        if method == "prompts/get":
            return self._state.prompt(str(given["name"]), _object(params.get("arguments")))
        if method in SESSION_ONLY:
            uris = self._state.subscribed.setdefault(call.session or "", set())
            (uris.add if method == SESSION_ONLY[0] else uris.discard)(str(given["uri"]))
            return {}
        reference, known = _object(params.get("ref")), _object(_object(params.get("context")).get("arguments"))
        about = str(reference.get("name") or reference.get("uri"))
        return self._state.complete(about, _object(params.get("argument")), known)

    def list_in_pages(self, size: int | None) -> None:
        """Set the page size of every list (None: no pagination)."""
        self._state.list_in_pages(size)

    def session_ended(self, session: str) -> None:
        """Forget the subscriptions of a session."""
        self._state.subscribed.pop(session, None)

    async def change_resources(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"add": [names], "remove": [names]}: change the resources and send list_changed."""
        answer = self._state.change("resources", request)
        self._notifications.announce(
            "resources/list_changed", lambda wanted: wanted.get("resourcesListChanged") is True
        )
        return answer

    async def change_prompts(self, request: ControlRequest) -> Any:
        """Control handler, PUT {"add": [names], "remove": [names]}: change the prompts and send list_changed."""
        answer = self._state.change("prompts", request)
        self._notifications.announce("prompts/list_changed", lambda wanted: wanted.get("promptsListChanged") is True)
        return answer

    async def updated(self, request: ControlRequest) -> Any:
        """Control handler, POST {"uri": uri}: send resources/updated to those who subscribed to it, or to `of`."""
        uri, subscribed = updated_uris(request)
        sessions = self._state.subscribers(subscribed)

        def wants(wanted: Params) -> bool:
            uris = wanted.get("resourceSubscriptions")
            return isinstance(uris, list) and subscribed in uris

        self._notifications.announce("resources/updated", wants, sessions, {"uri": uri})
        return {"sessions": len(sessions)}


def _object(value: Any) -> Params:
    return value if isinstance(value, dict) else {}
