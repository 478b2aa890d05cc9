"""Steps of scenarios that leave right gateways a choice: a request that fails once, and a session that is gone afterwards."""

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gatebench.conformance.scenarios.common import after_a_loss, at_second_try
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse

NEW_SESSION = "a new session"


def response(status: int) -> McpResponse:
    """Return a response of which only the status is known."""
    return cast("McpResponse", SimpleNamespace(status=status, succeeded=status == 200))


class ScriptedStatuses:
    """A client at a gateway that answers requests with these statuses, one after the other."""

    def __init__(self, *statuses: int) -> None:
        self.left, self.made = list(statuses), list[Any]()

    async def connect(self) -> None:
        self.made.append(NEW_SESSION)

    def ask(self) -> Callable[[], Coroutine[Any, Any, McpResponse]]:
        async def sent() -> McpResponse:
            self.made.append(self.left.pop(0))
            return response(self.made[-1])

        return sent


@pytest.mark.parametrize(
    ("first", "made"),
    [
        (200, [200]),  # the session goes on
        (404, [NEW_SESSION, 200]),  # the session is gone
        (502, [200]),  # an error reports the loss, and the session goes on
        (502, [404, NEW_SESSION, 200]),  # an error reports the loss, and the session is gone
        (502, [502]),  # the session is of no use: TRB-014 counts this
        (404, [NEW_SESSION, 502]),
    ],
)
def test_after_a_loss_opens_a_new_session_only_if_needed(first: int, made: list[Any]) -> None:
    gateway = ScriptedStatuses(*(one for one in made if one != NEW_SESSION))
    last = asyncio.run(after_a_loss(cast("McpClient", gateway), response(first), gateway.ask()))
    assert (gateway.made, last.status) == (made, made[-1])


@pytest.mark.parametrize("made", [[200], [404], [502, 200], [502, 404], [502, 502]])
def test_at_second_try_retries_once(made: list[int]) -> None:
    gateway = ScriptedStatuses(*made)
    last = asyncio.run(at_second_try(gateway.ask()))
    assert (gateway.made, last.status) == (made, made[-1])
