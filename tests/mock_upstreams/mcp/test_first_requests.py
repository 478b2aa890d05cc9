"""The first requests to a mock take no longer than later ones: FastMCP has its libraries."""

import json
from collections.abc import Callable

REQUESTS = """
import json, sys
import httpx
from gatebench.mock_upstreams.server import ServerThread
from gatebench.mock_upstreams.upstream import UpstreamSpec, build_upstream

ACCEPT = {"accept": "application/json, text/event-stream"}
with ServerThread() as farm, httpx.Client(trust_env=False) as http:
    mock = build_upstream(UpstreamSpec(name="web-search", personality="none", application="features", control_token="c"))
    url = farm.serve(mock.app) + "/mcp"

    def ask(method, params, **headers):
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = http.post(url, json=message, headers={**ACCEPT, **headers})
        assert answer.status_code == 200, answer.text
        return answer

    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    session = {"mcp-session-id": ask("initialize", hello).headers["mcp-session-id"]}
    before = set(sys.modules)
    ask("tools/list", {}, **session)
    ask("tools/call", {"name": "echo", "arguments": {"value": 1}}, **session)
    print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_first_list_and_call_import_no_library(run_python: Callable[[str], str]) -> None:
    loaded = json.loads(run_python(REQUESTS).splitlines()[-1])
    assert [name for name in loaded if not name.startswith("fastmcp.")] == []
