"""The bench of a dry run: it answers plausibly, and records what a scenario asks of it."""

import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import create_autospec, patch

import httpx

from gatebench.conformance.requirements.features import FEATURES
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.fixtures.clients import fastmcp_client
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.clients.raw_http import RawRequest
from gatebench.fixtures.gateways.adapter import Adapter
from gatebench.fixtures.gateways.descriptor import ClaimsSection, Descriptor, Dialect, Endpoints, GatewaySection
from gatebench.fixtures.gateways.target import Target
from gatebench.fixtures.harness.bench import Bench
from gatebench.fixtures.harness.identities import Identities
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.protocol.messages import parse_json
from gatebench.fixtures.world import definition
from gatebench.fixtures.world.jwt_factory import MUTATIONS
from gatebench.fixtures.world.own_upstream.description import OwnDescription
from gatebench.fixtures.world.own_upstream.model import OwnCall, OwnUpstream
from gatebench.fixtures.world.token_variants import FORGERIES
from gatebench.fixtures.world.variants import own
from gatebench.fixtures.world.variants.model import TokenVariant
from gatebench.fixtures.world.world import World
from gatebench.mock_upstreams.idp.state.settings import Settings

OWN_SERVER = OwnDescription(
    Path("own_server.toml"),
    OwnUpstream(command=["server", "{port}"], call=[OwnCall(tool="add", arguments={"a": 1}), OwnCall(tool="fail")]),
)
"""A user's own server."""
OWN_VARIANTS = Path(__file__).with_name("own_variants.toml")
"""A user's file of variants, one of each kind."""
_WORLD = (("principal", definition.PRINCIPALS), ("server", definition.EVERYTHING))


class StubBench:
    """Replaces the gateway and everything behind it."""

    def __init__(self, dialect: dict[str, Any]) -> None:
        self.builder = TranscriptBuilder(**dialect)
        self.missing = 0  # consents
        self._exchanges, self._sessions = itertools.count(1), itertools.count(1)
        self.adapter = create_autospec(Adapter, instance=True)
        self.adapter.issue_token.return_value = None  # so the scenario uses the token that it was given
        self._dialect = Dialect(**dialect)
        self._target = SimpleNamespace(
            adapter=self.adapter,
            descriptor=self._described(ClaimsSection(revisions=list(definition.REVISIONS))),
            base_url=self.builder.world_json["gateway"]["base_url"],
            url=lambda server: f"{self.builder.world_json['gateway']['base_url']}/{server}",
        )
        world = create_autospec(
            World, instance=True, world_json=self.builder.world_json, secrets=self.builder.recorder.secrets
        )
        world.own = SimpleNamespace(described=OWN_SERVER)
        url, auth = f"http://127.0.0.1:1{OWN_SERVER.upstream.path}", {"model": "none"}
        self.builder.world_json["upstreams"][definition.OWN_UPSTREAM] = {"url": url, "auth": auth}
        world.control.return_value = {**Settings().state(), "current": {"ES256": "key"}, "secrets": []}
        target = cast("Target", self._target)
        self.bench = Bench(world, target, self.builder.recorder, FEATURES)
        self.bench.identities = _StubIdentities(world, target, self.bench.world_json)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Replace the clients of scenarios, and give them a user's variants, within this block."""
        with (
            patch("gatebench.fixtures.harness.scenario.http_client", self.client),
            patch("gatebench.fixtures.clients.browser.http_client", self.client),
            patch("gatebench.fixtures.harness.scenario.RawConnection", self.raw_connection),
            patch.dict(os.environ, {own.VARIABLE: str(OWN_VARIANTS)}),
        ):
            yield

    def sent(self, tags: dict[str, Any], **fields: Any) -> None:
        """Record a request as it is: it holds no secret that would have to be redacted."""
        self.builder.events.append(
            {"kind": "sent", "principal": tags.get("principal"), "server": tags.get("server"), **fields}
        )

    def _described(self, claims: ClaimsSection) -> Descriptor:
        endpoints = Endpoints(administration=["GET {base_url}/admin"])
        return Descriptor(
            gateway=GatewaySection(name="dry run"), endpoints=endpoints, claims=claims, dialect=self._dialect
        )

    def claim(self, names: set[str]) -> None:
        """Claim only this from now on: features, `principal.<name>`, `server.<name>` (all of them, if none is named)."""
        self.bench.features = frozenset(names & FEATURES.keys())
        principals, servers = ([name for name in known if f"{kind}.{name}" in names] for kind, known in _WORLD)
        claims = ClaimsSection(revisions=list(definition.REVISIONS), principals=principals, servers=servers)
        self._target.descriptor = self._described(claims)

    def client(self, _recorder: Any, tags: dict[str, Any], *_more: Any, **_options: Any) -> httpx.AsyncClient:
        """Replaces the recorded HTTP client."""

        def answer(request: httpx.Request) -> httpx.Response:
            fields = {
                "client": tags["client"],
                "method": request.method,
                "session": request.headers.get("mcp-session-id"),
                "tool": self._called(request),
                "credential": request.headers.get(self._dialect.credential_header),
            }
            self.sent(tags, **fields)
            response = self._visited(request) if tags["client"] == "browser" else self._asked(request)
            response.extensions["gatebench_exchange"] = self.next_exchange()
            return response

        return httpx.AsyncClient(transport=httpx.MockTransport(answer))

    def raw_connection(self, _url: str, _recorder: Any, tags: dict[str, Any], **_options: Any) -> Any:
        """Replaces a plain connection."""
        return _StubConnection(self, tags)

    def next_exchange(self) -> str:
        """Return the name of a further exchange."""
        return f"client-{next(self._exchanges)}"

    def _called(self, request: httpx.Request) -> str | None:
        message = parse_json(request.content.decode(errors="replace"))
        tool = message.get("params", {}).get("name") if isinstance(message, dict) else None
        return tool if isinstance(tool, str) and message["method"] == "tools/call" else None

    def _visited(self, request: httpx.Request) -> httpx.Response:
        callback = self.builder.world_json["gateway"]["callback_url"]
        if str(request.url).startswith(callback):
            if str(request.url).endswith("code=c&state=s"):
                self.missing = max(self.missing - 1, 0)
            return httpx.Response(200)
        return httpx.Response(302, headers={"location": f"{callback}?code=c&state=s"})

    def _asked(self, request: httpx.Request) -> httpx.Response:
        message = parse_json(request.content.decode(errors="replace"))
        if not isinstance(message, dict) or "id" not in message:
            return httpx.Response(202)
        urls = " , ".join(f"{request.url.scheme}://{request.url.host}/connect/{n}" for n in range(self.missing))
        answer = {"error": {"code": 0, "message": "", "data": f"Please visit: {urls}"}} if urls else {"result": {}}
        body = {"jsonrpc": "2.0", "id": message["id"], **answer}
        opened = {"mcp-session-id": f"s{next(self._sessions)}"} if message.get("method") == "initialize" else {}
        return httpx.Response(200, headers=opened, json=body)


class _StubConnection:
    reusable = True

    def __init__(self, stub_bench: StubBench, tags: dict[str, Any]) -> None:
        self._stub_bench = stub_bench
        self._tags = tags

    async def exchange(self, *requests: RawRequest, tags: dict[str, Any] | None = None) -> list[McpResponse]:
        return [self._answered(request, tags or {}) for request in requests]

    async def begin(self, request: RawRequest, share: float = 1.0, *, head: bool = False) -> McpResponse:
        return self._answered(request, {"share": share, "head": head})

    async def further(self) -> bool:
        return False

    def left(self, response: McpResponse) -> McpResponse:
        return response

    def close(self) -> None:
        return

    def _answered(self, request: RawRequest, tags: dict[str, Any]) -> McpResponse:
        given = {**self._tags, **tags}
        fields = {"client": "raw", "method": request.method, "tool": None, "credential": None}
        self._stub_bench.sent(given, **fields)
        body = '{"jsonrpc": "2.0", "id": 1, "result": {}}'
        return McpResponse(self._stub_bench.next_exchange(), request.nonce, 200, [], body)


class _StubIdentities(Identities):
    def token(self, principal: str) -> str:
        return f"the token of {principal}"

    def mutated_jwt(self, principal: str, mutation: str) -> str:
        return f"{MUTATIONS[mutation].name} token of {principal}"

    def variant_jwt(self, principal: str, variant: TokenVariant) -> str:
        return f"{variant.name} token of {principal}"

    def forged_jwts(self, principal: str, another: str) -> dict[str, str]:
        return {name: f"{name} of {principal}, beside {another}" for name in FORGERIES}

    def upstream_secrets(self, principal: str, server: str, categories: Iterable[str]) -> dict[str, str | None]:
        return {name: f"the {name} of {principal} at {server}" for name in categories}

    def new_jwt(self, principal: str, label: str) -> str:
        return f"jwt-of-{principal}-{label}"

    def token_for(self, principal: str, issuer: str, resource: str) -> str:
        return f"token of {principal} by {issuer} for {resource}"


class PrivateScenario(Scenario):
    """A scenario on a stub bench, without the guide's client."""

    def __init__(self, bench: Bench, name: str, stack: AsyncExitStack, stub_bench: StubBench) -> None:
        super().__init__(bench, name, stack)
        self._stub_bench = stub_bench

    def guide(
        self, principal: str, mode: fastmcp_client.Mode, headers: dict[str, str] | None = None
    ) -> fastmcp_client.AgentConnection:
        self._stub_bench.sent({"principal": principal}, method=None, tool=None, credential=None)

        def no_client(**_options: Any) -> Any:
            raise ConnectionError("dry run")

        return fastmcp_client.AgentConnection(headers or {}, no_client, mode)

    async def no_consent(self, principal: str, server: str) -> None:
        await super().no_consent(principal, server)
        members = definition.VIRTUAL_SERVERS.get(server, (server,))
        self._stub_bench.missing = sum(definition.UPSTREAMS[member].model == "oauth" for member in members)
