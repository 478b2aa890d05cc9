"""A plain FastMCP server with eight tools. `python -m gatebench.load.benchmarks.plain_fastmcp`."""

import json
import socket
from typing import Any

import uvicorn
from fastmcp import FastMCP


def application() -> FastMCP[Any]:
    """Return a server with as many tools as the mocks; `whoami` names the upstream and returns the nonce."""
    server: FastMCP[Any] = FastMCP("calculator")

    def whoami(nonce: str | None = None) -> dict[str, Any]:
        """Return the name of the upstream."""
        return {"tool": "whoami", "upstream": "calculator", "nonce": nonce}

    server.tool(whoami)
    for number in range(7):

        def other(value: str = "", nonce: str | None = None) -> dict[str, Any]:
            """Return the arguments."""
            return {"value": value, "nonce": nonce}

        server.tool(other, name=f"other-{number}")
    return server


def main() -> None:
    """Serve until stopped; print the address as one JSON line."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1024)
        print(json.dumps({"mcp_url": f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"}), flush=True)
        app = application().http_app(path="/mcp", json_response=True)
        uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False)).run([listening])


if __name__ == "__main__":
    main()
