"""DNS rebinding protection: accepted Host and Origin values (MCP 2025-11-25, basic/transports, Security Warning)."""

import ipaddress
import json
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from ..http import message, respond
from .api import ControlError, ControlRequest

INVALID_REQUEST = -32600
FORBIDDEN, MISDIRECTED = 403, 421


class RebindingGuard:
    """ASGI middleware: refuse a foreign Origin with 403, a foreign Host with 421 (RFC 9110 section 15.5.20).

    Host may be one of `names`, or a name that an attacker's DNS cannot resolve: an IP address, a loopback name, a name
    without a dot. A request may lack an Origin; otherwise it must be a loopback address, one of `names`, or the host of
    the request itself.
    """

    def __init__(self, app: ASGIApp, *, names: Iterable[str] = ()) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in (*names, socket.gethostname()) if name)
        self.checks = True

    async def switch(self, request: ControlRequest) -> object:
        """Control handler, PUT true or false: whether Host and Origin are checked."""
        if not isinstance(request.body, bool):
            raise ControlError("the body must be true or false")
        self.checks = request.body
        return {"checks": self.checks}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        refusal = self.foreign(scope["headers"]) if scope["type"] == "http" and self.checks else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, text = refusal
        posted = message(scope)
        identity = {"id": posted["id"]} if "method" in posted and "id" in posted else {}
        answer = {"jsonrpc": "2.0", **identity, "error": {"code": INVALID_REQUEST, "message": text}}
        await respond(send, status, [("content-type", "application/json")], json.dumps(answer).encode())

    def foreign(self, headers: Iterable[tuple[bytes, bytes]]) -> tuple[int, str] | None:
        """Return status and reason with which to refuse these headers (names in lower case), or None to accept them."""
        found = [(name, value.decode("latin-1")) for name, value in headers if name in (b"host", b"origin")]
        hosts = [_hostname(f"//{value}") or "" for name, value in found if name == b"host"]
        if any(not self._ours(host) for host in hosts):
            return (
                MISDIRECTED,
                f"Host is none of this server's names: {', '.join(sorted(self._names))}",
            )
        for origin in (value for name, value in found if name == b"origin"):
            host = _hostname(origin) if origin.startswith(("http://", "https://")) else None
            if host is None or not (is_loopback(host) or host in self._names or host in hosts):
                return FORBIDDEN, "requests from this Origin are not accepted"
        return None

    def _ours(self, host: str) -> bool:
        return bool(host) and (
            "." not in host or host in self._names or is_loopback(host) or _address(host) is not None
        )


def is_loopback(host: str) -> bool:
    """Return whether a host (lower case) is a loopback address (RFC 6761 section 6.3, RFC 1122 section 3.2.1.3)."""
    address = _address(host)
    return host == "localhost" or host.endswith(".localhost") or (address is not None and address.is_loopback)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _hostname(url: str) -> str | None:
    """Return the host of a URL, in lower case and without port, or None if there is none, or a port that is no number."""
    try:
        split = urlsplit(url)
        _ = split.port
    except ValueError:
        return None
    return split.hostname
