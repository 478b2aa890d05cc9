"""A load of your own, written as any locust user is, on the schedule of a plan:

locust -f load/generator/examples/http_user.py --headless --plan plan.json --results out

It costs an order of magnitude more CPU than `McpUser`; use it where the plan's own calls cannot say what you need.
"""

import json

from locust import HttpUser, task

from load.generator.hooks import Hooks
from load.generator.shape import PlanShape
from load.generator.users import TakesArrivals

Hooks()

__all__ = ["ListAndCall", "PlanShape"]


class ListAndCall(TakesArrivals, HttpUser):
    """Asks for the tools and then calls the plan's; one arrival is both requests, and either can fail it."""

    host = "http://127.0.0.1"  # locust wants one; the plan's URLs are absolute

    @task
    def list_and_call(self) -> None:
        """What happens at each arrival: `self.call` and `self.caller` are the plan's."""
        self._post("tools/list", {})
        answer = self._post("tools/call", {"name": self.call.tool, "arguments": self.call.arguments})
        if self.caller.expect and not all(text in answer for text in self.caller.expect):
            raise ValueError("somebody else's answer")

    def _post(self, method: str, params: dict[str, object]) -> str:
        meta = {"io.modelcontextprotocol/protocolVersion": self.call.revision}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        headers = {"MCP-Protocol-Version": self.call.revision, "Mcp-Method": method, **self.caller.headers}
        headers |= {"Accept": "application/json, text/event-stream", "Mcp-Name": self.call.tool}
        with self.client.post(self.call.url, json=message, headers=headers, name=method, catch_response=True) as reply:
            if "result" not in json.loads(reply.text or "{}"):
                reply.failure(f"status {reply.status_code} without a result")
            return str(reply.text)
