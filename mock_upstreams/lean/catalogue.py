"""What a lean upstream lists, as FastMCP would list it (catalogue.json is its own word)."""

import json
from pathlib import Path
from typing import Any

from mock_upstreams.lean.tools import compact


class Catalogue:
    """The tools, and the text that lists them."""

    def __init__(self) -> None:
        shipped = json.loads((Path(__file__).parent / "catalogue.json").read_text(encoding="utf-8"))
        self._standard = {tool["name"]: tool for tool in shipped}
        self._added = self._standard.pop("extra")  # what an added tool looks like
        self._tools: dict[str, dict[str, Any]] = dict(self._standard)
        self._padding: list[dict[str, Any]] = []
        self._write()

    @property
    def changeable(self) -> set[str]:
        """Names of the tools, without padding."""
        return set(self._tools)

    def change(self, added: list[str], removed: list[str]) -> None:
        """Some more, some less."""
        for name in removed:
            del self._tools[name]
        for name in added:
            self._tools[name] = self._standard.get(name) or {**self._added, "name": name, "title": name.title()}
        self._write()

    def pad(self, number: int) -> None:
        """Have at least that many."""
        names = (f"tool-{n:04d}" for n in range(len(self._tools) + 1, number + 1))
        self._padding = [{**self._added, "name": name, "title": name.title()} for name in names]
        self._write()

    def _write(self) -> None:
        listed = [*self._tools.values(), *self._padding]
        self.names = frozenset(tool["name"] for tool in listed)
        self.text = compact(listed)
