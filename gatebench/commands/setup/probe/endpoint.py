"""The address that is probed, and requests to it: each with a time limit, none recorded."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from gatebench.fixtures.clients.discovery import Discovery, Document
from gatebench.fixtures.clients.mcp import McpClient, new_nonce
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.gateways.descriptor import Dialect
from gatebench.fixtures.protocol import limits, messages
from gatebench.fixtures.protocol.opaque_response import opaque
from gatebench.fixtures.protocol.tls import tls_context

REQUEST_SECONDS = 10.0
"""Seconds for one whole response."""
WHOLE_SECONDS = 50.0
"""Seconds for all requests of a probe, the last of which ends within them."""
OUT_OF_TIME = f"not sent: the probe had used its {WHOLE_SECONDS:g} s"


class ProbeTransport(httpx.AsyncBaseTransport):
    """A transport that reads the first `limits.SIZE` bytes of a response.

    `failure` is the error of the last request, if that got no response.
    """

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport(verify=tls_context(), trust_env=False)
        self.failure: Exception | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; return its response, opaque."""
        self.failure = None
        try:
            response = await self._inner.handle_async_request(request)
        except Exception as error:
            self.failure = error
            raise
        return opaque(response, stream=_Bounded(response.stream), gatebench_exchange="")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = limits.SIZE
        async for piece in self._inner:
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                break

    async def aclose(self) -> None:
        await self._inner.aclose()


class AnswerWatch:
    """A reader of an event stream (`StreamWatch`) that leaves once the stream has had a JSON-RPC response."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    def over(self, text: bytearray, new: int) -> bool:  # noqa: ARG002 - the protocol of watches
        """Return whether the text holds a response. Events end with an empty line."""
        if not text.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")):
            return False
        found = messages.rpc_messages(messages.SSE_TYPE, text.decode(errors="replace"))
        return any(map(messages.is_answer, found))


class ProbedEndpoint:
    """An MCP endpoint that is probed with one token; `token` is None for a gateway that needs none."""

    def __init__(self, http: httpx.AsyncClient, transport: ProbeTransport, url: str, token: str | None) -> None:
        self.url = url
        self.token = token
        self._http = http
        self._transport = transport
        self._deadline = time.monotonic() + WHOLE_SECONDS
        self._opened: list[McpClient] = []

    @property
    def failure(self) -> Exception | None:
        """The error of the last request, if it got no response."""
        return self._transport.failure

    @property
    def seconds(self) -> float:
        """The time limit of the next request; 0 if no time is left."""
        return max(0.0, min(REQUEST_SECONDS, self._deadline - time.monotonic()))

    def client(self, revision: str, token: str | None, *, url: str | None = None) -> McpClient:
        """Return a client with this token (None: without one), which sends nothing that identifies a request."""
        headers = {}
        if token is not None:
            headers[Dialect().credential_header] = Dialect().credential_format.format(token=token)
        client = McpClient(self._http, url or self.url, revision, headers, {"server": "probe"})
        client.plain = True
        return client

    async def ask(self, client: McpClient, method: str, params: Mapping[str, Any] | None = None) -> McpResponse:
        """Send one request. The response has status 0 if none arrived in time, or no time was left."""
        if not self.seconds:
            return McpResponse("", "", 0, error_text=OUT_OF_TIME)
        client.patience = self.seconds
        message = client.message(method, params, "", client.next_id())
        return await client.post_watched(message, new_nonce(), AnswerWatch())

    async def connect(self, client: McpClient) -> McpResponse:
        """Send the first request of the client's revision, and `notifications/initialized` after a result of initialize."""
        if client.modern:
            return await self.ask(client, "server/discover")
        facts = {"protocolVersion": client.revision, "capabilities": {}, "clientInfo": messages.CLIENT_INFO}
        answer = await self.ask(client, "initialize", facts)
        client.session = answer.header("Mcp-Session-Id")
        if client.session:
            self._opened.append(client)
        if answer.result and self.seconds:
            client.patience = self.seconds
            await client.notify("notifications/initialized")
        return answer

    async def metadata(self, challenges: list[str]) -> list[Document]:
        """Return the published protected resource metadata (RFC 9728); documents on other hosts are not read."""
        found: list[Document] = []
        reader = Discovery(self._http, {httpx.URL(self.url).host})
        with suppress(TimeoutError):
            async with asyncio.timeout(self.seconds):
                found = await reader.resource_metadata(self.url, challenges)
        return [document for document in found if document.published]

    async def leave(self) -> None:
        """End the sessions that this probe has opened."""
        for client in self._opened:
            if self.seconds:
                client.patience = self.seconds
                await client.delete()


@asynccontextmanager
async def standing(url: str, token: str | None) -> AsyncIterator[ProbedEndpoint]:
    """Yield the endpoint within the block, and end its sessions after it."""
    transport = ProbeTransport()
    async with httpx.AsyncClient(
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        transport=transport,
        headers={"Accept-Encoding": "identity"},
        timeout=REQUEST_SECONDS,
        trust_env=False,
        follow_redirects=False,
    ) as http:
        endpoint = ProbedEndpoint(http, transport, url, token)
        try:
            yield endpoint
        except Exception:  # not after Ctrl-C, which ends the probe at once
            await endpoint.leave()
            raise
        await endpoint.leave()
