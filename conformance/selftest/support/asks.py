"""Requests of clients in a built transcript, and their effects."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from gatebench.conformance.selftest.support.transcript_base import (
    JSON_HEADERS,
    STREAM_HEADERS,
    Pairs,
    TranscriptBase,
    TranscriptLine,
    bearer,
    token_of,
)
from gatebench.fixtures.clients.exchange_log import ExchangeLog
from gatebench.fixtures.protocol import messages as protocol_messages
from gatebench.fixtures.world import definition


@dataclass
class ClientRequest:
    """A request of a client. Its methods add what happens to it, and return it."""

    builder: TranscriptBase
    principal: str
    server: str
    method: str = "tools/call"  # a JSON-RPC method, `notifications/...`, or GET or DELETE
    at: str = ""  # the upstream that it is meant for, if that is not the server
    tool: str = "whoami"
    arguments: dict[str, Any] | None = field(default_factory=dict)
    rpc_id: Any = 1
    credential: str | None = None  # label of a gateway token other than the principal's own
    also: Pairs = ()  # additional headers
    session: str | None = None
    client: str = "raw"
    meta: Mapping[str, Any] = field(default_factory=dict)  # in `_meta`, beside the nonce
    params: Mapping[str, Any] = field(default_factory=dict)  # of other methods than tools/call
    revision: str = "2025-11-25"

    def __post_init__(self) -> None:
        self.nonce = f"n-{next(self.builder.numbers)}"
        self.at = self.at or definition.VIRTUAL_SERVERS.get(self.server, (self.server,))[0]
        self.upstream_message: dict[str, Any] = {}
        self.arrivals: list[TranscriptLine] = []
        self.control: int | None = None  # line of the accepted request that it differs from, if there is one
        label = self.credential or token_of(self.principal)
        sent = [("Authorization", f"Bearer «{label}»"), *self.also]
        sent += [("Mcp-Session-Id", self.session)] if self.session else []
        tags = {"scenario": "story", "principal": self.principal, "server": self.server, "client": self.client}
        self._log = ExchangeLog(self.builder.recorder, {**tags, "revision": self.revision, "nonce": self.nonce})
        url = f"{self.builder.world_json['gateway']['base_url']}/api/llm/mcp/{self.server}/server"
        name = f"{self.at}_{self.tool}" if self.server in definition.VIRTUAL_SERVERS else self.tool
        raw = [(key.encode(), value.encode("latin-1")) for key, value in sent]
        self._log.request(self.http, url, raw, _encoded(self.message(name)))
        self.seq = self.builder.here()

    @property
    def exchange(self) -> str:
        """Id of the exchange."""
        return self._log.id

    @property
    def http(self) -> str:
        """The HTTP method."""
        return self.method if self.method in ("GET", "DELETE") else "POST"

    def message(self, tool: str) -> dict[str, Any]:
        """Return the JSON-RPC message; empty for GET and DELETE."""
        if self.http != "POST":
            return {}
        params: dict[str, Any] = {"_meta": {protocol_messages.META_NONCE: self.nonce, **self.meta}, **self.params}
        if self.method == "tools/call":
            params["name"] = tool
            if self.arguments is not None:
                params["arguments"] = {**self.arguments, "nonce": self.nonce}
        identity = {} if self.method.startswith("notifications/") else {"id": self.rpc_id}
        return {"jsonrpc": "2.0", **identity, "method": self.method, "params": params}

    def arrives(
        self,
        at: str = "",
        *,
        auth: Iterable[str] | Pairs | None = None,
        also: Pairs = (),
        target: str = "/mcp",
        status: int = 200,
        session: str | None = None,
        opens: str | None = None,
        gives: Pairs = (),
        changed: Mapping[str, Any] | None = None,
        replies: Mapping[str, Any] | None = None,
        events: Iterable[Mapping[str, Any]] = (),
        t: float = 0.0,
    ) -> Self:
        """Add the request at an upstream, with its response.

        `auth`: labels of bearer tokens, or headers, instead of those of the auth model. `opens`: the session id in the
        upstream's response, `gives` further header fields of it. `changed`: members of `params` that the gateway replaces;
        `replies`: members of the result. `events`: messages before it, in a stream whose last piece is sent at `t`.
        """
        node = at or self.at
        demanded = self.builder.auth(node, self.principal) if auth is None else auth
        pairs = [*(pair for one in demanded for pair in ([one] if isinstance(one, tuple) else bearer(one))), *also]
        pairs += [("mcp-session-id", session)] if session else []
        message = self.message(self.tool)
        if changed:
            message["params"] |= changed
        self.upstream_message = self.reply(node, **(replies or {})) if status == 200 else {}
        request = {"method": self.http, "target": target, "headers": [list(pair) for pair in pairs]}
        sent_messages = [*events, self.upstream_message]
        kind = STREAM_HEADERS if len(sent_messages) > 1 else JSON_HEADERS
        given = [*kind, *([("mcp-session-id", opens)] if opens else []), *gives]
        body = json.dumps(self.upstream_message) if self.upstream_message else ""
        body = as_events(sent_messages) if len(sent_messages) > 1 else body
        request["body"] = _encoded(message).decode()
        self.arrivals.append(
            self.builder.far_end("upstream", node, request, status=status, headers=given, body=body, t=t)
        )
        return self

    @property
    def arrival(self) -> TranscriptLine:
        """Return its last arrival at an upstream."""
        return self.arrivals[-1]

    def reply(self, node: str, **result: Any) -> dict[str, Any]:
        """Return the response of a mock upstream; `result` replaces members of the result."""
        if self.http != "POST" or self.method.startswith("notifications/"):
            return {}
        content: dict[str, Any] = {}
        if self.method == "tools/call":
            owner = {"owner": self.principal} if self.tool == "mailbox" else {}
            structured = {"tool": self.tool, "upstream": node, "nonce": self.nonce, **owner}
            text = {"type": "text", "text": "as you see"}
            content = {"content": [text], "structuredContent": structured, "isError": False}
        return {"jsonrpc": "2.0", "id": self.rpc_id, "result": content | result}

    def answered(
        self,
        status: int = 200,
        *messages: Mapping[str, Any],
        headers: Pairs = JSON_HEADERS,
        body: str | None = None,
        how: str = "complete",
    ) -> Self:
        """Add the gateway's response: by default the upstream's result, on success."""
        text = body
        if text is None:
            upstream = self.upstream_message or self.reply(self.at)
            chosen = messages or ((upstream,) if status == 200 and upstream else ())
            text = "".join(json.dumps(message) for message in chosen)
        self._log.response(status, [(name.encode(), value.encode("latin-1")) for name, value in headers])
        if text:
            self._log.chunk(text.encode())
        self._log.end(how)
        return self

    def answered_in_bytes(self, body: bytes, headers: Pairs = JSON_HEADERS, status: int = 200) -> Self:
        """Add a response of the gateway with exactly this body."""
        self._log.response(status, [(name.encode(), value.encode("latin-1")) for name, value in headers])
        self._log.chunk(body)
        self._log.end("complete")
        return self

    def streamed(self, *messages: Mapping[str, Any], comment: str = "", how: str = "complete") -> Self:
        """Add a response of the gateway as an event stream."""
        chosen = messages or (self.upstream_message or self.reply(self.at),)
        return self.answered(headers=STREAM_HEADERS, body=as_events(chosen, comment), how=how)

    def begun(self) -> Self:
        """Add the head of the gateway's response, an event stream."""
        self._log.response(200, [(name.encode(), value.encode()) for name, value in STREAM_HEADERS])
        return self

    def goes_on(self, how: str = "complete") -> Self:
        """Add the rest of a response that has begun: the result, and its end."""
        self._log.chunk(as_events([self.upstream_message or self.reply(self.at)]).encode())
        self._log.end(how)
        return self

    def failed(self, how: str = "error", detail: str = "ReadError") -> Self:
        """Record that no response came."""
        self._log.end(how, detail)
        return self

    def asked_to_consent(self, *urls: str, data: str | None = None, status: int = 200, rpc_id: Any = None) -> Self:
        """Add the consent error as the gateway's response."""
        text = data if data is not None else f"Authorization required. Please visit: {' , '.join(urls)}"
        error = {"code": -32000, "message": "Authorization required", "data": text}
        identifier = self.rpc_id if rpc_id is None else rpc_id
        return self.answered(status, {"jsonrpc": "2.0", "id": identifier, "error": error})

    def refused(self, message: str, status: int = 403) -> Self:
        """Add another JSON-RPC error as the gateway's response."""
        error = {"code": -32001, "message": message}
        return self.answered(status, {"jsonrpc": "2.0", "id": self.rpc_id, "error": error})


def as_events(messages: Iterable[Mapping[str, Any]], comment: str = "") -> str:
    """Return an event stream with these messages."""
    return "".join(f"{comment}event: message\r\ndata: {json.dumps(message)}\r\n\r\n" for message in messages)


def _encoded(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode() if message else b""
