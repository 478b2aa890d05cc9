"""A server that does exactly what a script says, bad frames included; and is a tiny correct MCP server otherwise."""

import asyncio
import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from mock_upstreams.control import ControlError, ControlRequest, Handler
from mock_upstreams.ledger import Ledger
from mock_upstreams.tiny import TinyServer
from mock_upstreams.wire import message, parameters, wire

_MATCH = {"method", "http_method", "tool", "nth", "times"}
_RESPOND = {"status", "headers", "chunks", "hang", "reset", "close"}
_CHUNK = {"body", "body_base64", "event", "after"}


@dataclass
class ScriptEntry:
    """One entry: `match` (a missing criterion matches all) and `respond`.

    match: `method` (JSON-RPC), `http_method`, `tool`, `nth` (from 1, among the matches), `times` (at most).
    respond: `status` (200), `headers` ({name: value} or [[name, value], ...], sent as they are: nothing is added but
    framing), `chunks`, then `hang` (keep the answer open until the client leaves), `reset` (TCP RST) or `close` (orderly,
    in the middle of the answer). Without status, headers and chunks not even a head is sent before hang or reset.
    A chunk: `after` (seconds to wait first) and one of `body` (text as it is; JSON that is no text is encoded),
    `body_base64`, or `event` (JSON that becomes one SSE event). In JSON the values "$id" and "$progressToken" stand for
    those of the request.
    """

    match: dict[str, Any]
    respond: dict[str, Any]
    seen: int = field(default=0, init=False)
    used: int = field(default=0, init=False)

    @classmethod
    def parse(cls, given: Any) -> "ScriptEntry":
        """An entry from JSON; raises ControlError, which names what is wrong."""
        if (
            not isinstance(given, dict)
            or set(given) - {"match", "respond"}
            or not isinstance(given.get("respond"), dict)
        ):
            raise ControlError(
                'a script entry is an object with "respond" and, where it is not for every request, "match"'
            )
        match, answer = given.get("match", {}), given["respond"]
        _keys(match, _MATCH, "match")
        _keys(answer, _RESPOND, "respond")
        if not isinstance(answer.get("chunks", []), list):
            raise ControlError('"chunks" must be an array')
        for chunk in answer.get("chunks", []):
            _keys(chunk, _CHUNK, "a chunk")
            _chunk_bytes(chunk, {})
        return cls(match, answer)

    def applies(self, scope: Scope) -> bool:
        """Whether this request gets this answer; counts it if it matches."""
        posted = message(scope)
        facts = {
            "method": posted.get("method"),
            "http_method": scope["method"],
            "tool": parameters(scope).get("name") if posted.get("method") == "tools/call" else None,
        }
        if any(self.match.get(key) not in {None, value} for key, value in facts.items()):
            return False
        self.seen += 1
        if self.match.get("nth") not in {None, self.seen} or self.used >= self.match.get("times", self.used + 1):
            return False
        self.used += 1
        return True


class ScriptedApplication:
    """The scripted server: the first entry that applies answers, else the tiny server does."""

    def __init__(self, ledger: Ledger) -> None:
        self._tiny = TinyServer(ledger)
        self._script: list[ScriptEntry] = []
        self.app: ASGIApp = self._serve
        self.controls: dict[tuple[str, str], Handler] = {("PUT", "script"): self.replace}

    def session_ended(self, session: str) -> None:
        """Nothing to do: the tiny server noticed itself."""

    async def replace(self, request: ControlRequest) -> Any:
        """Control handler, PUT: the array in the body replaces the script."""
        if not isinstance(request.body, list):
            raise ControlError("the body must be a JSON array of script entries")
        self._script = [ScriptEntry.parse(entry) for entry in request.body]
        return {"entries": len(self._script)}

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        entry = next((one for one in self._script if one.applies(scope)), None)
        if entry is None:
            await self._tiny(scope, receive, send)
            return
        notes = wire(scope)
        playing = asyncio.create_task(_play(entry.respond, scope, send))
        leaving = asyncio.create_task(notes["gone"].wait())
        try:
            await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                playing.result()
        finally:
            playing.cancel()
            leaving.cancel()


async def _play(answer: dict[str, Any], scope: Scope, send: Send) -> None:
    notes = wire(scope)
    unfinished = answer.keys() & {"hang", "reset", "close"}
    if answer.keys() & {"status", "headers", "chunks"} or not unfinished:
        given = answer.get("headers", {})
        pairs = given.items() if isinstance(given, dict) else given
        headers = [(str(name).encode("latin-1"), str(value).encode("latin-1")) for name, value in pairs]
        await send({"type": "http.response.start", "status": answer.get("status", 200), "headers": headers})
        for chunk in answer.get("chunks", []):
            await asyncio.sleep(chunk.get("after", 0))
            await send({"type": "http.response.body", "body": _chunk_bytes(chunk, _values(scope)), "more_body": True})
    if answer.get("hang"):
        await notes["gone"].wait()
    elif answer.get("reset"):
        notes["broke"] = ("reset", "as scripted")
        await notes["told"]()
        notes["reset"]()
    elif answer.get("close"):
        notes["broke"] = ("server-error", "closed as scripted")
        notes["close"]()
    else:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _values(scope: Scope) -> dict[str, Any]:
    meta = parameters(scope).get("_meta")
    token = meta.get("progressToken") if isinstance(meta, dict) else None
    return {"$id": message(scope).get("id"), "$progressToken": token}


def _chunk_bytes(chunk: dict[str, Any], values: dict[str, Any]) -> bytes:
    if len(chunk.keys() & {"body", "body_base64", "event"}) != 1:
        raise ControlError('a chunk has one of "body", "body_base64" and "event"')
    if "body_base64" in chunk:
        try:
            return base64.b64decode(chunk["body_base64"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise ControlError('"body_base64" is not base64') from None
    if "event" in chunk:
        return b"event: message\ndata: " + json.dumps(_filled(chunk["event"], values)).encode() + b"\n\n"
    body = chunk["body"]
    return body.encode() if isinstance(body, str) else json.dumps(_filled(body, values)).encode()


def _filled(value: Any, values: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, values) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, values) for one in value]
    return values[value] if isinstance(value, str) and value in values else value


def _keys(given: Any, known: set[str], what: str) -> None:
    if not isinstance(given, dict):
        raise ControlError(f"{what} must be a JSON object")
    if unknown := sorted(set(given) - known):
        raise ControlError(f"unknown key {unknown[0]!r} in {what}; there are {', '.join(sorted(known))}")


async def _lifespan(receive: Receive, send: Send) -> None:
    while (event := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{event['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})
