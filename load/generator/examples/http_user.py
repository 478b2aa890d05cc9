"""A custom locust user on the schedule of a plan:

locust -f load/generator/examples/http_user.py --headless --plan plan.json --results out

It needs an order of magnitude more CPU than `McpUser`; use it for traffic that the calls of a plan cannot express.
"""

import json

from locust import HttpUser, task

from gatebench.load.generator.locust_hooks import Hooks
from gatebench.load.generator.shape import PlanShape
from gatebench.load.generator.users import TakesArrivals

Hooks()

__all__ = ["ListAndCall", "PlanShape"]


class ListAndCall(TakesArrivals, HttpUser):
    """Lists tools, then calls the tool of the plan; both requests are one operation, which fails if either fails."""

    host = "http://127.0.0.1"  # required by locust; the URLs of the plan are absolute

    @task
    def list_and_call(self) -> None:
        """Run once per scheduled request; `self.call` and `self.caller` are set from the plan."""
        self._post("tools/list", {})
        answer = self._post("tools/call", {"name": self.call.tool, "arguments": self.call.arguments})
        if self.caller.expect and not all(text in answer for text in self.caller.expect):
            raise ValueError("the response of another caller")

    def _post(self, method: str, params: dict[str, object]) -> str:
        meta = {"io.modelcontextprotocol/protocolVersion": self.call.revision}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        headers = {"MCP-Protocol-Version": self.call.revision, "Mcp-Method": method, **self.caller.headers}
        headers |= {"Accept": "application/json, text/event-stream", "Mcp-Name": self.call.tool}
        with self.client.post(self.call.url, json=message, headers=headers, name=method, catch_response=True) as reply:
            if "result" not in json.loads(reply.text or "{}"):
                reply.failure(f"status {reply.status_code} without a result")
            return str(reply.text)
