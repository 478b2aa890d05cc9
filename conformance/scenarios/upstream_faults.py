"""Failures of an upstream and wrong addresses (named as in test ids), and reading lists of tools."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import TOOLS


@dataclass(frozen=True)
class UpstreamFault:
    """A failure of an upstream: a description, and its form in `mock_upstreams.control.faults` or `containers.network_faults`.

    With neither it refuses connections.
    """

    words: str
    rule: dict[str, Any] | None = None
    trouble: str | None = None

    def at(self, scenario: Scenario, server: str) -> AbstractContextManager[None]:
        """Make the upstream fail in this way during the block."""
        if self.trouble:
            return scenario.upstream_trouble(server, self.trouble)
        return scenario.upstream_fault(server, self.rule) if self.rule else scenario.upstream_down(server)


def _always(**action: Any) -> dict[str, Any]:
    return {"action": action}


def _calls(**action: Any) -> dict[str, Any]:
    return {"method": "tools/call", "action": action}


def _begun(**end: bool) -> dict[str, Any]:
    """Return an event stream that breaks off within its first event."""
    chunk = {"body": ': begun\n\nevent: message\ndata: {"jsonrpc": "2.0", '}
    return {"headers": {"Content-Type": "text/event-stream"}, "chunks": [chunk], **end}


_PAGE = "<!doctype html><title>Welcome</title><h1>It works</h1>"
_FOREIGN = (
    '{"jsonrpc": "2.0", "id": "unknown-request", "result": {"resultType": "complete", "tools": [], '
    '"content": [{"type": "text", "text": "not for you"}], "isError": false}}'
)
_JSON = "application/json"

FAULTS = {
    "refused": UpstreamFault("connection refused"),
    "reset": UpstreamFault("reset before it answered", _always(reset=True)),
    "reset-after-run": UpstreamFault("reset once the tool had run", _calls(reset=True, after_bytes=0)),
    "reset-mid-answer": UpstreamFault("reset in the middle of its answer", _calls(reset=True, after_bytes=20)),
    "502-after-run": UpstreamFault("status 502 once the tool had run", _calls(status=502, after_run=True)),
    "503-after-run": UpstreamFault("status 503 once the tool had run", _calls(status=503, after_run=True)),
    "reset-mid-stream": UpstreamFault("reset in the middle of its event stream", _calls(respond=_begun(reset=True))),
    "closed-mid-stream": UpstreamFault("closed in the middle of its event stream", _calls(respond=_begun(close=True))),
    "401": UpstreamFault("status 401", _always(status=401, headers={"WWW-Authenticate": 'Bearer realm="upstream"'})),
    "403": UpstreamFault("status 403", _always(status=403, body="forbidden")),
    "404": UpstreamFault("status 404", _always(status=404, body="not found")),
    "429": UpstreamFault("status 429", _always(status=429, headers={"Retry-After": "7"}, body="too many requests")),
    "500": UpstreamFault("status 500", _always(status=500, body="out of order")),
    "503": UpstreamFault(
        "status 503", _always(status=503, headers={"Retry-After": "7"}, body=_PAGE, content_type="text/html")
    ),
    "web-page": UpstreamFault("a web page", _always(body=_PAGE, content_type="text/html")),
    "broken-json": UpstreamFault(
        "broken JSON", _always(body='{"jsonrpc": "2.0", "id": 1, "result": {', content_type=_JSON)
    ),
    "foreign-id": UpstreamFault("a response with an unknown id", _always(body=_FOREIGN, content_type=_JSON)),
}
HANGS = UpstreamFault("no answer at all", _always(hang=True))
_BEGUN_JSON = {"headers": {"Content-Type": _JSON}, "chunks": [{"body": '{"jsonrpc": "2.0", '}], "hang": True}
STALLED_LIST = UpstreamFault(
    "stalled in the middle of its list", {"method": "tools/list", "action": {"respond": _BEGUN_JSON}}
)
TROUBLES = {
    "killed": UpstreamFault("killed, and started again", trouble="killed"),
    "paused": UpstreamFault("paused", trouble="paused"),
    "disconnected": UpstreamFault("cut off from the network", trouble="disconnected"),
    "moved": UpstreamFault("killed, and back at another address", trouble="moved"),
    "slow": UpstreamFault("behind a slow link", trouble="slow"),
    "lossy": UpstreamFault("behind a link that loses packets", trouble="lossy"),
}


@dataclass(frozen=True)
class Address:
    """A wrong address: a description, how to derive it from a right one, and whether it names a server once normalised."""

    words: str
    make: Callable[[Scenario, str], str]
    names: bool = False  # whether it names the server that it was derived from


def _named(name: str) -> Callable[[Scenario, str], str]:
    return lambda scenario, server: scenario.url(name.format(server))


def _recased(scenario: Scenario, server: str) -> str:
    return scenario.url(server.title())


def _spelt_out(scenario: Scenario, server: str) -> str:
    return scenario.url(f"%{ord(server[0]):02x}{server[1:]}")


def _spelt_out_twice(scenario: Scenario, server: str) -> str:
    return scenario.url(f"%25{ord(server[0]):02x}{server[1:]}")


def _two_slashes(scenario: Scenario, server: str) -> str:
    return scenario.url(server).replace(f"/{server}", f"//{server}")


ADDRESSES = {
    "unknown-name": Address("an unknown name", _named("no-such-server")),
    "name-and-more": Address("a name with something behind it", _named("{}x")),
    "name-and-dash": Address("a name with something behind it", _named("{}-2")),
    "more-and-name": Address("a name with something before it", _named("x{}")),
    "part-of-name": Address("part of a name", lambda scenario, server: scenario.url(server[:-1])),
    "no-name": Address("no name", _named("")),
    "nul": Address("a NUL behind the name", _named("{}%00x")),
    "other-case": Address("another case", _recased, names=True),
    "percent": Address("a percent-encoded letter", _spelt_out, names=True),
    "percent-twice": Address("a letter that is percent-encoded twice", _spelt_out_twice),
    "slash-at-end": Address("a slash at the end", lambda scenario, server: scenario.url(server) + "/", names=True),
    "two-slashes": Address("two slashes", _two_slashes, names=True),
    "suffix": Address("something behind the address", lambda s, server: s.url(server) + "/more", names=True),
    "cut-short": Address(
        "the address cut short", lambda s, server: s.url(server).rpartition("/")[0] or s.url(server), names=True
    ),
}

UNKNOWN_NAMES = ("unknown-name", "name-and-more", "name-and-dash", "more-and-name")

# From a server that the caller may use to one that it may not.
DETOURS = {
    "dots": Address("two dots", _named("{}/../web-search"), names=True),
    "encoded-dots": Address("two encoded dots", _named("{}/%2e%2e/web-search"), names=True),
    "encoded-slash": Address("two dots between encoded slashes", _named("{}%2f..%2fweb-search"), names=True),
    "dots-encoded-twice": Address("two dots that are encoded twice", _named("{}/%252e%252e/web-search"), names=True),
    "slash-encoded-twice": Address(
        "two dots between slashes that are encoded twice", _named("{}%252f..%252fweb-search"), names=True
    ),
    "parameter": Address("two dots with a parameter", _named("{}/..;x=1/web-search"), names=True),
}


# -- lists of tools


async def listing(
    scenario: Scenario, client: McpClient, when: str, *, shows: Sequence[str], hides: Sequence[str] = ()
) -> None:
    """Read all pages of a list, and note what must be on them."""
    pages = await client.pages("tools/list", most=100)  # a gateway may have small ones
    named = {"server": client.tags["server"], "shows": list(shows), "hides": list(hides)}
    scenario.observe("listing", pages=[page.exchange for page in pages], when=when, **named)


def tools_of(scenario: Scenario, server: str, *, without: Sequence[str] = ()) -> list[str]:
    """Return the tools that a server's list must show normally, without those of some members."""
    members = [member for member in scenario.identities.members(server) if member not in without]
    return [scenario.identities.tool(server, tool, member) for member in members for tool in TOOLS]
