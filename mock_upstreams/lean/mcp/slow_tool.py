"""The tool that takes time: steps, progress after each, and two ways to cancel it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ...mcp.executions import ExecutionLog
from ..messages import JSON_TYPE, Call, DeferredReply, Emit, Reply, SseStream, event
from .notifications import LeanSession
from .tools import compact, utf8
from .validation import error


class SlowTool:
    """One call of `slow`. `response_after` returns its response (a JSON-RPC message) for the number of steps taken."""

    def __init__(
        self,
        ledger: ExecutionLog,
        session: LeanSession | None,
        call: Call,
        params: dict[str, Any],
        response_after: Callable[[int], bytes],
    ) -> None:
        self._ledger = ledger
        self._session = session  # so that a message can cancel the call; without sessions, disconnecting does
        self._call = call
        self._response_after = response_after
        self._given: dict[str, Any] = params.get("arguments") or {}
        self._steps = self._given.get("steps", 3)
        self._seconds = float(self._given.get("interval_ms", 100)) / 1000
        meta = params.get("_meta")
        self._token = meta.get("progressToken") if isinstance(meta, dict) else None

    def later(self) -> DeferredReply:
        """Return the response without progress."""

        async def make() -> Reply:
            return Reply(200, JSON_TYPE, await self._work(_nothing), self._call.session)

        return DeferredReply(make)

    def stream(self) -> SseStream:
        """Return a stream of progress notifications, if the caller asked for them, and the result."""

        async def run(emit: Emit) -> None:
            async def progress(step: int) -> None:
                await emit(event(self._progress(step)))

            await emit(event(await self._work(_nothing if self._token is None else progress)))

        return SseStream(run, self._call.session, outlives=self._session is not None)

    def _progress(self, step: int) -> bytes:
        fields = f'"progress":{float(step)},"total":{float(self._steps)},"message":"{time.monotonic():.6f}"'
        params = f'{{"progressToken":{compact(self._token)},{fields}}}'
        return utf8(f'{{"jsonrpc":"2.0","method":"notifications/progress","params":{params}}}')

    async def _work(self, step_done: Callable[[int], Awaitable[None]]) -> bytes:
        rpc_id, step = self._call.message["id"], 0
        stop = asyncio.Event()
        if self._session is not None:
            self._session.running[rpc_id] = stop
        try:
            while step < self._steps:
                if await _set_within(stop, self._seconds):
                    self._cancelled(step)
                    return error(0, "Request cancelled", rpc_id).body
                step += 1
                await step_done(step)
        except asyncio.CancelledError:
            self._cancelled(step)
            raise
        finally:
            if self._session is not None:
                self._session.running.pop(rpc_id, None)
        return self._response_after(self._steps)

    def _cancelled(self, step: int) -> None:
        self._ledger.cancelled(self._call.exchange, "slow", self._given, step)


async def _nothing(_step: int) -> None:
    pass


async def _set_within(stop: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await stop.wait()
    except TimeoutError:
        return False
