"""One upstream is busy with many calls and streams of one user: another user calls another server."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import AWKWARD_VALUES, connected, patience
from gatebench.conformance.scenarios.marks import in_one_with_sessions, in_the_newest, judged_by_cases
from gatebench.fixtures.clients.conversation import StreamReader
from gatebench.fixtures.clients.mcp import new_nonce
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, REVISIONS

MANY = 24  # calls, and as many streams: more than the connections that small pools have
SETTLED = 1.0  # seconds for requests that the gateway queues or refuses: no verdict depends on it


@judged_by_cases(
    ["beside-a-busy-upstream", "beside-slow-calls"],
    needs=("several-servers", "server.calculator", "server.everything"),
    thorough=in_the_newest,
)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "other", "elsewhere"), [("bob", "everything", "alice", "calculator")])
async def test_busy_upstream(
    scenario: Scenario, *, principal: str, server: str, other: str, elsewhere: str, revision: str
) -> None:
    """The upstream holds the calls and streams until the other server has answered."""
    client, _ = await connected(scenario, principal, server, revision)
    busy, _ = await connected(scenario, other, elsewhere, revision)
    control, nonces = await client.call("echo", AWKWARD_VALUES), [new_nonce() for _ in range(MANY)]
    client.patience = patience(scenario)
    busy.patience = SETTLED + 2 * client.patience
    held = {"method": "tools/call", "tool": "echo", "action": {"hold": True}}
    with scenario.upstream_fault(elsewhere, held):
        streams = [asyncio.create_task(busy.listen(StreamReader(busy))) for _ in range(MANY)]
        calls = [asyncio.create_task(busy.call("echo", {"value": "held"}, nonce=nonce)) for nonce in nonces]
        await under_way(scenario, elsewhere, dict(zip(nonces, calls, strict=True)))
        slow = next((call for call in calls if not call.done()), None)
        further, _ = await connected(scenario, principal, server, revision)
        attempts = [await client.call("echo", AWKWARD_VALUES), await further.call("echo", AWKWARD_VALUES)]
    await asyncio.gather(*calls)
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    facts: dict[str, Any] = {"server": server, "principal": principal}
    scenario.case("beside-a-busy-upstream", *attempts, control=control, **facts)
    waited = (slow or calls[0]).result().exchange
    scenario.case("beside-slow-calls", *(attempts if slow else []), control=control, slow=waited, **facts)


LISTENERS = 12  # clients that one user has open


@judged_by_cases(["beside-listeners"], needs=("sessions",), thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "other", "server"), [("bob", "alice", "calculator")])
async def test_listeners(scenario: Scenario, principal: str, other: str, server: str, revision: str) -> None:
    """One user listens in several sessions, and another user calls the same server."""
    client, _ = await connected(scenario, principal, server, revision)
    control = await client.call("echo", AWKWARD_VALUES)
    client.patience = patience(scenario)
    listeners = [(await connected(scenario, other, server, revision))[0] for _ in range(LISTENERS)]
    streams = [asyncio.create_task(one.listen(StreamReader(one))) for one in listeners]
    await _arrived(scenario, server, len(streams))
    further, _ = await connected(scenario, principal, server, revision)
    attempts = [await client.call("echo", AWKWARD_VALUES), await further.call("echo", AWKWARD_VALUES)]
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    scenario.case("beside-listeners", *attempts, control=control, server=server, principal=principal)


async def _arrived(scenario: Scenario, server: str, requests: int) -> None:
    """Wait until so many requests have reached the upstream; a gateway may keep some from it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLED):
            for _ in range(requests):
                await scenario.bench.next_request(server)


async def under_way(scenario: Scenario, server: str, calls: Mapping[str, "asyncio.Task[Any]"]) -> None:
    """Wait until each call, by nonce, has reached the upstream or has been answered; a gateway may leave some in a queue."""
    seen = scenario.bench.seen_upstream
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLED):
            while True:
                arriving: asyncio.Future[Any] = scenario.bench.next_request(server)
                waiting = [
                    call for nonce, call in calls.items() if not (call.done() or seen(nonce, server, "tools/call"))
                ]
                if not waiting:
                    return
                await asyncio.wait([arriving, *waiting], return_when=asyncio.FIRST_COMPLETED)
