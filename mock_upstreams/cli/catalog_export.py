"""`python -m gatebench.mock_upstreams.cli.catalog_export`: regenerate the tool catalogue of lean upstreams from FastMCP."""

import json
from typing import Any

import httpx

from ..http import MODERN_REVISIONS
from ..lean.mcp.tool_catalog import CATALOGUE
from ..server import ServerThread
from ..upstream import UpstreamSpec, build_upstream


def written_anew() -> str:
    """Return the content of catalogue.json: the tools as FastMCP lists them, and one that was added at run time."""
    about = "io.modelcontextprotocol/"
    meta: dict[str, Any] = {f"{about}protocolVersion": MODERN_REVISIONS[0], f"{about}clientCapabilities": {}}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MODERN_REVISIONS[0],
        "Mcp-Method": "tools/list",
    }
    with ServerThread() as farm, httpx.Client(trust_env=False) as http:
        url = farm.serve(build_upstream(UpstreamSpec(name="u", personality="none", control_token="t")).app)  # noqa: S106 - a temporary token
        http.put(f"{url}/_bench/tools", json={"add": ["extra"]}, headers={"X-Bench-Token": "t"}).raise_for_status()
        listed = http.post(f"{url}/mcp", json=asked, headers=headers).json()["result"]["tools"]
    return json.dumps(listed, indent=1) + "\n"


if __name__ == "__main__":
    CATALOGUE.write_text(written_anew(), encoding="utf-8")
