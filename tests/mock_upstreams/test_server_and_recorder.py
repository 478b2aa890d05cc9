"""The journal records what is sent on the wire."""

import base64
import socket
import threading
import time
from typing import Any

import anyio
import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from gatebench.mock_upstreams.recording.event_log import EventLog
from gatebench.mock_upstreams.recording.middleware import RecordingMiddleware
from gatebench.mock_upstreams.server import MockError, ServerThread


async def hello(scope: Scope, _receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Case", b"Kept")]})
    await send({"type": "http.response.body", "body": b"hel", "more_body": True})
    await send({"type": "http.response.body", "body": b"lo", "more_body": False})


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"first", "more_body": True})
    await receive()
    while (await receive())["type"] != "http.disconnect":
        pass


async def broken(scope: Scope, _receive: Receive, _send: Send) -> None:
    assert scope["type"] == "http"
    raise ValueError("on purpose")


def recorded(farm: ServerThread, app: ASGIApp) -> tuple[str, EventLog]:
    journal = EventLog()
    return farm.serve(RecordingMiddleware(app, journal=journal, leg="upstream", node="n")), journal


def wait_for(journal: EventLog, kind: str) -> dict[str, Any]:
    async def waiting() -> dict[str, Any]:
        n = 0
        while not (found := [event for event in journal.since(0) if event["kind"] == kind]):
            assert await journal.wait_beyond(n, 5)
            n = journal.head
        return found[0]

    return anyio.run(waiting)


def send_raw(url: str, content: bytes) -> bytes:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(content)
        return connection.makefile("rb").read()


def test_headers_keep_case_order_and_duplicates(farm: ServerThread) -> None:
    url, journal = recorded(farm, hello)
    send_raw(
        url,
        b"POST /a%20b?x=1&x=2 HTTP/1.1\r\nhOsT: h\r\nX-Dup: 1\r\nAuthorization: Bearer t\r\nx-dup: 2\r\nX-Latin: \xe9\r\n"
        b"Content-Length: 3\r\nConnection: close\r\n\r\nabc",
    )
    request = journal.since(0)[0]
    assert request["headers"] == [
        ["hOsT", "h"],
        ["X-Dup", "1"],
        ["Authorization", "Bearer t"],
        ["x-dup", "2"],
        ["X-Latin", "\xe9"],
        ["Content-Length", "3"],
        ["Connection", "close"],
    ]
    assert request["target"] == "/a%20b?x=1&x=2"
    assert (request["method"], request["http"], request["body"], request["body_complete"]) == (
        "POST",
        "1.1",
        "abc",
        True,
    )


def test_exchange_has_every_event(farm: ServerThread) -> None:
    url, journal = recorded(farm, hello)
    before = time.monotonic()
    assert httpx.get(url).text == "hello"
    events = journal.since(0)
    assert [event["kind"] for event in events] == ["request", "response", "chunk", "chunk", "end"]
    assert {event["exchange"] for event in events} == {"n-1"}
    assert [event["n"] for event in events] == [1, 2, 3, 4, 5]
    times = [event["t"] for event in events]
    assert times == sorted(times)
    assert before <= times[0]
    assert times[-1] <= time.monotonic()
    assert events[1]["headers"] == [["X-Case", "Kept"]]
    assert [event["body"] for event in events[2:4]] == ["hel", "lo"]
    assert events[4]["how"] == "complete"


def test_binary_bodies_are_recorded(farm: ServerThread) -> None:
    url, journal = recorded(farm, hello)
    httpx.post(url, content=b"\xff\x00")
    assert base64.b64decode(journal.since(0)[0]["body_base64"]) == b"\xff\x00"
    assert "body" not in journal.since(0)[0]


def test_connections_have_different_ids(farm: ServerThread) -> None:
    url, journal = recorded(farm, hello)
    with httpx.Client() as kept:
        kept.get(url)
        kept.get(url)
    httpx.get(url)
    first, second, third = [event["connection"] for event in journal.since(0) if event["kind"] == "request"]
    assert first == second != third


def test_responses_are_not_delayed_by_nagles_algorithm(farm: ServerThread) -> None:
    """Otherwise a response of two writes would wait 40 ms for the client's delayed acknowledgement."""
    options: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        connection = scope["gatebench"]["close"].__self__.transport.get_extra_info("socket")
        options.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await hello(scope, receive, send)

    httpx.get(farm.serve(app))
    assert options == [1]


def test_pipelined_requests_are_recorded_separately(farm: ServerThread) -> None:
    url, journal = recorded(farm, hello)
    one = b"GET /%d HTTP/1.1\r\nHost: h\r\nX-N: %d\r\n%s\r\n"
    send_raw(url, one % (1, 1, b"") + one % (2, 2, b"Connection: close\r\n"))
    requests = [event for event in journal.since(0) if event["kind"] == "request"]
    assert [(request["target"], request["headers"][1]) for request in requests] == [
        ("/1", ["X-N", "1"]),
        ("/2", ["X-N", "2"]),
    ]


def test_client_disconnect_is_recorded(farm: ServerThread) -> None:
    url, journal = recorded(farm, endless)
    with httpx.stream("GET", url) as response:
        pieces = response.iter_bytes()
        assert next(pieces) == b"first"
        assert [event["kind"] for event in journal.since(0)] == ["request", "response", "chunk"]
    assert wait_for(journal, "end")["how"] == "client-disconnected"


def test_client_disconnect_before_the_end_of_its_body_is_recorded(farm: ServerThread) -> None:
    url, journal = recorded(farm, hello)
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
    assert wait_for(journal, "end")["how"] == "client-disconnected"
    assert (journal.since(0)[0]["body"], journal.since(0)[0]["body_complete"]) == ("abc", False)


def test_failing_application_is_recorded_and_answered(farm: ServerThread) -> None:
    url, journal = recorded(farm, broken)
    assert httpx.get(url).status_code == 500
    response, _, end = [event for event in journal.since(0) if event["kind"] != "request"]
    assert response["status"] == 500
    assert end["kind"] == "end"


def test_journal_replays_to_subscribers_in_order() -> None:
    journal, seen = EventLog(), []
    journal.append({"kind": "a"})
    journal.subscribe(seen.append)
    journal.append({"kind": "b"})
    assert [(event["n"], event["kind"]) for event in seen] == [(1, "a"), (2, "b")]
    assert [event["kind"] for event in journal.since(1)] == ["b"]


def test_journal_has_one_order_for_all_threads() -> None:
    journal, seen = EventLog(), []
    journal.subscribe(seen.append)
    threads = [threading.Thread(target=lambda: [journal.append({"kind": "x"}) for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event["n"] for event in seen] == list(range(1, 801))


def test_journal_wakes_waiting_threads() -> None:
    journal = EventLog()
    timer = threading.Timer(0.05, journal.append, ({"kind": "x"},))
    timer.start()
    assert anyio.run(journal.wait_beyond, 0, 5)
    assert not anyio.run(journal.wait_beyond, 1, 0.01)


def test_shutdown_ends_open_streams_in_bounded_time() -> None:
    journal = EventLog()
    with ServerThread() as farm:
        url = farm.serve(RecordingMiddleware(endless, journal=journal, leg="upstream", node="n"))
        client = httpx.Client()
        with client.stream("GET", url) as response:
            pieces = response.iter_bytes()
            assert next(pieces) == b"first"
            started = time.monotonic()
            farm.stop()
            assert time.monotonic() - started < 10
            with pytest.raises(httpx.RemoteProtocolError):
                next(pieces)
        client.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    assert journal.since(0)[-1]["how"] == "client-disconnected"


def test_port_in_use_is_reported_in_one_sentence(farm: ServerThread) -> None:
    port = int(farm.serve(hello).rpartition(":")[2])
    with pytest.raises(MockError, match=f"port {port}.*in use.*choose another"):
        farm.reserve(port)


def test_reserved_port_refuses_connections_until_it_is_served(farm: ServerThread) -> None:
    port = farm.reserve()
    with pytest.raises(httpx.ConnectError):
        httpx.get(farm.url(port))
    with socket.create_server(("127.0.0.1", port)):
        pass
    assert httpx.get(farm.serve(hello, port=port)).text == "hello"
    assert farm.url(port).endswith(f":{port}")


def test_application_with_failing_startup_is_refused(farm: ServerThread) -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    with pytest.raises(MockError, match="refused to start"):
        farm.serve(failing)


def test_events_handed_over_are_not_stored_except_executions() -> None:
    journal, seen = EventLog(), []
    journal.append({"kind": "request"})
    journal.append({"kind": "execution"})
    journal.hand_over(seen.append)
    journal.append({"kind": "end"})
    journal.append({"kind": "execution"})
    assert [event["n"] for event in seen] == [1, 2, 3, 4]
    assert [event["n"] for event in journal.since(0)] == [2, 4]  # the mock's own list of executions
    assert ([event["n"] for event in journal.since(2)], journal.head) == ([4], 4)
