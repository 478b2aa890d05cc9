"""A server that stops and starts again on the same address."""

import socket
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from gatebench.mock_upstreams.server import ServerThread


class Counter:
    """Responds with the number of its requests; the response to `/open` never ends."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.asked += 1
        body = str(self.asked).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body, "more_body": scope["path"] == "/open"})
        while scope["path"] == "/open" and (await receive())["type"] != "http.disconnect":
            pass


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port
    return port


def test_server_stops_and_starts_on_the_same_port() -> None:
    with ServerThread() as farm, httpx.Client(trust_env=False) as client:
        url = farm.serve(Counter())
        for count in ("1", "2", "3"):
            assert client.get(url).text == count  # its state is kept
            farm.stop_listening(port_of(url))
            farm.stop_listening(port_of(url))
            with pytest.raises(httpx.ConnectError):
                client.get(url)
            farm.listen_again(port_of(url))
            farm.listen_again(port_of(url))


def test_stopping_resets_open_connections() -> None:
    with ServerThread() as farm:
        url, other = farm.serve(Counter()), farm.serve(Counter())
        with (
            socket.create_connection(("127.0.0.1", port_of(url)), 2) as idle,
            httpx.stream("GET", f"{url}/open") as answer,
        ):
            pieces = answer.iter_text()
            assert next(pieces) == "1"
            farm.stop_listening(port_of(url))
            with pytest.raises(httpx.RemoteProtocolError):
                next(pieces)
            assert idle.recv(1) == b""
        assert httpx.get(other).text == "1"


def test_port_stays_reserved_while_stopped() -> None:
    with ServerThread() as farm:
        url = farm.serve(Counter())
        farm.stop_listening(port_of(url))
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port_of(url)))
    farm.stop()


def test_stop_and_restart_of_an_unserved_port_do_nothing() -> None:
    with ServerThread() as farm:
        port = farm.reserve()
        farm.stop_listening(port)
        farm.listen_again(port)
        farm.listen_again(port + 1)
        assert httpx.get(farm.serve(Counter(), port=port)).text == "1"
