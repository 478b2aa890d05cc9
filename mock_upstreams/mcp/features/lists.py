"""Lists in pages, and the control requests that change what is in them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...control.api import ControlError, ControlRequest
from .catalogue import Entry

INVALID_PARAMS = -32602
_CURSOR = "start=%d&\u00e9 +/%%3D"  # opaque to clients: as written, or not at all


class FeatureError(Exception):
    """The request is refused with this JSON-RPC error."""

    def __init__(self, code: int, text: str, data: Any = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.data = data


@dataclass
class PagedList:
    """The entries of a list; `size` is that of its pages (None: one page). An empty page comes after the first of several.

    `ends_in_empty_cursor`: the cursor of the last of several pages is an empty text.
    """

    entries: list[Entry]
    size: int | None = None
    added: dict[str, Entry] = field(default_factory=dict)
    ends_in_empty_cursor: bool = False

    def page(self, cursor: Any) -> tuple[list[Entry], dict[str, str]]:
        """Return the entries of a page, and the members that lead to the next one. Raises FeatureError for an unknown cursor."""
        there = [*self.entries, *self.added.values()]
        size = self.size or max(1, len(there))
        pages = [there[start : start + size] for start in range(0, len(there), size)] or [[]]
        if len(pages) > 1:
            pages.insert(1, [])
        cursors = [None, *(_CURSOR % number for number in range(1, len(pages)))]
        if self.ends_in_empty_cursor and len(pages) > 1:
            cursors[-1] = ""
        if cursor not in cursors:
            raise FeatureError(INVALID_PARAMS, "Invalid cursor", {"cursor": cursor})
        number = cursors.index(cursor)
        return pages[number], {"nextCursor": next_one} if (next_one := (*cursors, None)[number + 1]) is not None else {}

    def change(self, request: ControlRequest, make: Callable[[str], Entry]) -> dict[str, Any]:
        """Handle PUT {"add": [names], "remove": [names]} of added entries. Raises ControlError."""
        given = request.mapping()
        if unknown := sorted(set(given) - {"add", "remove"}):
            raise ControlError(f'unknown key {unknown[0]!r}; available: "add" and "remove"')
        for name in given.get("remove", []):
            if self.added.pop(str(name), None) is None:
                raise ControlError(f"there is no {name!r} to remove")
        for name in given.get("add", []):
            self.added[str(name)] = make(str(name))
        return {"added": sorted(self.added)}
