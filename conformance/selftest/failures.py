"""Requests to a server whose upstream fails, lists of tools, executions: what the stories of troubleshooting are made of."""

import json
import time

from conformance.selftest.asks import JSON_HEADERS, Ask, Line
from conformance.selftest.story import Story

FAILED = "status 500"


def fails(story: Story, method: str = "tools/call", server: str = "calculator", *, at: str = "") -> Ask:
    """alice's request to a server whose upstream fails; what she is told is up to the teller."""
    control = story.call("alice", server, at=at)
    made = story.ask("alice", server, method, at=at)
    return story.probe("troubled", made, control, FAILED)


def told(made: Ask, status: int = 502, text: str = "the server calculator cannot be reached", **answer: object) -> Ask:
    """The gateway says so; `answer` replaces members of the JSON-RPC message."""
    message = {"jsonrpc": "2.0", "id": made.rpc_id, "error": {"code": status, "message": text}}
    return made.answered(status, {**message, **answer})


def landed_as(made: Ask, status: int, body: str, headers: list[tuple[str, str]] = JSON_HEADERS) -> None:
    """It reaches the upstream, which says this."""
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": json.dumps(made.message(made.tool))}
    made.story.far_end("upstream", made.at, request, status=status, headers=headers, body=body)


def late(made: Ask, seconds: float) -> Ask:
    """Its answer took so long."""
    for event in made.story.events:
        if event.get("exchange") == made.exchange and event["kind"] == "end":
            event["t"] = time.monotonic() + seconds
    return made


def runs(made: Ask, tool: str = "whoami", node: str = "") -> Line:
    """An upstream executes it."""
    made.arrives(node)
    line = made.arrival
    exchange = next(event["exchange"] for event in made.story.events if event["seq"] == line.seq)
    facts = {"tool": tool, "arguments": {"nonce": made.nonce}, "meta": None, "exchange": exchange}
    made.story.recorder.write({"t": 0.0, "leg": "upstream", "node": node or made.at, "kind": "execution", **facts})
    return line


def listed(story: Story, when: str, shows: list[str], *, hides: tuple[str, ...] = (), at: str = "calculator") -> Ask:
    """alice's list of tools; it must show these and must not show those."""
    made = story.ask("alice", at, "tools/list")
    story.observe("listing", pages=[made.exchange], server=at, when=when, shows=shows, hides=list(hides))
    return made


def page(made: Ask, *names: str) -> Ask:
    """A list of these tools."""
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in names]
    return made.arrives().answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"tools": tools}})
