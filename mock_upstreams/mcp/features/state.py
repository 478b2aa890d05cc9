"""Resources, prompts and subscriptions of one upstream, independent of the server that serves them."""

from typing import Any

from ...control.api import ControlError, ControlRequest
from . import catalogue
from .catalogue import Entry
from .lists import INVALID_PARAMS, FeatureError, PagedList

RESOURCE_NOT_FOUND = -32002  # before 2026-07-28, which has -32602 for it
PRIVATE_MS = 60_000  # for how long a client may keep what is personal
LISTS = {"resources/list": "resources", "resources/templates/list": "resourceTemplates", "prompts/list": "prompts"}
"""The lists, with the member of the result."""


class FeatureState:
    """What one upstream has; every method returns the members of a result, or raises FeatureError."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.subscribed: dict[str, set[str]] = {}
        self._lists = {
            "resources": PagedList(catalogue.resources(node)),
            "resourceTemplates": PagedList(catalogue.templates(node)),
            "prompts": PagedList(catalogue.prompts()),
        }

    def listed(self, method: str, cursor: Any) -> Entry:
        """Return one page of a list."""
        page, following = self._lists[LISTS[method]].page(cursor)
        return {LISTS[method]: page, **following}

    def read(self, uri: str, owner: str | None, *, modern: bool) -> Entry:
        """Return the contents of a resource for the owner of the token."""
        found = catalogue.contents(self.node, uri, owner)
        added = self._lists["resources"].added.values()
        if found is None or ("/added/" in uri and uri not in [one["uri"] for one in added]):
            code = INVALID_PARAMS if modern else RESOURCE_NOT_FOUND
            raise FeatureError(code, f"Resource not found: {uri}", {"uri": uri})
        return {"contents": found, "_meta": {"example.com/read": 1.5}}

    def prompt(self, name: str, arguments: dict[str, str]) -> Entry:
        """Return a prompt."""
        found = catalogue.prompt(self.node, name, arguments)
        if found is None or (name.startswith("added") and name not in self._lists["prompts"].added):
            raise FeatureError(INVALID_PARAMS, f"Unknown prompt: {name}", {"name": name})
        return found

    def complete(self, reference: str, argument: Entry, context: Entry) -> Entry:
        """Return a completion."""
        return {"completion": catalogue.completion(self.node, reference, argument, context)}

    def subscribers(self, uri: str) -> set[str]:
        """Return the sessions that subscribed to a resource."""
        return {name for name, uris in self.subscribed.items() if uri in uris}

    def list_in_pages(self, size: int | None) -> None:
        """Set the page size of every list (None: no pagination)."""
        for one in self._lists.values():
            one.size = size

    def end_in_empty_cursor(self, on: bool) -> None:
        """Give the last page of every list an empty cursor, or the usual one."""
        for one in self._lists.values():
            one.ends_in_empty_cursor = on

    def change(self, kind: str, request: ControlRequest) -> dict[str, Any]:
        """Handle PUT {"add": [names], "remove": [names]} of resources or prompts. Raises ControlError."""
        if kind == "prompts":
            return self._lists[kind].change(request, lambda name: {"name": name})
        return self._lists[kind].change(request, lambda name: catalogue.added_resource(self.node, name))


def hints_of(uri: str | None) -> Entry:
    """Return the caching hints of a list, or of the resource with this URI (MCP 2026-07-28, caching)."""
    personal = uri is not None and uri.endswith(f"/{catalogue.PERSONAL}")
    return {"ttlMs": PRIVATE_MS if personal else 0, "cacheScope": "private"}


def updated_uris(request: ControlRequest) -> tuple[str, str]:
    """Return the URI of POST {"uri": uri}, and that of the resource whose subscribers hear of it. Raises ControlError."""
    given = request.mapping()
    uri, subscribed = given.get("uri"), given.get("of", given.get("uri"))
    if not isinstance(uri, str) or not isinstance(subscribed, str):
        raise ControlError('the body must be {"uri": a URI}, with "of": a URI for a sub-resource of that one')
    return uri, subscribed
