"""The scenarios, played to an empty house: real scenarios and clients, no world, no gateway, no network.

Whatever is sent gets a polite answer (the consent error, while consent is missing). What a rehearsal is good for is what
the scenario *said* on the way: its probes and observations, the very ones that checks look for in a run.
"""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import create_autospec, patch

import httpx

from conformance import catalogue
from conformance.features import FEATURES
from conformance.selftest.story import Story
from fixtures import standard
from fixtures.bench import Bench
from fixtures.clients import guide
from fixtures.gateways.adapter import Adapter
from fixtures.gateways.descriptor import Claims, Descriptor, Dialect, Gateway
from fixtures.gateways.target import Target
from fixtures.mint import MUTATIONS
from fixtures.scenario import Scenario
from fixtures.wire import parse_json
from fixtures.world import World


@dataclass(frozen=True)
class Play:
    """A scenario with one set of parameters, and what it said when it was rehearsed."""

    name: str
    params: dict[str, Any]
    judges: frozenset[str]  # requirements
    needs: tuple[str, ...]
    remarks: list[dict[str, Any]] = field(default_factory=list)

    def said(self, kind: str) -> Iterator[dict[str, Any]]:
        """Its remarks of a kind."""
        return (remark for remark in self.remarks if remark["kind"] == kind)

    def callers(self) -> set[str]:
        """Everybody who sent something."""
        return {remark["principal"] for remark in self.said("sent")}


@cache
def rehearsed(**dialect: str) -> list[Play]:
    """Every scenario with all its parameters, for a gateway of this dialect."""
    plays, house = [], _House(dialect)
    for one in catalogue.plays():
        play = Play(one.name, dict(one.params), frozenset(one.judges), one.needs)
        asyncio.run(_rehearse(one.function, play, house))
        plays.append(play)
    return plays


async def _rehearse(function: Callable[..., Any], play: Play, house: "_House") -> None:
    begin, house.missing = len(house.story.events), 0
    with (
        patch("fixtures.scenario.http_client", house.client),
        patch("fixtures.clients.browser.http_client", house.client),
    ):
        async with AsyncExitStack() as stack:
            await function(scenario=_PrivateScenario(house.bench, play.name, stack, house), **play.params)
    play.remarks.extend(house.story.events[begin:])


class _House:
    """Stands for the gateway and everything behind it."""

    def __init__(self, dialect: dict[str, str]) -> None:
        self.story = Story(**cast("dict[str, Any]", dialect))
        self.missing = 0  # consents
        self._exchanges, self._sessions = itertools.count(1), itertools.count(1)
        claims = Claims(revisions=list(standard.REVISIONS))
        adapter = create_autospec(Adapter, instance=True)
        adapter.issue_token.return_value = None  # the token that it was given is the one
        self._dialect = Dialect(**cast("dict[str, Any]", dialect))
        target = SimpleNamespace(
            adapter=adapter,
            descriptor=Descriptor(gateway=Gateway(name="an empty house"), claims=claims, dialect=self._dialect),
            url=lambda server: f"{self.story.sheet['gateway']['base_url']}/{server}",
        )
        world = create_autospec(World, instance=True, sheet=self.story.sheet, secrets=self.story.recorder.secrets)
        world.control.return_value = {"access_lifetime": None}
        self.bench = _Bench(world, cast("Target", target), self.story.recorder, FEATURES)

    def client(self, _recorder: Any, tags: dict[str, Any], *_more: Any, **_options: Any) -> httpx.AsyncClient:
        """In place of a recorded HTTP client."""

        def answer(request: httpx.Request) -> httpx.Response:
            told = {
                "method": request.method,
                "session": request.headers.get("mcp-session-id"),
                "tool": self._called(request),
                "credential": request.headers.get(self._dialect.credential_header),
            }
            self.story.recorder.note("sent", principal=tags.get("principal"), server=tags.get("server"), **told)
            response = self._visited(request) if tags["client"] == "browser" else self._asked(request)
            response.extensions["gatebench_exchange"] = f"client-{next(self._exchanges)}"
            return response

        return httpx.AsyncClient(transport=httpx.MockTransport(answer))

    def _called(self, request: httpx.Request) -> str | None:
        message = parse_json(request.content.decode())
        tool = message.get("params", {}).get("name") if isinstance(message, dict) else None
        return tool if isinstance(tool, str) and message["method"] == "tools/call" else None

    def _visited(self, request: httpx.Request) -> httpx.Response:
        callback = self.story.sheet["gateway"]["callback_url"]
        if str(request.url).startswith(callback):
            return httpx.Response(200)
        self.missing -= 1
        return httpx.Response(302, headers={"location": f"{callback}?code=c&state=s"})

    def _asked(self, request: httpx.Request) -> httpx.Response:
        message = json.loads(request.content or "{}")
        if "id" not in message:
            return httpx.Response(202)
        urls = " , ".join(f"{request.url.scheme}://{request.url.host}/connect/{n}" for n in range(self.missing))
        answer = {"error": {"code": 0, "message": "", "data": f"Please visit: {urls}"}} if urls else {"result": {}}
        body = {"jsonrpc": "2.0", "id": message["id"], **answer}
        opened = {"mcp-session-id": f"s{next(self._sessions)}"} if message.get("method") == "initialize" else {}
        return httpx.Response(200, headers=opened, json=body)


class _Bench(Bench):
    def token(self, principal: str) -> str:
        return f"the token of {principal}"

    def mutated_jwt(self, principal: str, mutation: str) -> str:
        return f"{MUTATIONS[mutation].name} token of {principal}"


class _PrivateScenario(Scenario):
    def __init__(self, bench: Bench, name: str, stack: AsyncExitStack, house: _House) -> None:
        super().__init__(bench, name, stack)
        self._house = house

    def guide(self, principal: str, mode: guide.Mode, headers: dict[str, str] | None = None) -> guide.Connection:
        self.bench.recorder.note("sent", principal=principal, server=None, method=None, tool=None, credential=None)

        def nobody(**_options: Any) -> Any:
            raise ConnectionError("an empty house")

        return guide.Connection(headers or {}, nobody, mode)

    async def no_consent(self, principal: str, server: str) -> None:
        await super().no_consent(principal, server)
        members = standard.VIRTUAL_SERVERS.get(server, (server,))
        self._house.missing = sum(standard.UPSTREAMS[member].model == "oauth" for member in members)
