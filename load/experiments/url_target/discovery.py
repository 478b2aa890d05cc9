"""Before any load: connect in both protocol eras, find the tool, check the arguments, and call the tool once with each token.

Every kind of request of the load is tried here once, so that bad input is reported in one sentence before the load begins.
"""

import contextlib
import difflib
import ssl
from collections.abc import AsyncIterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs

from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.clients.transport import RecordingTransport
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.recording.transcript_writer import TranscriptWriter
from gatebench.fixtures.world.definition import LEGACY_REVISIONS, MODERN_REVISION
from gatebench.load.experiments.url_target.endpoint import Endpoint
from gatebench.load.experiments.url_target.refusals import tls_failed, why_not
from gatebench.load.experiments.url_target.short_values import ShortValues
from gatebench.load.generator.recording.events import encodable
from gatebench.load.plan.expected_value import MISSING, ExpectedValue, shown, value_at
from gatebench.load.plan.plan import PlannedCaller

MAX_PAGES = 200  # of a tool list
MASKED = "«header»"
MAX_NAMED = 12  # tools listed in an error
PATIENCE = 30.0  # seconds for one response


@dataclass(frozen=True)
class ToolCall:
    """The call of the load: a tool with its arguments, and what every answer must hold."""

    tool: str | None
    arguments: Mapping[str, Any]
    values: list[ExpectedValue]
    isolation: str | None = None  # JSON Pointer to a value of which each token has its own


@dataclass(frozen=True)
class Discovered:
    """What an endpoint offers: revisions, oldest first; with `isolation`, each of `callers` has the value of its token."""

    endpoint: Endpoint
    call: ToolCall
    server: str
    revisions: list[str]
    callers: list[PlannedCaller]
    notes: list[str]


async def discover(endpoint: Endpoint, call: ToolCall, record: Path) -> Discovered:
    """Return what the load needs to know; the exchanges are recorded in a transcript. Raises BenchError with one sentence."""
    secrets = endpoint.registry()
    with _ExchangeRecord(record, secrets, run="discovery") as writer:
        writer.masked = {name.lower() for name in endpoint.headers}
        writer.short = endpoint.short_values
        try:
            return await _Discovery(endpoint, call, writer).everything()
        except ssl.SSLError as error:  # httpx does not wrap what a server says after the handshake of TLS 1.3
            raise BenchError(tls_failed(endpoint, str(error))) from None
        except BenchError as error:
            raise BenchError(writer.short.redact(secrets.redact(str(error)))) from None


class _ExchangeRecord(TranscriptWriter):
    """A transcript without the values of given headers and without short tokens, which a registry does not find by value."""

    masked: AbstractSet[str] = frozenset()  # names of headers, lower case
    short = ShortValues({})

    def write(self, event: Mapping[str, Any]) -> None:
        """Append one event."""
        if self.masked and "headers" in event:
            headers = [[name, MASKED if name.lower() in self.masked else value] for name, value in event["headers"]]
            event = {**event, "headers": headers}
        super().write(self.short.redact_event(event))


class _Discovery:
    def __init__(self, endpoint: Endpoint, call: ToolCall, writer: TranscriptWriter) -> None:
        self._endpoint, self._call, self._writer = endpoint, call, writer
        self._notes: list[str] = []

    async def everything(self) -> Discovered:
        first, *others = self._endpoint.callers
        revisions, server = await self._revisions(first)
        async with self._client(first, revisions[-1]) as client:
            await client.connect()
            self._check(await self._tools(client))
        for revision in revisions[:-1]:
            await self._called(first, revision)
        callers = [await self._tried(caller, revisions[-1]) for caller in (first, *others)]
        self._require_different(callers)
        return Discovered(self._endpoint, self._call, server, revisions, callers, self._notes)

    @contextlib.asynccontextmanager
    async def _client(self, caller: PlannedCaller, revision: str) -> AsyncIterator[McpClient]:
        """Yield a client that is not yet connected; its session is ended afterwards."""
        transport = RecordingTransport(self._writer, {"principal": caller.name}, verify=self._endpoint.tls.context())
        headers = {"Accept-Encoding": "identity", "User-Agent": "gatebench-load"}
        async with httpx.AsyncClient(transport=transport, headers=headers, trust_env=False) as http:
            given = {**self._endpoint.headers, **caller.headers}
            client = McpClient(http, self._endpoint.url, revision, given, {"server": "endpoint"})
            client.plain, client.patience = True, PATIENCE
            yield client
            if client.session:
                await client.delete()

    # -- protocol eras

    async def _revisions(self, caller: PlannedCaller) -> tuple[list[str], str]:
        """Return the revisions that the endpoint speaks, one of each era, and the server's name. Raises BenchError if none."""
        found = []
        async with self._client(caller, LEGACY_REVISIONS[-1]) as client:
            handshake = await client.connect()
        if (agreed := handshake.result.get("protocolVersion")) in LEGACY_REVISIONS:
            found.append(str(agreed))
        elif handshake.status in (0, 401, 403) or 300 <= handshake.status < 400:
            raise BenchError(why_not(self._endpoint, caller, handshake, "initialize"))
        async with self._client(caller, MODERN_REVISION) as client:
            discovered = await client.connect()
        offered = discovered.result.get("supportedVersions")
        if isinstance(offered, list) and MODERN_REVISION in offered:
            found.append(MODERN_REVISION)
        if found:
            return found, _server_name(handshake, discovered)
        if agreed:
            known = ", ".join((*LEGACY_REVISIONS, MODERN_REVISION))
            raise BenchError(f"{self._endpoint.shown} speaks MCP {agreed!r} only; this gatebench loads {known}")
        raise BenchError(why_not(self._endpoint, caller, handshake, "initialize"))

    # -- the tool

    async def _tools(self, client: McpClient) -> dict[str, dict[str, Any]]:
        tools: dict[str, dict[str, Any]] = {}
        cursor = None
        for _ in range(MAX_PAGES):
            page = await client.request("tools/list", {"cursor": cursor} if cursor else {})
            listed = page.result.get("tools")
            if not isinstance(listed, list):
                raise BenchError(why_not(self._endpoint, self._endpoint.callers[0], page, "tools/list"))
            tools |= {str(tool["name"]): tool for tool in listed if isinstance(tool, dict) and "name" in tool}
            cursor = page.result.get("nextCursor")
            if not cursor:
                break
        return tools

    def _check(self, tools: Mapping[str, dict[str, Any]]) -> None:
        """Raise BenchError unless the tool exists and the arguments satisfy its schema."""
        some = ", ".join(sorted(tools)[:MAX_NAMED]) + (f", ... ({len(tools)} in all)" if len(tools) > MAX_NAMED else "")
        if not tools:
            raise BenchError(f"{self._endpoint.shown} lists no tool for this caller: nothing can be called")
        if self._call.tool is None:
            raise BenchError(f"name the tool to call with --tool (and its arguments with --args); available: {some}")
        if self._call.tool not in tools:
            close = difflib.get_close_matches(self._call.tool, tools, 1)
            hint = f"did you mean {close[0]}?" if close else f"available: {some}"
            raise BenchError(f"{self._endpoint.shown} has no tool {self._call.tool!r}; {hint}")
        schema = tools[self._call.tool].get("inputSchema")
        try:
            # A schema may name others by URL; they are not fetched.
            validator = jsonschema_rs.validator_for(schema if isinstance(schema, dict) else {}, retriever=_refuse)
        except (ValueError, TypeError, jsonschema_rs.ReferencingError) as error:
            self._notes.append(
                f"not checked: the arguments, because the tool's inputSchema cannot be used ({_line(error)})"
            )
            return
        if violation := next(validator.iter_errors(dict(self._call.arguments)), None):
            at = "".join(f"/{part}" for part in violation.instance_path)
            raise BenchError(
                f"--args does not satisfy the inputSchema of {self._call.tool!r}{f' at {at}' if at else ''}: {violation.message}"
            )

    # -- the first calls

    async def _called(self, caller: PlannedCaller, revision: str) -> McpResponse:
        """Call the tool once in a connection of its own. Raises BenchError unless the answer is right."""
        async with self._client(caller, revision) as client:
            greeting = await client.connect()
            if "result" not in greeting.answer:
                raise BenchError(why_not(self._endpoint, caller, greeting, "connecting"))
            response = await client.call(str(self._call.tool), self._call.arguments)
        if not response.succeeded:
            raise BenchError(why_not(self._endpoint, caller, response, f"calling {self._call.tool}"))
        for value in self._call.values:
            if missed := value.missed(response.result):
                raise BenchError(
                    f"the first answer of {self._call.tool} (revision {revision}) is not as expected: {missed}"
                )
        return response

    async def _tried(self, caller: PlannedCaller, revision: str) -> PlannedCaller:
        """Call the tool with a caller's token; with `isolation`, twice, and return the caller with its own value."""
        first = await self._called(caller, revision)
        pointer = self._call.isolation
        if pointer is None:
            return caller
        own = value_at(first.result, pointer)
        if own is MISSING:
            raise BenchError(
                f"--isolation {pointer}: the answer of {self._call.tool} has no such value for {caller.name}"
            )
        value = ExpectedValue(pointer=pointer, any_of=[own])
        if missed := value.missed((await self._called(caller, revision)).result):
            raise BenchError(
                f"--isolation {pointer}: the value of {caller.name} differs between two calls ({missed}): "
                "name one that stays the same"
            )
        return caller.model_copy(update={"own_values": [value]})

    def _require_different(self, callers: list[PlannedCaller]) -> None:
        """Raise BenchError if answers do not tell callers apart although `isolation` is asked for."""
        if self._call.isolation is None:
            return
        if len(callers) < 2:
            raise BenchError("--isolation needs at least two tokens: give them with --tokens-file")
        owners: dict[str, str] = {}
        for caller in callers:
            value = shown(caller.own_values[0].any_of[0])
            if (other := owners.setdefault(value, caller.name)) != caller.name:
                raise BenchError(
                    f"--isolation {self._call.isolation}: {other} and {caller.name} get the same value, {value}: "
                    "either the answers do not tell callers apart, or the gateway already mixes them up"
                )


def _server_name(*responses: McpResponse) -> str:
    for response in responses:
        info = response.result.get("serverInfo")
        if isinstance(info, dict) and info.get("name"):
            return encodable(f"{info['name']} {info.get('version', '')}".strip())[:100]
    return ""


def _refuse(uri: str) -> Any:
    raise ValueError(f"{uri} is not fetched")


def _line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
