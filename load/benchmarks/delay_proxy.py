"""A relay that delays every request for a known time, the ground truth for measured overhead.

`python -m gatebench.load.benchmarks.delay_proxy HOST PORT DELAY_MS...` relays bytes to HOST:PORT, from one port for each delay,
prints the ports as one JSON line, and serves until its standard input ends. Each connection has its own threads, because a
thread wakes up within 0.1 ms and an event loop within 1 ms.
"""

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Sequence

CHUNK = 1 << 16


def main(arguments: Sequence[str]) -> int:
    """Serve and return the exit status."""
    host, port, *delays = arguments
    listening = [socket.create_server(("127.0.0.1", 0), backlog=256) for _ in delays]
    for bound, delay in zip(listening, delays, strict=True):
        threading.Thread(target=_accept, args=(bound, (host, int(port)), float(delay) / 1e3), daemon=True).start()
    print(json.dumps([bound.getsockname()[1] for bound in listening]), flush=True)
    sys.stdin.read()
    return 0


def _accept(bound: socket.socket, upstream: tuple[str, int], delay: float) -> None:
    while True:
        client, _ = bound.accept()
        try:
            server = socket.create_connection(upstream)
        except OSError:
            client.close()
            continue
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_pass_on, args=(client, server, delay), daemon=True).start()
        threading.Thread(target=_pass_on, args=(server, client, 0.0), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket, delay: float) -> None:
    """Relay bytes; a request is one piece, so it is delayed once."""
    with contextlib.suppress(OSError):
        while piece := source.recv(CHUNK):
            if delay:
                _hold(delay)
            sink.sendall(piece)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _hold(seconds: float) -> None:
    """Sleep precisely: a plain sleep overshoots by the timer slack (prctl(2), PR_SET_TIMERSLACK, 50 µs)."""
    ends = time.monotonic() + seconds
    time.sleep(max(seconds - 0.00015, 0))
    while time.monotonic() < ends:
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
