"""Load generators for benchmarks, in a closed loop: gatebench, the two users of locust, and wrk if installed."""

import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from gatebench.fixtures.errors import HarnessError
from gatebench.load.benchmarks.markdown import Turn
from gatebench.load.generator.client import request_templates
from gatebench.load.generator.client.request_templates import FIRST_NUMBER
from gatebench.load.generator.process import run_generator
from gatebench.load.plan.plan import Plan, PlannedArm, PlannedCall, PlannedCaller, Stage

USERS = 16
WARMUP = 0.5  # seconds
_ANY_CALLER = PlannedCaller(name="any")

Competitor = Callable[[PlannedCall, float], Turn]  # what to call, for how many seconds


def ours(call: PlannedCall, seconds: float, users: int = USERS, workers: int = 1) -> Turn:
    """Run the users of gatebench, which check every response and record three latencies."""
    stage = Stage(seconds=seconds, rate_from=users, rate_to=users)
    plan = Plan(
        seed=1,
        arms=[PlannedArm(name="direct", calls=[call])],
        stages=[stage],
        arrivals="closed",
        warmup=WARMUP,
        timeout=5.0,
        workers=workers,
    )
    result, _ = run_generator(plan)
    if wrong := [cell for cell in result.cells if cell.outcome != "ok"]:
        raise HarnessError(f"calls of the benchmark failed: {wrong[0].outcome}")
    warmup = sum(cell.count for cell in result.warmup)
    return Turn(result.counts.done, result.machine.cpu_seconds, result.machine.wall_seconds, warmup)


def fast_http_user(call: PlannedCall, seconds: float) -> Turn:
    """Run FastHttpUser of locust, which checks only the status."""
    return _of_locust("fast", call, seconds)


def http_user(call: PlannedCall, seconds: float) -> Turn:
    """Run HttpUser of locust, which checks only the status."""
    return _of_locust("plain", call, seconds)


def _of_locust(kind: str, call: PlannedCall, seconds: float) -> Turn:
    head, body = _request(call)
    order = {"url": call.url, "headers": head, "body": body, "users": USERS, "warmup": WARMUP, "seconds": seconds}
    run = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-m", "gatebench.load.benchmarks.locust_baseline", kind],
        input=json.dumps(order), capture_output=True, text=True, timeout=seconds + 60, check=False,
    )  # fmt: skip
    if run.returncode:
        raise HarnessError(f"the locust user ended with status {run.returncode}: {run.stderr.strip()[-300:]}")
    return Turn(**json.loads(run.stdout))


def wrk(call: PlannedCall, seconds: float) -> Turn:
    """Run wrk, with minimal work per request: the same bytes every time, only the status is checked."""
    head, body = _request(call)
    lines = [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in head.items()]
    script = "\n".join(['wrk.method = "POST"', f"wrk.body = {json.dumps(body)}", *lines])
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        run = subprocess.run(  # noqa: S603
            [wrk_path() or "wrk", "-t1", f"-c{USERS}", f"-d{max(round(seconds), 1)}s", "-s", file.name, call.url],
            capture_output=True, text=True, timeout=seconds + 30, check=True,
        )  # fmt: skip
        wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    count = re.search(r"\b(\d+) requests in", run.stdout)
    if count is None or "Non-2xx" in run.stdout:
        raise HarnessError(f"wrk failed: {run.stdout.strip()[-300:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Turn(int(count[1]), cpu, wall)


def wrk_path() -> str | None:
    """Return the path of wrk; None if it is not installed."""
    return shutil.which("wrk")


def _request(call: PlannedCall) -> tuple[dict[str, str], str]:
    """Return headers and body of the call as one fixed request."""
    pieces = request_templates.pieces(
        call, _ANY_CALLER, request_templates.main_message(call, request_templates.new_tag())
    )
    head, _, body = str(FIRST_NUMBER).encode().join(pieces).decode().partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    for name in ("Host", "Content-Length"):  # set by the client
        del headers[name]
    return headers, body
