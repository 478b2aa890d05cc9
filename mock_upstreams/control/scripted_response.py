"""A scripted response: status, headers and pieces exactly as given, malformed frames included."""

import asyncio
import base64
import binascii
import json
from typing import Any

from starlette.types import Scope, Send

from ..http import MODERN_REVISIONS, VERSION_HEADER, header, is_credential, message, parameters, wire
from .api import ControlError

_RESPOND = {"status", "headers", "chunks", "hang", "reset", "close"}
_MODERN_MEMBERS = {
    ',"$complete":0': ',"resultType":"complete"',
    ',"$cacheable":0': ',"resultType":"complete","ttlMs":0,"cacheScope":"private"',
}
_CHUNK = {"body", "body_base64", "event", "text", "after", "piece"}


def require_valid(answer: Any) -> None:
    """Raise ControlError, which names the problem, for an invalid response.

    `status` (200), `headers` ({name: value} or [[name, value], ...], sent as they are: nothing is added but framing),
    `chunks`, then `hang` (keep the answer open until the client leaves), `reset` (TCP RST) or `close` (orderly, in the
    middle of the answer). Without status, headers and chunks not even a head is sent before hang or reset.
    A chunk: `after` (seconds to wait first), `piece` (bytes that are sent at once; default: all) and one of `body` (text as it
    is; JSON that is no text is encoded), `body_base64`, `event` (JSON that becomes one SSE event) or `text` (text as it is, but
    for the values below). In JSON the values "$id" and "$progressToken" stand for those of the request, and
    "$credentials" for the lines of its header fields that may carry a credential.
    In `text` the member `"$complete":0` stands for the members that every result has in the request's revision, and
    `"$cacheable":0` for those of a result that may be cached (before 2026-07-28: none).
    """
    require_keys(answer, _RESPOND, "respond")
    if not isinstance(answer.get("chunks", []), list):
        raise ControlError('"chunks" must be an array')
    for chunk in answer.get("chunks", []):
        require_keys(chunk, _CHUNK, "a chunk")
        _chunk_bytes(chunk, {})


async def send_response(answer: dict[str, Any], scope: Scope, send: Send) -> None:
    """Send a scripted response, until it is complete or the client has disconnected."""
    playing = asyncio.create_task(_send_scripted(answer, scope, send))
    leaving = asyncio.create_task(wire(scope)["gone"].wait())
    try:
        await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if playing.done():
            playing.result()
    finally:
        playing.cancel()
        leaving.cancel()


async def _send_scripted(answer: dict[str, Any], scope: Scope, send: Send) -> None:
    notes = wire(scope)
    unfinished = answer.keys() & {"hang", "reset", "close"}
    if answer.keys() & {"status", "headers", "chunks"} or not unfinished:
        given = answer.get("headers", {})
        pairs = given.items() if isinstance(given, dict) else given
        headers = [(str(name).encode("latin-1"), str(value).encode("latin-1")) for name, value in pairs]
        await send({"type": "http.response.start", "status": answer.get("status", 200), "headers": headers})
        for chunk in answer.get("chunks", []):
            await asyncio.sleep(chunk.get("after", 0))
            whole = _chunk_bytes(chunk, _values(scope), modern=header(scope, VERSION_HEADER) in MODERN_REVISIONS)
            size = chunk.get("piece", len(whole) or 1)
            for start in range(0, len(whole) or 1, size):
                await send({"type": "http.response.body", "body": whole[start : start + size], "more_body": True})
    if answer.get("hang"):
        await notes["gone"].wait()
    elif answer.get("reset"):
        notes["broke"] = ("reset", "as scripted")
        await notes["delivered"]()
        notes["reset"]()
    elif answer.get("close"):
        notes["broke"] = ("server-error", "closed as scripted")
        notes["close"]()
    else:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _values(scope: Scope) -> dict[str, Any]:
    meta = parameters(scope).get("_meta")
    token = meta.get("progressToken") if isinstance(meta, dict) else None
    shown = [b"%s: %s" % pair for pair in wire(scope)["headers"] if is_credential(pair[0])]
    credentials = b"\n".join(shown).decode("latin-1")
    return {"$id": message(scope).get("id"), "$progressToken": token, "$credentials": credentials}


def _chunk_bytes(chunk: dict[str, Any], values: dict[str, Any], *, modern: bool = False) -> bytes:
    if len(chunk.keys() & {"body", "body_base64", "event", "text"}) != 1:
        raise ControlError('a chunk has one of "body", "body_base64", "event" and "text"')
    if not isinstance(chunk.get("piece", 1), int) or chunk.get("piece", 1) < 1:
        raise ControlError('"piece" must be a positive number of bytes')
    if "text" in chunk:
        return _filled_text(chunk["text"], values, modern=modern)
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


def _filled_text(text: Any, values: dict[str, Any], *, modern: bool) -> bytes:
    if not isinstance(text, str):
        raise ControlError('"text" must be a string')
    filled = text
    for name, value in values.items():
        filled = filled.replace(json.dumps(name), json.dumps(value))
    for name, members in _MODERN_MEMBERS.items():
        filled = filled.replace(name, members if modern else "")
    return filled.encode("utf-8", "surrogatepass")


def require_keys(given: Any, known: set[str], what: str) -> None:
    """Raise ControlError unless `given` is an object with known keys only."""
    if not isinstance(given, dict):
        raise ControlError(f"{what} must be a JSON object")
    if unknown := sorted(set(given) - known):
        raise ControlError(f"unknown key {unknown[0]!r} in {what}; available: {', '.join(sorted(known))}")
