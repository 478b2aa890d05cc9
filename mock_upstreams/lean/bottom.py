"""The lean application as ASGI, for requests off the fast path (faults, unverified tokens, other revisions)."""

import asyncio
from collections.abc import Callable
from typing import cast

from starlette.types import Receive, Scope, Send

from ..http import not_found, read_body, respond, wire
from ..mcp.executions import ExecutionLog
from .mcp.app import LeanApplication
from .messages import Answer, Call, DeferredReply, SseStream


class McpAsgiApp:
    """ASGI application at /mcp."""

    def __init__(self, answer: Callable[[Call], Answer]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        await read_body(receive)
        if scope["path"] != "/mcp":
            await not_found(send)
            return
        answer = self._answer(Call.of(scope))
        work = asyncio.ensure_future(self._give(answer, send))
        if isinstance(answer, SseStream) and answer.outlives:
            await work
            return
        leaving = asyncio.ensure_future(wire(scope)["gone"].wait() if "gone" in wire(scope) else asyncio.Event().wait())
        try:
            await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            work.cancel()
            leaving.cancel()
            await asyncio.gather(work, leaving, return_exceptions=True)

    async def _give(self, answer: Answer, send: Send) -> None:
        if isinstance(answer, SseStream):
            await send({"type": "http.response.start", "status": 200, "headers": answer.head().headers()})

            async def emit(event: bytes) -> None:
                await send({"type": "http.response.body", "body": event, "more_body": True})

            await answer.run(emit)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        reply = await answer.make() if isinstance(answer, DeferredReply) else answer
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in reply.headers()]
        await respond(send, reply.status, headers, reply.body)


async def _lifespan(receive: Receive, send: Send) -> None:
    while (event := cast("dict[str, str]", await receive()))["type"] != "lifespan.shutdown":
        await send({"type": f"{event['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})


def lean_application(ledger: ExecutionLog, *, features: bool = False) -> LeanApplication:
    """Return the application that serves /mcp behind authentication; `features`: with resources, prompts and completion."""
    return LeanApplication(ledger, McpAsgiApp, features=features)
