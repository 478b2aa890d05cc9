"""Load generators for benchmarks, in a closed loop: gatebench, gatebench without a part of its work, and the two users of locust.

Those of others are in `outside_tools`.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from gatebench.fixtures.errors import HarnessError
from gatebench.load.benchmarks.markdown import Turn
from gatebench.load.benchmarks.outside_tools import Request
from gatebench.load.generator.client import request_templates
from gatebench.load.generator.client.request_templates import FIRST_NUMBER
from gatebench.load.generator.process import run_generator
from gatebench.load.plan import plan as plans
from gatebench.load.plan.plan import Plan, PlannedArm, PlannedCall, PlannedCaller, Stage, address
from gatebench.load.results import generator_result as results
from gatebench.load.results.generator_result import Result

USERS = 16
WARMUP = 0.5  # seconds
_ANY_CALLER = PlannedCaller(name="any")

Competitor = Callable[[PlannedCall, float], Turn]  # what to call, for how many seconds


def ours(call: PlannedCall, seconds: float, users: int = USERS, workers: int = 1) -> Turn:
    """Run the users of gatebench, which check every response and record three latencies."""
    result, _ = run_generator(_plan(call, seconds, users, workers))
    return _turn(result)


def unchecked(call: PlannedCall, seconds: float) -> Turn:
    """Run the users of gatebench with the checks off: they look only at the status."""
    return _variant("unchecked", call, seconds)


def unrecorded(call: PlannedCall, seconds: float) -> Turn:
    """Run the users of gatebench without checks and records."""
    return _variant("unrecorded", call, seconds)


def _plan(call: PlannedCall, seconds: float, users: int, workers: int) -> Plan:
    return Plan(
        seed=1,
        arms=[PlannedArm(name="direct", calls=[call])],
        stages=[Stage(seconds=seconds, rate_from=users, rate_to=users)],
        arrivals="closed",
        warmup=WARMUP,
        timeout=5.0,
        workers=workers,
    )


def _turn(result: Result) -> Turn:
    if wrong := [cell for cell in result.cells if cell.outcome != "ok"]:
        raise HarnessError(f"calls of the benchmark failed: {wrong[0].outcome}")
    warmup = sum(cell.count for cell in result.warmup)
    requests = result.counts.done or result.counts.offered  # without records, only the offered ones are counted
    return Turn(requests, result.machine.cpu_seconds, result.machine.wall_seconds, warmup)


def _variant(name: str, call: PlannedCall, seconds: float) -> Turn:
    with tempfile.TemporaryDirectory(prefix="gatebench-load-") as folder:
        plan = Path(folder) / "plan.json"
        plans.write(_plan(call, seconds, USERS, 1), plan)
        _output("client_variants", [name, str(plan), folder], "", seconds)
        return _turn(results.read(Path(folder)))


def epoll_loop(call: PlannedCall, seconds: float) -> Turn:
    """Run a loop in Python that makes the system calls of a client, and does nothing else."""
    return _floor("epoll", call, seconds)


def gevent_loop(call: PlannedCall, seconds: float) -> Turn:
    """Run the same loop with gevent: a greenlet for each connection."""
    return _floor("gevent", call, seconds)


def _floor(kind: str, call: PlannedCall, seconds: float) -> Turn:
    parts = address(call.url)
    request = str(FIRST_NUMBER).encode().join(_pieces(call)).decode()
    order = {"host": parts.hostname, "port": parts.port, "request": request, "users": USERS, "seconds": seconds}
    return Turn(**json.loads(_output("floor_loops", [kind], json.dumps(order), seconds)))


def fast_http_user(call: PlannedCall, seconds: float) -> Turn:
    """Run FastHttpUser of locust, which checks only the status."""
    return _of_locust("fast", call, seconds)


def http_user(call: PlannedCall, seconds: float) -> Turn:
    """Run HttpUser of locust, which checks only the status."""
    return _of_locust("plain", call, seconds)


def _of_locust(kind: str, call: PlannedCall, seconds: float) -> Turn:
    head, body = _request(call)
    order = {"url": call.url, "headers": head, "body": body, "users": USERS, "warmup": WARMUP, "seconds": seconds}
    return Turn(**json.loads(_output("locust_baseline", [kind], json.dumps(order), seconds)))


def _output(module: str, arguments: list[str], given: str, seconds: float) -> str:
    """Run a module of the benchmarks in a process of its own, and return what it prints."""
    run = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-m", f"gatebench.load.benchmarks.{module}", *arguments],
        input=given, capture_output=True, text=True, timeout=seconds + 60, check=False,
    )  # fmt: skip
    if run.returncode:
        raise HarnessError(f"{module} ended with status {run.returncode}: {run.stderr.strip()[-300:]}")
    return run.stdout


def request_of(call: PlannedCall) -> Request:
    """Return the call as one fixed request for the tools of others."""
    return (call.url, *_request(call))


def _pieces(call: PlannedCall) -> request_templates.Pieces:
    message = request_templates.main_message(call, request_templates.new_tag())
    return request_templates.pieces(call, _ANY_CALLER, message)


def _request(call: PlannedCall) -> tuple[dict[str, str], str]:
    """Return headers and body of the call as one fixed request."""
    head, _, body = str(FIRST_NUMBER).encode().join(_pieces(call)).decode().partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    for name in ("Host", "Content-Length"):  # set by the client
        del headers[name]
    return headers, body
