"""What a client of a story asks for, and what becomes of it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from fixtures import standard, wire
from fixtures.clients.recording import ExchangeLog

if TYPE_CHECKING:
    from conformance.selftest.story import Story

Pairs = Iterable[tuple[str, str]]
JSON_HEADERS = [("content-type", "application/json")]
STREAM_HEADERS = [("Content-Type", "text/event-stream; charset=utf-8")]


@dataclass(frozen=True)
class Line:
    """A place in the transcript."""

    seq: int


def bearer(*labels: str) -> Pairs:
    """An Authorization header for each label."""
    return [("authorization", f"Bearer «{label}»") for label in labels]


def token_of(principal: str) -> str:
    """The label of a principal's gateway token."""
    kinds = {"user": "pat", "virtual-account": "va", "external": "jwt"}
    return f"{kinds[standard.PRINCIPALS[principal].kind]}:{principal}"


@dataclass
class Ask:
    """A request of a client. Its methods say what became of it, and return it."""

    story: "Story"
    principal: str
    server: str
    method: str = "tools/call"  # a JSON-RPC method, `notifications/...`, or GET or DELETE
    at: str = ""  # the upstream that it is meant for, where that is not the server
    tool: str = "whoami"
    arguments: dict[str, Any] = field(default_factory=dict)
    rpc_id: Any = 1
    credential: str | None = None  # label of another gateway token than the principal's own
    also: Pairs = ()  # further headers
    session: str | None = None
    client: str = "raw"
    meta: Mapping[str, Any] = field(default_factory=dict)  # in `_meta`, beside the nonce

    def __post_init__(self) -> None:
        self.nonce = f"n-{next(self.story.numbers)}"
        self.at = self.at or standard.VIRTUAL_SERVERS.get(self.server, (self.server,))[0]
        self.upstream_message: dict[str, Any] = {}
        self.arrivals: list[Line] = []
        self.control: int | None = None  # line of the accepted request that it differs from, where there is one
        label = self.credential or token_of(self.principal)
        sent = [("Authorization", f"Bearer «{label}»"), *self.also]
        sent += [("Mcp-Session-Id", self.session)] if self.session else []
        tags = {"scenario": "story", "principal": self.principal, "server": self.server, "client": self.client}
        self._log = ExchangeLog(self.story.recorder, {**tags, "revision": "2025-11-25", "nonce": self.nonce})
        url = f"{self.story.sheet['gateway']['base_url']}/api/llm/mcp/{self.server}/server"
        name = f"{self.at}_{self.tool}" if self.server in standard.VIRTUAL_SERVERS else self.tool
        raw = [(key.encode(), value.encode("latin-1")) for key, value in sent]
        self._log.request(self.http, url, raw, _encoded(self.message(name)))
        self.seq = self.story.here()

    @property
    def exchange(self) -> str:
        """Its id."""
        return self._log.id

    @property
    def http(self) -> str:
        """The HTTP method."""
        return self.method if self.method in ("GET", "DELETE") else "POST"

    def message(self, tool: str) -> dict[str, Any]:
        """The JSON-RPC message; empty for GET and DELETE."""
        if self.http != "POST":
            return {}
        params: dict[str, Any] = {"_meta": {wire.META_NONCE: self.nonce, **self.meta}}
        if self.method == "tools/call":
            params |= {"name": tool, "arguments": {**self.arguments, "nonce": self.nonce}}
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
        changed: Mapping[str, Any] | None = None,
        replies: Mapping[str, Any] | None = None,
        events: Iterable[Mapping[str, Any]] = (),
        t: float = 0.0,
    ) -> Self:
        """It reaches an upstream, which answers.

        `auth`: labels of bearer tokens, or headers, in place of what the model demands. `opens`: the session id that the
        upstream gives. `changed`: members of `params` that the gateway replaces; `replies`: members of the result. `events`: what
        it says before that, in a stream whose last piece it sends at `t`.
        """
        node = at or self.at
        demanded = self.story.auth(node, self.principal) if auth is None else auth
        pairs = [*(pair for one in demanded for pair in ([one] if isinstance(one, tuple) else bearer(one))), *also]
        pairs += [("mcp-session-id", session)] if session else []
        message = self.message(self.tool)
        if changed:
            message["params"] |= changed
        self.upstream_message = self.reply(node, **(replies or {})) if status == 200 else {}
        request = {"method": self.http, "target": target, "headers": [list(pair) for pair in pairs]}
        said = [*events, self.upstream_message]
        kind = STREAM_HEADERS if len(said) > 1 else JSON_HEADERS
        given = [*kind, *([("mcp-session-id", opens)] if opens else [])]
        body = json.dumps(self.upstream_message) if self.upstream_message else ""
        body = as_events(said) if len(said) > 1 else body
        request["body"] = _encoded(message).decode()
        self.arrivals.append(
            self.story.far_end("upstream", node, request, status=status, headers=given, body=body, t=t)
        )
        return self

    @property
    def arrival(self) -> Line:
        """Where it was last seen upstream."""
        return self.arrivals[-1]

    def reply(self, node: str, **result: Any) -> dict[str, Any]:
        """What an upstream of ours says to it; `result` replaces members of the result."""
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
        """The gateway answers: by default with what the upstream said, on success."""
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

    def answered_in_bytes(self, body: bytes, headers: Pairs = JSON_HEADERS) -> Self:
        """The gateway answers with this, whatever it is."""
        self._log.response(200, [(name.encode(), value.encode("latin-1")) for name, value in headers])
        self._log.chunk(body)
        self._log.end("complete")
        return self

    def streamed(self, *messages: Mapping[str, Any], comment: str = "", how: str = "complete") -> Self:
        """The gateway answers with an event stream."""
        chosen = messages or (self.upstream_message or self.reply(self.at),)
        return self.answered(headers=STREAM_HEADERS, body=as_events(chosen, comment), how=how)

    def failed(self, how: str = "error", detail: str = "ReadError") -> Self:
        """No answer came."""
        self._log.end(how, detail)
        return self

    def asked_to_consent(self, *urls: str, data: str | None = None, status: int = 200, rpc_id: Any = None) -> Self:
        """The gateway answers with the consent error."""
        text = data if data is not None else f"Authorization required. Please visit: {' , '.join(urls)}"
        error = {"code": -32000, "message": "Authorization required", "data": text}
        identifier = self.rpc_id if rpc_id is None else rpc_id
        return self.answered(status, {"jsonrpc": "2.0", "id": identifier, "error": error})

    def refused(self, message: str, status: int = 403) -> Self:
        """The gateway answers with some other JSON-RPC error."""
        error = {"code": -32001, "message": message}
        return self.answered(status, {"jsonrpc": "2.0", "id": self.rpc_id, "error": error})


def as_events(messages: Iterable[Mapping[str, Any]], comment: str = "") -> str:
    """An event stream with these messages."""
    return "".join(f"{comment}event: message\r\ndata: {json.dumps(message)}\r\n\r\n" for message in messages)


def _encoded(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode() if message else b""
