"""What a lean upstream lists, as FastMCP would list it: `python -m mock_upstreams.lean.catalogue` writes catalogue.json anew."""

import json
from base64 import b64encode
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
        self._page_size: int | None = None
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

    def list_in_pages(self, size: int | None) -> None:
        """Show so many tools at once (None: all)."""
        self._page_size = size
        self._write()

    def page(self, cursor: str | None) -> str | None:
        """The members of a `tools/list` result, from a cursor on; None for one that was never given out.

        Without pages a cursor means nothing, as with FastMCP.
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
    """As FastMCP writes it."""
    return b64encode(f'{{"o": {start}}}'.encode()).decode()


def written_anew() -> str:
    """What catalogue.json should hold: the tools as FastMCP lists them, and one that was added while it ran."""
    import httpx  # noqa: PLC0415 - only to write the file

    from mock_upstreams.server import Farm  # noqa: PLC0415 - as well
    from mock_upstreams.upstream import UpstreamSpec, build_upstream  # noqa: PLC0415 - as well
    from mock_upstreams.wire import MODERN_REVISIONS  # noqa: PLC0415 - as well

    about = "io.modelcontextprotocol/"
    meta: dict[str, Any] = {f"{about}protocolVersion": MODERN_REVISIONS[0], f"{about}clientCapabilities": {}}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MODERN_REVISIONS[0],
        "Mcp-Method": "tools/list",
    }
    with Farm() as farm, httpx.Client(trust_env=False) as http:
        url = farm.serve(build_upstream(UpstreamSpec(name="u", personality="none", control_token="t")).app)  # noqa: S106 - of a moment
        http.put(f"{url}/_bench/tools", json={"add": ["extra"]}, headers={"X-Bench-Token": "t"}).raise_for_status()
        listed = http.post(f"{url}/mcp", json=asked, headers=headers).json()["result"]["tools"]
    return json.dumps(listed, indent=1) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "catalogue.json").write_text(written_anew(), encoding="utf-8")
