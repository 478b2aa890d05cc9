"""Control requests that change the tool list of a mock: its tools, and its page size."""

from typing import Any

from ..control.api import ControlError, ControlRequest
from .sample_data import TOOL_NAME


def tool_change(request: ControlRequest, there: set[str]) -> tuple[list[str], list[str], set[str]]:
    """Parse PUT {"add": [names], "remove": [names]}; return the added, removed and resulting tools. Raises ControlError."""
    change = request.mapping()
    if unknown := sorted(set(change) - {"add", "remove"}):
        raise ControlError(f'unknown key {unknown[0]!r}; available: "add" and "remove"')
    added, removed = _names(change, "add"), _names(change, "remove")
    left = set(there)
    for name in removed:
        if name not in left:
            raise ControlError(f"there is no tool {name!r} to remove")
        left.remove(name)
    for name in added:
        if name in left:
            raise ControlError(f"there already is a tool {name!r}")
        left.add(name)
    return added, removed, left


def page_size(request: ControlRequest) -> int | None:
    """Parse PUT {"size": n}: the page size of lists; None for no pagination. Raises ControlError."""
    given = request.mapping()
    size = given.get("size")
    whole = isinstance(size, int) and not isinstance(size, bool) and size > 0
    if given.keys() != {"size"} or not (size is None or whole):
        raise ControlError('pages take {"size": n}: a whole number of tools, or null for all of them')
    return size


def _names(change: dict[str, Any], key: str) -> list[str]:
    names = change.get(key, [])
    if not isinstance(names, list) or not all(isinstance(one, str) and TOOL_NAME.fullmatch(one) for one in names):
        raise ControlError(f"{key!r} must be an array of tool names")
    return names
