"""The interactive tools of the handshake era: each gets a call, and returns the text and the content of its result."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from . import forms
from .event_stream import StoredStream
from .peers import Answer, Peer

Content = dict[str, Any]
Outcome = tuple[str, Content]


class ToolError(Exception):
    """The call failed; the message is the text of a result with isError."""


@dataclass
class Held:
    """Calls of test_held that wait, by their nonce. A release that comes before its call counts too."""

    waiting: dict[str, asyncio.Event] = field(default_factory=dict)

    def wait(self, nonce: str) -> asyncio.Event:
        """Return the event that ends the wait of a call."""
        return self.waiting.setdefault(nonce, asyncio.Event())

    def release(self, nonce: str) -> None:
        """End the wait of a call."""
        self.wait(nonce).set()


@dataclass(frozen=True)
class Call:
    """One running call: the client, the stream of its response, and its arguments."""

    peer: Peer
    stream: StoredStream
    arguments: Content
    token: Any
    held: Held
    changed: Callable[[], Awaitable[None]]

    def text(self, name: str, otherwise: str) -> str:
        """Return an argument, and the nonce: what the client is asked shows whose call it belongs to."""
        given = self.arguments.get(name)
        return f"{given if isinstance(given, str) else otherwise} [{self.arguments.get('nonce', '')}]"

    def notify(self, method: str, params: Content) -> None:
        """Send a notification on the call's stream."""
        self.stream.message({"jsonrpc": "2.0", "method": method, "params": params})

    async def ask(self, method: str, params: Content | None) -> Answer:
        """Ask the client; raise ToolError if it cannot be asked or does not answer."""
        needed = forms.NEEDED.get(method)
        if needed and not isinstance(self.peer.capabilities.get(needed), dict):
            raise ToolError(f"the client did not announce {needed}")
        answer = await self.peer.ask(self.stream, method, params)
        if answer is None:
            raise ToolError(f"the client did not answer {method}")
        return answer


async def test_sampling(call: Call) -> Outcome:
    """Ask the client's model."""
    answer = await call.ask("sampling/createMessage", forms.sampling(call.text("prompt", "Hello")))
    content = answer.get("result", {}).get("content")
    return f"LLM response: {content.get('text') if isinstance(content, dict) else answer}", {"answer": answer}


async def test_elicitation(call: Call) -> Outcome:
    """Ask the user with a form."""
    return await _elicited(call, forms.form(call.text("message", "Who?"), forms.SAMPLES, ("username", "email")))


async def test_elicitation_sep1034_defaults(call: Call) -> Outcome:
    """Ask with defaults."""
    return await _elicited(call, forms.form(call.text("message", "Check"), forms.DEFAULTS))


async def test_elicitation_sep1330_enums(call: Call) -> Outcome:
    """Ask with enums."""
    return await _elicited(call, forms.form(call.text("message", "Choose"), forms.ENUMS))


async def _elicited(call: Call, params: Content) -> Outcome:
    answer = await call.ask("elicitation/create", params)
    result = answer.get("result", answer)
    chosen = f"action={result.get('action')}, content={json.dumps(result.get('content', {}), ensure_ascii=False)}"
    return f"Elicitation completed: {chosen}", {"answer": answer}


async def test_elicitation_url(call: Call) -> Outcome:
    """Ask the user to visit an address; then tell that they have finished (MCP 2025-11-25 elicitation, URL mode)."""
    if "url" not in (call.peer.capabilities.get("elicitation") or {}):
        raise ToolError("the client did not announce elicitation.url")
    identifier = f"visit-{call.arguments.get('nonce', '')}"
    asked = {
        "mode": "url",
        "elicitationId": identifier,
        "url": f"https://pay.example/visit?of={identifier}&a=1%2F2#end",
        "message": call.text("message", "Visit this address"),
    }
    answer = await call.ask("elicitation/create", asked)
    call.notify("notifications/elicitation/complete", {"elicitationId": identifier})
    return "visited", {"answer": answer}


async def test_cancelled_request(call: Call) -> Outcome:
    """Ask the user, and cancel the request at once."""
    if not isinstance(call.peer.capabilities.get("elicitation"), dict):
        raise ToolError("the client did not announce elicitation")
    call.peer.ask_and_cancel(call.stream, "elicitation/create", forms.name_form(call.text("message", "Who?")))
    return "cancelled", {}


async def test_elicitation_with_progress(call: Call) -> Outcome:
    """Ask the user, who may report progress until the answer (MCP 2025-11-25, progress)."""
    return await _elicited(call, forms.name_form(call.text("message", "Who?")) | {"_meta": {"progressToken": 7}})


async def test_roots(call: Call) -> Outcome:
    """Ask for the client's roots."""
    answer = await call.ask("roots/list", None)
    return json.dumps(answer), {"answer": answer}


async def test_ping(call: Call) -> Outcome:
    """Ping the client."""
    return "pong", {"answer": await call.ask("ping", None)}


async def test_several_requests(call: Call) -> Outcome:
    """Ask twice at once."""
    first, second = (
        asyncio.ensure_future(call.ask("elicitation/create", forms.name_form(call.text(name, name))))
        for name in ("first", "second")
    )
    one, two = await asyncio.gather(first, second)
    return "asked twice", {"answers": [one, two]}


async def test_progress(call: Call) -> Outcome:
    """Report progress, if the client gave a token; first send the notification that the argument `also` names, if any.

    A call with a nonce gets a fraction as well, and one report without optional members. The official suite, which sends none,
    expects 0, 50 and 100.
    """
    if also := call.arguments.get("also"):
        call.notify(str(also), {"of": call.arguments.get("nonce"), "data": ["\u00fc", None, 1.5]})
    for progress in (0, 50, 62.5, 100) if "nonce" in call.arguments else (0, 50, 100):
        if call.token is not None:
            more = {
                "total": 100,
                "message": f"{progress} of 100 [{call.arguments.get('nonce', '')}]",
                "example.org/kept": [None, 1.5],
            }
            alone = progress == 50 and "nonce" in call.arguments
            call.notify(
                "notifications/progress",
                {"progressToken": call.token, "progress": progress} | ({} if alone else more),
            )
        await asyncio.sleep(0.002)
    return "progress reported", {}


async def test_log_messages(call: Call) -> Outcome:
    """Send log messages: their data are any JSON values, and a logger need not be named (MCP 2025-11-25, logging)."""
    nonce = call.arguments.get("nonce")
    for level, logger, data in (
        ("info", {"logger": "everything"}, {"text": "Tool execution started", "nonce": nonce, "of": [None]}),
        ("notice", {}, f"Tool processing data [{nonce}]"),
        ("alert", {"logger": "every/thing"}, [nonce, 2**53 - 1, 0.5, None, {"text": ""}]),
    ):
        call.notify("notifications/message", {"level": level, **logger, "data": data})
        await asyncio.sleep(0.002)
    return "logged", {}


async def test_reconnection(call: Call) -> Outcome:
    """End the connection before the result (MCP 2025-11-25 transports: the client polls); the layer has primed the stream."""
    return "Reconnection test completed successfully.", {"stream": call.stream.name}


async def test_held(call: Call) -> Outcome:
    """Report that the call has begun, then wait for its release."""
    nonce = str(call.arguments.get("nonce"))
    released = call.held.wait(nonce)
    if call.token is not None:
        call.notify(
            "notifications/progress", {"progressToken": call.token, "progress": 1, "message": f"held [{nonce}]"}
        )
    try:
        await released.wait()
    finally:
        call.held.waiting.pop(nonce, None)
    return "released", {}


async def test_release(call: Call) -> Outcome:
    """End the wait of another call."""
    call.held.release(str(call.arguments.get("of")))
    return "done", {}


async def test_trigger_tool_change(call: Call) -> Outcome:
    """Announce a change of the tools."""
    await call.changed()
    return "announced", {}


RUN: dict[str, Callable[[Call], Awaitable[Outcome]]] = {
    one.__name__: one
    for one in (
        test_sampling,
        test_elicitation,
        test_elicitation_sep1034_defaults,
        test_elicitation_sep1330_enums,
        test_elicitation_url,
        test_cancelled_request,
        test_elicitation_with_progress,
        test_roots,
        test_ping,
        test_several_requests,
        test_progress,
        test_log_messages,
        test_reconnection,
        test_held,
        test_release,
        test_trigger_tool_change,
    )
}
ASKING = {
    "test_sampling": ("answer", "sampling/createMessage"),
    "test_elicitation": ("answer", "elicitation/create"),
    "test_elicitation_sep1034_defaults": ("answer", "elicitation/create"),
    "test_elicitation_sep1330_enums": ("answer", "elicitation/create"),
    "test_roots": ("answer", "roots/list"),
}
"""What these tools ask for in one `input_required` round of 2026-07-28: key and method."""
