"""Transcripts that never happened: the standard world, told in a few sentences, as the recorder would have written them.

    story.call("alice", "mail")                                     # lands as configured, and is answered
    story.ask("dave", "mail").answered(403)                         # goes nowhere
    story.ask("alice", "mail").arrives(auth=("pat:alice",)).answered()      # lands with the wrong credential

Events go through the real recorder (numbering, announcements of secrets), client exchanges through its real log; the far
end writes as in `mock_upstreams.journal`. Credentials are named by their labels; `story.auth` says who has which.
"""

import itertools
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from conformance.judging import judge
from conformance.registry import Registry
from conformance.transcript import Event, Facts, Transcript
from conformance.verdict import Judgement
from fixtures import standard, wire
from fixtures.clients.recording import ExchangeLog
from fixtures.gateways.descriptor import Descriptor, Dialect, Gateway, Launch
from fixtures.recorder import Recorder
from fixtures.secrets import SecretClass, SecretRegistry
from fixtures.sheet import Sheet, new_sheet

Pairs = Iterable[tuple[str, str]]
REGISTRY = Registry()
PORTS = {name: 4000 + number for number, name in enumerate(("idp", *standard.UPSTREAMS))}
GATEWAY_PORT = 5000
JSON_HEADERS = [("content-type", "application/json")]


@dataclass(frozen=True)
class Line:
    """A place in the transcript."""

    seq: int


class Story:
    """A run in the making. `dialect`: how this gateway's wire differs; `started`: did we start it, so that we see its log?"""

    def __init__(self, *, started: bool = True, **dialect: Any) -> None:
        self.events: list[Event] = []
        self.facts = Facts()
        self._numbers = itertools.count(1)
        self._secrets = SecretRegistry()
        self.recorder = Recorder(Path(os.devnull), self._secrets, run="story")
        self.recorder.subscribe(self._take)
        self.sheet: Sheet = new_sheet("story", self._secrets, ports=PORTS, gateway_port=GATEWAY_PORT)
        self.secret("gateway-token", "jwt:carol", owner="carol", audience="crm")
        for user, server in itertools.product(("alice", "bob", "carol"), ("mail", "calendar")):
            for category, name in (("access-token", "access"), ("refresh-token", "refresh"), ("code", "code")):
                self.secret(category, f"{name}:{user}:{server}", owner=user, audience=server)  # type: ignore[arg-type]
        descriptor = Descriptor(
            gateway=Gateway(name="a gateway of a story"),
            launch=Launch(command=["story"]) if started else None,
            dialect=Dialect(**dialect),
        )
        self.recorder.note("world", sheet=self.sheet)
        self.recorder.note("target", target={**descriptor.model_dump(mode="json"), "features": []})

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self.facts.learn(event)

    def judged_by(self, requirement: str, *, deviation: bool = False) -> Judgement:
        """What a run would say; `deviation`: the target breaks this on purpose."""
        transcript = Transcript(self.events, self.facts)
        return judge(REGISTRY[requirement], "story", transcript, {requirement} if deviation else set())

    # -- who has what

    def secret(
        self, category: SecretClass, label: str, *, owner: str | None = None, audience: str | None = None
    ) -> str:
        """One more credential of this run; returns its label as it stands in texts."""
        self._secrets.mint(category, label, "story", owner=owner, audience=audience)
        return f"«{label}»"

    @staticmethod
    def token_of(principal: str) -> str:
        """The label of a principal's gateway token."""
        kinds = {"user": "pat", "virtual-account": "va", "external": "jwt"}
        return f"{kinds[standard.PRINCIPALS[principal].kind]}:{principal}"

    def auth(self, node: str, principal: str) -> Pairs:
        """The headers that an upstream's auth model demands for a principal."""
        model = standard.UPSTREAMS[node].model
        if model == "static":
            return [(standard.STATIC_HEADER, f"«key:{node}»")]
        if model == "oauth":
            return bearer(f"access:{principal}:{node}")
        return bearer(self.token_of(principal)) if model == "passthrough" else []

    # -- the client's side

    def ask(self, principal: str, server: str, method: str = "tools/call", **details: Any) -> "Ask":
        """A client sends a JSON-RPC request (see `Ask`); what becomes of it is said by what follows."""
        return Ask(self, principal, server, method, **details)

    def call(self, principal: str, server: str, **details: Any) -> "Ask":
        """A tool call that lands as configured and is answered."""
        return self.ask(principal, server, **details).arrives().answered()

    def visit(self, principal: str, url: str, status: int = 302) -> Line:
        """A user's browser opens a URL."""
        log = ExchangeLog(self.recorder, {"scenario": "story", "principal": principal, "client": "browser"})
        log.request("GET", url, [(b"User-Agent", b"gatebench-browser")], b"")
        line = Line(self.recorder.position())
        log.response(status, [])
        log.end("complete")
        return line

    # -- the far end

    def far_end(self, leg: str, node: str, request: Mapping[str, Any], status: int, pairs: Pairs, body: str) -> Line:
        """One exchange as a mock's journal tells it."""
        exchange = f"{node}-{next(self._numbers)}"

        def write(kind: str, **facts: Any) -> None:
            self.recorder.write({"t": 0.0, "leg": leg, "node": node, "exchange": exchange, "kind": kind, **facts})

        write("request", connection="c1", http="1.1", body_complete=True, **request)
        line = Line(self.recorder.position())
        write("response", status=status, headers=[list(pair) for pair in pairs])
        if body:
            write("chunk", body=body)
        write("end", how="complete")
        return line

    def errand(
        self,
        node: str,
        http: str = "POST",
        *,
        target: str = "/mcp",
        headers: Pairs = (),
        body: str = "",
        status: int = 200,
    ) -> Line:
        """A request that the gateway makes of its own accord."""
        request = {"method": http, "target": target, "headers": [list(pair) for pair in headers], "body": body}
        return self.far_end("upstream", node, request, status, [], "")

    def authorize(self, issuer: str, **changes: str | None) -> Line:
        """A browser arrives at an authorization endpoint; `changes` replace or remove (None) parameters."""
        proper = {"response_type": "code", "code_challenge": "c", "code_challenge_method": "S256", "state": "s"}
        query = urlencode(_changed(proper | self._registered(issuer), changes))
        request = {"method": "GET", "target": f"/{issuer}/authorize?{query}", "headers": [], "body": ""}
        return self.far_end("idp", issuer, request, 302, [], "")

    def redeem(self, issuer: str, code: str = "«code:alice:mail»", **changes: str | None) -> Line:
        """The gateway redeems an authorization code."""
        proper = {"grant_type": "authorization_code", "code": code, "code_verifier": "v", **self._registered(issuer)}
        return self.token_request(issuer, _changed(proper, changes))

    def refresh(self, issuer: str, token: str = "refresh:alice:mail", status: int = 200) -> Line:
        """The gateway asks for a new access token."""
        return self.token_request(issuer, {"grant_type": "refresh_token", "refresh_token": f"«{token}»"}, status)

    def token_request(self, issuer: str, fields: Mapping[str, str], status: int = 200) -> Line:
        """Anything at a token endpoint."""
        body = urlencode(fields, safe="«»:")
        request = {"method": "POST", "target": f"/{issuer}/token", "headers": [], "body": body}
        return self.far_end("idp", issuer, request, status, JSON_HEADERS, "{}")

    def _registered(self, issuer: str) -> dict[str, str]:
        upstreams = self.sheet["upstreams"].values()
        resource = next((up["auth"]["resource"] for up in upstreams if up["auth"].get("issuer") == issuer), "")
        return {"redirect_uri": self.sheet["gateway"]["callback_url"], "resource": resource}

    # -- remarks

    def log(self, text: str) -> Line:
        """The gateway prints a line."""
        self.recorder.write({"t": 0.0, "leg": "gateway", "kind": "log", "text": text})
        return Line(self.recorder.position())

    def here(self) -> int:
        """This place in the transcript."""
        return self.recorder.position()

    def observe(self, what: str, **facts: Any) -> None:
        """A remark of the scenario."""
        self.recorder.note("observation", what=what, scenario="story", **facts)

    def probe(self, expect: str, attempt: "Ask", control: "Ask", attribute: str) -> "Ask":
        """The scenario says what an attempt was about; returns the attempt."""
        whose = {"server": attempt.server, "principal": attempt.principal}
        exchanges = {"attempt": attempt.exchange, "control": control.exchange}
        self.recorder.note("probe", expect=expect, scenario="story", attribute=attribute, **exchanges, **whose)
        return attempt

    def fence(self, principal: str, server: str) -> "Ask":
        """The valid call after a probe."""
        ask = self.call(principal, server)
        self.recorder.note("fence", nonce=ask.nonce, exchange=ask.exchange, scenario="story")
        return ask


def bearer(*labels: str) -> Pairs:
    """An Authorization header for each label."""
    return [("authorization", f"Bearer «{label}»") for label in labels]


def _changed(proper: dict[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in (proper | changes).items() if value is not None}


@dataclass
class Ask:
    """A request of a client. Its methods say what became of it, and return it."""

    story: Story
    principal: str
    server: str
    method: str = "tools/call"  # a JSON-RPC method, `notifications/...`, or GET or DELETE
    at: str = ""  # the upstream that it is meant for, where that is not the server
    tool: str = "whoami"
    arguments: dict[str, Any] = field(default_factory=dict)
    rpc_id: Any = 1
    token: str | None = None  # label of another gateway token than the principal's own
    also: Pairs = ()  # further headers
    session: str | None = None
    client: str = "raw"

    def __post_init__(self) -> None:
        self.nonce = f"n-{next(self.story._numbers)}"  # noqa: SLF001 - a story and its requests are one
        self.at = self.at or standard.VIRTUAL_SERVERS.get(self.server, (self.server,))[0]
        self.upstream_message: dict[str, Any] = {}
        self.arrivals: list[Line] = []
        credential = f"Bearer «{self.token or Story.token_of(self.principal)}»"
        sent = [("Authorization", credential), *self.also]
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
        params: dict[str, Any] = {"_meta": {wire.META_NONCE: self.nonce}}
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
    ) -> Self:
        """It reaches an upstream. `auth`: labels of bearer tokens, or headers, in place of what the model demands;
        `opens`: the session id that the upstream gives; `changed`: members of `params` that the gateway replaces."""
        node = at or self.at
        demanded = self.story.auth(node, self.principal) if auth is None else auth
        pairs = [*(pair for one in demanded for pair in ([one] if isinstance(one, tuple) else bearer(one))), *also]
        pairs += [("mcp-session-id", session)] if session else []
        message = self.message(self.tool)
        if changed:
            message["params"] |= changed
        self.upstream_message = self.reply(node) if status == 200 else {}
        request = {"method": self.http, "target": target, "headers": [list(pair) for pair in pairs]}
        given = [*JSON_HEADERS, *([("mcp-session-id", opens)] if opens else [])]
        body = json.dumps(self.upstream_message) if self.upstream_message else ""
        request["body"] = _encoded(message).decode()
        self.arrivals.append(self.story.far_end("upstream", node, request, status, given, body))
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
        self._log.response(status, [(name.encode(), value.encode()) for name, value in headers])
        if text:
            self._log.chunk(text.encode())
        self._log.end(how)
        return self

    def streamed(self, *messages: Mapping[str, Any], comment: str = "", how: str = "complete") -> Self:
        """The gateway answers with an event stream."""
        chosen = messages or (self.upstream_message or self.reply(self.at),)
        events = "".join(f"{comment}event: message\r\ndata: {json.dumps(message)}\r\n\r\n" for message in chosen)
        return self.answered(headers=[("Content-Type", "text/event-stream; charset=utf-8")], body=events, how=how)

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


def _encoded(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode() if message else b""
