"""`python -m mock_upstreams lean`: run several lean upstreams in one process, for load tests."""

import argparse
import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..server import MockError, ServerThread, event_loop
from ..upstream import UpstreamSpec, build_upstream
from .program import OptionParser


def run(arguments: Sequence[str], stop: threading.Event) -> int:
    """Serve until `stop` is set; return the exit status (0, or 2 for invalid options)."""
    try:
        options = _parser().parse_args(arguments)
        return _serve(options, stop)
    except MockError as error:
        print(f"mock_upstreams: {error}", file=sys.stderr)
        return 2


def _serve(options: argparse.Namespace, stop: threading.Event) -> int:
    if options.cpu is not None:
        _pin(options.cpu)
    given = _read(options.spec)
    with ServerThread(options.host, event_loop()) as farm:
        urls = {}
        for port, spec in [_upstream(one, record=options.record) for one in given]:
            upstream = build_upstream(spec)
            url = farm.serve(upstream.app, port=farm.reserve(port), protocol=upstream.protocol)
            urls[spec.name] = {"url": url, "mcp_url": f"{url}/mcp"}
        print(json.dumps({"upstreams": urls, "pid": os.getpid()}), flush=True)
        if options.spec == "-":
            threading.Thread(target=_await_end, args=(stop,), daemon=True).start()
        stop.wait()
    return 0


def _await_end(stop: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()


def _pin(cpu: int) -> None:
    try:
        os.sched_setaffinity(0, {cpu})
    except (OSError, AttributeError) as error:
        raise MockError(f"cannot run on CPU {cpu}: {error}; leave --cpu out") from error


def _read(spec: str) -> list[dict[str, Any]]:
    try:
        text = sys.stdin.readline() if spec == "-" else Path(spec).read_text(encoding="utf-8")
        given = json.loads(text)
    except OSError as error:
        raise MockError(f"cannot read {spec}: {error.strerror}") from error
    except ValueError as error:
        raise MockError(f"the upstreams in {spec} are not JSON: {error}") from error
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise MockError(f"the upstreams in {spec} must be a JSON array of objects, one for each")
    return given


_KEYS = {
    "name", "personality", "control_token", "port", "revisions", "header", "issuer", "back_channel", "audience", "hosts",
}  # fmt: skip


def _upstream(given: dict[str, Any], *, record: bool) -> tuple[int, UpstreamSpec]:
    """Return the port and the specification of one upstream; the keys are those of `UpstreamSpec`, and `port`."""
    name = given.get("name", "an upstream")
    if unknown := sorted(set(given) - _KEYS):
        raise MockError(f"{name}: unknown key {unknown[0]!r}; available: {', '.join(sorted(_KEYS))}")
    fields: Any = {
        key: tuple(value) if isinstance(value, list) else value for key, value in given.items() if key != "port"
    }
    port = given.get("port", 0)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise MockError(f"{name}: {port!r} is no port; it must be 0 to 65535")
    try:
        return port, UpstreamSpec(application="lean", record=record, **fields)
    except TypeError as error:
        raise MockError(f"{name}: needs name, personality and control_token ({error})") from error


def _parser() -> argparse.ArgumentParser:
    parser = OptionParser(
        prog="python -m mock_upstreams lean",
        description="Serve several lean upstreams in one process; prints their addresses as one JSON line.",
    )
    parser.add_argument(
        "--spec",
        required=True,
        metavar="FILE",
        help="JSON array of upstreams; -: one line of stdin, and the end of stdin ends the program",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--cpu", type=int, help="run on this processor only")
    parser.add_argument(
        "--record", action="store_true", help="keep a journal, as other mocks do (costs several times more)"
    )
    return parser
