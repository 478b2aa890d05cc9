"""The tool list of a lean upstream, identical to FastMCP's: read from catalogue.json, which `cli/catalog_export.py` writes."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from .tools import compact

CATALOGUE = Path(__file__).parent / "catalogue.json"


class LeanToolCatalog:
    """The tools, and the serialised `tools/list` result."""

    def __init__(self) -> None:
        shipped = json.loads(CATALOGUE.read_text(encoding="utf-8"))
        self._standard = {tool["name"]: tool for tool in shipped}
        self._added = self._standard.pop("extra")  # the definition of an added tool
        self._tools: dict[str, dict[str, Any]] = dict(self._standard)
        self._padding: list[dict[str, Any]] = []
        self._page_size: int | None = None
        self._write()

    @property
    def changeable(self) -> set[str]:
        """Return the names of the tools, without padding."""
        return set(self._tools)

    def change(self, added: list[str], removed: list[str]) -> None:
        """Add and remove tools."""
        for name in removed:
            del self._tools[name]
        for name in added:
            self._tools[name] = self._standard.get(name) or {**self._added, "name": name, "title": name.title()}
        self._write()

    def pad(self, number: int) -> None:
        """Pad the list to at least that many tools."""
        names = (f"tool-{n:04d}" for n in range(len(self._tools) + 1, number + 1))
        self._padding = [{**self._added, "name": name, "title": name.title()} for name in names]
        self._write()

    def list_in_pages(self, size: int | None) -> None:
        """Set the page size of the list (None: no pagination)."""
        self._page_size = size
        self._write()

    def page(self, cursor: str | None) -> str | None:
        """Return the members of a `tools/list` result from a cursor on, or None for an unknown cursor.

        Without pagination a cursor is ignored, as in FastMCP.
        """
        return self._pages.get(cursor if self._page_size else None)

    def _write(self) -> None:
        listed = [*self._tools.values(), *self._padding]
        self.names = frozenset(tool["name"] for tool in listed)
        size = self._page_size or len(listed) or 1
        self._pages: dict[str | None, str] = {}
        for start in range(0, len(listed) or 1, size):
            further = start + size < len(listed)
            following = f',"nextCursor":"{_cursor(start + size)}"' if further else ""
            text = f'"tools":{compact(listed[start : start + size])}{following}'
            self._pages[_cursor(start)] = text
            if start == 0:
                self._pages[None] = text


def _cursor(start: int) -> str:
    """Return a cursor in FastMCP's format."""
    return b64encode(f'{{"o": {start}}}'.encode()).decode()
