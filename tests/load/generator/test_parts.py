"""The small parts of the generator: heads, streams, events; and which of them may be imported where."""

import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gatebench.load.generator.client import response_head
from gatebench.load.generator.client.response_head import CHUNKED, REMEMBERED, UNTIL_CLOSE, head_of
from gatebench.load.generator.client.sse import events_of, foreign_progress, progress_of
from gatebench.load.generator.recording.checkpoint import KEPT, Checkpoint
from gatebench.load.generator.recording.events import LoadEventLog
from gatebench.load.generator.recording.output import secrets_of
from gatebench.load.plan.plan import PlannedArm
from tests.support.load.http_server import TinyServer
from tests.support.load.load_plans import a_call, a_plan

CASES = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nContent-Type: Application/JSON; charset=utf-8", (200, 12, True)),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream", (200, CHUNKED, True)),
    (b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close", (202, 0, False)),
    (b"HTTP/1.1 204 No Content", (204, 0, True)),
    (b"HTTP/1.1 200 OK", (200, UNTIL_CLOSE, False)),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2", (200, 2, False)),
    (b"HTTP/1.1 103 Early Hints", (103, 0, True)),
]


@pytest.mark.parametrize(("raw", "expected"), CASES)
def test_length_and_keep_alive_of_a_head(raw: bytes, expected: tuple[int, int, bool]) -> None:
    head = head_of(raw)
    assert head is not None
    assert (head.status, head.length) == expected[:2]
    if head.length >= 0:
        assert head.keep_alive is expected[2]
    assert head_of(raw) is head  # cached


def test_content_type_and_session_of_a_head() -> None:
    head = head_of(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nMCP-Session-ID: abc\r\nContent-Type: TEXT/x; y=z")
    assert head is not None
    assert (head.content_type, head.session) == ("text/x", "abc")


@pytest.mark.parametrize("raw", [b"", b"hello", b"HTTP/1.1 abc", b"HTTP/1.1 200 OK\r\nContent-Length: -1", b"\x00" * 9])
def test_invalid_head_is_none(raw: bytes) -> None:
    assert head_of(raw) is None


def test_cache_of_heads_is_bounded() -> None:
    for number in range(3 * REMEMBERED):
        head_of(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nx-request-id: %d" % number)
    assert len(response_head._known) <= REMEMBERED


def test_event_has_the_time_of_its_last_byte() -> None:
    arrivals = [(10, b"data: on"), (20, b"e\n\ndata: two\r\n"), (30, b"\r\n: comment\n\n\n"), (40, b"data: cut")]
    assert events_of(arrivals) == [(20, b"data: one"), (30, b"data: two"), (30, b": comment")]


def test_progress_delay_is_relative_to_the_upstream_timestamp() -> None:
    event = b'data: {"method":"notifications/progress","params":{"progress":1,"message":"5.000000"}}\n\n'
    bare = b'data: {"method":"notifications/progress","params":{"progress":2}}\n\n'
    assert progress_of([(5_000_300_000, event), (6, bare), (7, b'data: {"result":{}}\n\n')]) == [
        (5_000_300_000, 300_000),
        (6, None),
    ]


def test_repeated_events_are_counted_once_per_second() -> None:
    log = LoadEventLog()
    for place in range(100):
        log.note(1 + place / 50, "reset", "gateway", f"number {place}")
    log.note(1.5, "reset", "direct")
    first = log.take(2)
    assert [(e["t"], e["kind"], e["arm"], e["count"], e["detail"]) for e in first] == [
        (1.0, "reset", "gateway", 50, "number 0"),
        (1.5, "reset", "direct", 1, ""),
    ]
    assert [event["count"] for event in log.take()] == [50]
    assert log.take() == []


def test_shared_modules_import_neither_gevent_nor_locust() -> None:
    parts = (
        "client.request_templates",
        "execution.response_check",
        "recording.recorder",
        "recording.aggregate",
        "client.response_head",
        "client.sse",
        "recording.events",
        "recording.health",
        "recording.checkpoint",
    )
    imports = ", ".join(
        [
            "gatebench.load.plan.plan",
            "gatebench.load.results.generator_result",
            "gatebench.load.plan.schedule",
            *(f"gatebench.load.generator.{part}" for part in parts),
        ]
    )
    program = f"import sys, {imports}; print([one for one in ('gevent', 'locust') if one in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("raw", "reusable"),
    [
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0", True),
        (b"HTTP/1.1 204 No Content", True),
        (b"HTTP/1.1 204 No Content\r\nConnection: close", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0", False),
    ],
)
def test_keep_alive_after_a_response_without_body(raw: bytes, *, reusable: bool) -> None:
    head = head_of(raw)
    assert head is not None
    assert (head.keep_alive, head.length) == (reusable, 0)


def test_white_space_around_header_values_is_ignored() -> None:
    head = head_of(b"HTTP/1.1 200 OK\r\nContent-Length: 12 \r\nMcp-Session-Id: abc ")
    assert head is not None
    assert (head.length, head.session) == (12, "abc")


def test_progress_event_of_another_request_is_detected() -> None:
    def event(token: bytes) -> tuple[int, bytes]:
        message = b'{"method":"notifications/progress","params":{"progressToken":%s,"message":"5.000000000"}}' % token
        return 6, b"data: " + message + b"\n\n"

    ours, other, of_the_gateway = event(b"1000000001"), event(b"1000000002"), event(b'"gateway-7"')
    assert foreign_progress([ours, ours], b"1000000001") is None
    assert foreign_progress([ours, other], b"1000000001") == "1000000002"
    assert foreign_progress([of_the_gateway], b"1000000001") is None, "a token of the gateway, not of another request"


@pytest.mark.parametrize(
    ("name", "value", "secrets"),
    [
        ("Authorization", "Bearer abcdefgh1", ["abcdefgh1"]),
        ("Cookie", "session=abcdefgh1; theme=abcdefgh2", ["abcdefgh1", "abcdefgh2"]),
        ("X-Api-Key", "abcdefgh1", ["abcdefgh1"]),
        ("X-Token", "Acme abcdefgh1", ["abcdefgh1"]),
    ],
)
def test_credentials_in_headers_are_redacted(name: str, value: str, secrets: list[str]) -> None:
    known = secrets_of(a_plan(PlannedArm(name="a", calls=[a_call(headers={name: value})])))
    said = known.redact(f"{name}: {value}")
    assert not any(secret in said for secret in secrets)
    assert "abcdefgh1" not in known.redact("it said abcdefgh1")
    assert "session=" in said or name != "Cookie"


def test_checkpoint_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path)
    assert stat.S_IMODE((tmp_path / KEPT).stat().st_mode) == 0o600, "wrong answers in it contain credentials"
    kept.close()
    assert list(tmp_path.iterdir()) == []


TWO_ADDRESSES = """
import socket, sys
resolve = socket.getaddrinfo
def two(host, port, **more):
    unused = resolve("127.0.0.1", int(sys.argv[2]), **more)
    return unused + resolve("127.0.0.1", port, **more)
from gatebench.load.generator.client.pool import ConnectionPool
socket.getaddrinfo = two
endpoint = ConnectionPool(f"http://localhost:{sys.argv[1]}/", 5.0)
for _ in range(2):
    print(endpoint.take().trouble, len(endpoint._addresses))
"""


def test_host_with_two_addresses_is_reached_at_the_accepting_one() -> None:
    """`localhost` resolves to ::1 first on most machines, and many servers listen on 127.0.0.1 only."""
    with socket.socket() as unused, TinyServer() as server:
        unused.bind(("127.0.0.1", 0))  # it does not listen
        ports = [str(server.port), str(unused.getsockname()[1])]
        run = subprocess.run(  # noqa: S603
            [sys.executable, "-c", TWO_ADDRESSES, *ports], capture_output=True, text=True, check=True
        )
    assert run.stdout.split() == ["None", "1"] * 2


IDLE = """
import select, time
from gatebench.load.generator.client.pool import ConnectionPool, _Socket, RESTED
listening = _Socket()
listening.bind(("127.0.0.1", 0))
listening.listen()
endpoint = ConnectionPool(f"http://127.0.0.1:{listening.getsockname()[1]}/", 5.0)
first = endpoint.take()
first.done = time.monotonic_ns() - {rest} * RESTED
endpoint.give(first)
at_the_server, _ = listening.accept()
at_the_server.close()
select.select([first._sock], [], [], 5.0)  # the gevent hub does not run
second = endpoint.take()
print(second is first, second.trouble, endpoint.opened)
"""


@pytest.mark.parametrize(("rest", "found"), [(2, "False None 2"), (0, "True None 1")])
def test_idle_connection_is_checked_before_its_reuse(rest: int, found: str) -> None:
    """Servers close idle connections; between immediate requests the check is skipped."""
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", IDLE.replace("{rest}", str(rest))], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == found
