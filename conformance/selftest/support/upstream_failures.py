"""Building blocks of transcripts for troubleshooting: requests to a failing upstream, lists of tools, executions."""

import json
import time

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

FAILED = "status 500"


def failing_request(
    builder: TranscriptBuilder, method: str = "tools/call", server: str = "calculator", *, at: str = ""
) -> ClientRequest:
    """Add alice's request to a server whose upstream fails; the caller adds the response."""
    control = builder.call("alice", server, at=at)
    made = builder.ask("alice", server, method, at=at)
    return builder.probe("troubled", made, control, FAILED)


def surfaced(
    made: ClientRequest, status: int = 502, text: str = "the server calculator cannot be reached", **answer: object
) -> ClientRequest:
    """Add the gateway's error response; `answer` replaces members of the JSON-RPC message."""
    message = {"jsonrpc": "2.0", "id": made.rpc_id, "error": {"code": status, "message": text}}
    return made.answered(status, {**message, **answer})


def landed_as(made: ClientRequest, status: int, body: str, headers: list[tuple[str, str]] = JSON_HEADERS) -> None:
    """Add the arrival at the upstream, with this response."""
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": json.dumps(made.message(made.tool))}
    made.builder.far_end("upstream", made.at, request, status=status, headers=headers, body=body)


def late(made: ClientRequest, seconds: float) -> ClientRequest:
    """Set the duration of its response."""
    for event in made.builder.events:
        if event.get("exchange") == made.exchange and event["kind"] == "end":
            event["t"] = time.monotonic() + seconds
    return made


def runs(made: ClientRequest, tool: str = "whoami", node: str = "") -> TranscriptLine:
    """Add its execution by an upstream."""
    made.arrives(node)
    line = made.arrival
    exchange = next(event["exchange"] for event in made.builder.events if event["seq"] == line.seq)
    facts = {"tool": tool, "arguments": {"nonce": made.nonce}, "meta": None, "exchange": exchange}
    made.builder.recorder.write({"t": 0.0, "leg": "upstream", "node": node or made.at, "kind": "execution", **facts})
    return line


def listed(
    builder: TranscriptBuilder, when: str, shows: list[str], *, hides: tuple[str, ...] = (), at: str = "calculator"
) -> ClientRequest:
    """Add alice's list of tools, with the tools that it must and must not show."""
    made = builder.ask("alice", at, "tools/list")
    builder.observe("listing", pages=[made.exchange], server=at, when=when, shows=shows, hides=list(hides))
    return made


def page(made: ClientRequest, *names: str) -> ClientRequest:
    """Add a list of these tools."""
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in names]
    return made.arrives().answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"tools": tools}})
