"""Streams of notifications of several clients at once, until each has what it waits for."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gatebench.conformance.scenarios.feature_client import FeatureClient
from gatebench.fixtures.clients.mcp_response import McpResponse, NotificationWait

UPDATED = "notifications/resources/updated"
WATCHED = "watched-resource"
LONGEST = 2.0  # seconds that a client listens; no longer than the notifications if it gets them
PAUSE = 0.4  # seconds after which notifications that did not come are made once more


async def streams(
    notifications: Mapping[FeatureClient, tuple[Sequence[str], Mapping[str, Any]]], make: Callable[[], object]
) -> tuple[list[McpResponse], int]:
    """Let clients listen until the notifications that each awaits; return their streams, and how often they were made.

    `notifications`: the methods or URIs that each awaits, and what it subscribes to in 2026-07-28. A gateway may open its own
    stream later than its client's, so that `make` is repeated.
    """
    listening, opened = [], []
    for side, (awaited, wanted) in notifications.items():
        side.client.patience = LONGEST
        watch = NotificationWait(*awaited)
        listening.append(asyncio.create_task(side.client.listen(watch, wanted)))
        opened.append(asyncio.create_task(watch.open.wait()))
    for stream, head in zip(listening, opened, strict=True):
        await asyncio.wait([stream, head], return_when=asyncio.FIRST_COMPLETED)
        head.cancel()
    rounds = 0
    while not all(stream.done() for stream in listening):
        await asyncio.to_thread(make)
        rounds += 1
        await asyncio.wait(listening, timeout=PAUSE)
    return [await stream for stream in listening], max(1, rounds)
