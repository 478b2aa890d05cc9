"""Transcripts of servers that talk to their clients: requests during a call, and the responses that clients post."""

import json
from collections.abc import Callable
from typing import Any

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine, bearer, token_of
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.fixtures.clients.exchange_log import ExchangeLog

Json = dict[str, Any]

SERVER = "everything"
SESSION = "s1"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
CHANGED: Json = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
NEEDS: Json = {"resultType": "input_required", "inputRequests": {"a": {"method": "roots/list", "params": {}}}}


def claims(builder: TranscriptBuilder) -> None:
    """Make the target claim everything that the shapes depend on."""
    builder.facts.target["features"] = ["mcp.resumption", "mcp.server-requests", "mcp.subscriptions"]


def question(made: ClientRequest, method: str = "elicitation/create", identifier: Any = 1) -> Json:
    """Return a server request during a call."""
    return {"jsonrpc": "2.0", "id": identifier, "method": method, "params": {"message": f"who? {made.nonce}"}}


def asked_during(
    builder: TranscriptBuilder,
    received: Callable[[Json], list[Json]],
    *,
    of: str = "alice",
    method: str = "elicitation/create",
) -> ClientRequest:
    """Add a call during which the server asks; `received`: the requests that the client gets."""
    made = builder.ask(of, SERVER)
    asked = question(made, method)
    made.arrives(session=SESSION, events=[asked])
    return made.streamed(*received(asked), made.upstream_message)


class Posted(TranscriptLine):
    """A response that a client posted."""

    exchange: str


def posted(
    builder: TranscriptBuilder, message: Json, of: str = "alice", *, status: int = 202, body: str = ""
) -> Posted:
    """Add a response of a client to a server request, and what the gateway answers."""
    tags = {"scenario": "story", "principal": of, "server": SERVER, "client": "raw"}
    log = ExchangeLog(builder.recorder, {**tags, "revision": "2025-11-25", "nonce": None})
    url = f"{builder.world_json['gateway']['base_url']}/api/llm/mcp/{SERVER}/server"
    headers = [(name.encode(), value.encode("latin-1")) for name, value in bearer(token_of(of))]
    log.request("POST", url, headers, json.dumps(message).encode())
    line = Posted(builder.here())
    object.__setattr__(line, "exchange", log.id)
    log.response(status, [])
    if body:
        log.chunk(body.encode())
    log.end("complete")
    return line


def arrives_upstream(builder: TranscriptBuilder, message: Json) -> TranscriptLine:
    """Add the response to a server request as the upstream gets it."""
    return builder.errand(SERVER, headers=[("mcp-session-id", SESSION)], body=json.dumps(message), status=202)


def answer(identifier: Any, text: str) -> Json:
    """Return a response to a server request."""
    return {"jsonrpc": "2.0", "id": identifier, "result": {"action": "accept", "content": {"name": text}}}
