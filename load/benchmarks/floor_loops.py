"""The least that a client in Python does: `python -m gatebench.load.benchmarks.floor_loops epoll|gevent`.

Both send the same bytes again after each response and look at nothing: the system calls of the generator without its work.
`gevent` wakes a greenlet for each response, as the generator does. Reads the order from stdin; prints the fields of a Turn.
"""

import json
import resource
import select
import socket
import sys
import time
from typing import Any

import gevent
from gevent import get_hub, getcurrent

RECV = 64 * 1024
_READ = 1

Usage = tuple[int, float, float, float]  # requests, CPU seconds, of these system time, and wall seconds


def _usage(requests: int) -> Usage:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return requests, used.ru_utime + used.ru_stime, used.ru_stime, time.monotonic()


def _connections(order: dict[str, Any]) -> list[socket.socket]:
    """Return open connections, after a first exchange that proves that the request is right."""
    opened = []
    for _ in range(order["users"]):
        sock = socket.create_connection((order["host"], order["port"]))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(order["request"])
        if not sock.recv(RECV).startswith(b"HTTP/1.1 200"):
            sys.exit("the server refused the request")
        sock.setblocking(False)
        opened.append(sock)
    return opened


def epoll(order: dict[str, Any]) -> tuple[Usage, Usage]:
    """Run a loop on epoll(7) only."""
    request, count = order["request"], 0
    with select.epoll() as poller:
        calls = {}
        for sock in (opened := _connections(order)):
            poller.register(sock.fileno(), select.EPOLLIN)
            calls[sock.fileno()] = (sock.recv, sock.send)
            sock.send(request)
        poll, now, end = poller.poll, time.monotonic, time.monotonic() + order["seconds"]
        before = _usage(0)
        while now() < end:
            for number, _ in poll(1.0):
                recv, send = calls[number]
                recv(RECV)
                send(request)
                count += 1
        after = _usage(count)
        for sock in opened:
            sock.close()
    return before, after


def with_gevent(order: dict[str, Any]) -> tuple[Usage, Usage]:
    """Run a greenlet for each connection, woken by a callback of the hub."""
    request, count = order["request"], 0

    def user(sock: socket.socket) -> None:
        nonlocal count
        sleep, wake = get_hub().switch, getcurrent().switch
        recv, send = sock.recv, sock.send

        def readable() -> None:
            recv(RECV)
            wake()

        watcher = get_hub().loop.io(sock.fileno(), _READ)
        watcher.start(readable)
        while True:
            send(request)
            sleep()
            count += 1

    for sock in _connections(order):
        gevent.spawn(user, sock)
    gevent.sleep(0)
    before = _usage(count)
    gevent.sleep(order["seconds"])
    return before, _usage(count)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    given["request"] = given["request"].encode()
    first, last = {"epoll": epoll, "gevent": with_gevent}[sys.argv[1]](given)
    names = ("requests", "cpu", "system", "wall")
    print(json.dumps({name: b - a for name, a, b in zip(names, first, last, strict=True)}), flush=True)
