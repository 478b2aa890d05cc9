"""Load generators that take turns: ours, locust's own two, and wrk where it is installed. All of them in a closed loop."""

import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from fixtures.errors import HarnessError
from load.benchmarks.page import Turn
from load.generator import prepared
from load.generator.prepared import FIRST_NUMBER
from load.plan import Arm, Call, Caller, Plan, Stage
from load.player import play

USERS = 16
WARMUP = 0.5  # seconds
_ANYBODY = Caller(name="anybody")

Competitor = Callable[[Call, float], Turn]  # what to call, for how many seconds


def ours(call: Call, seconds: float, users: int = USERS) -> Turn:
    """Our own users: every answer checked, every request recorded three times over."""
    stage = Stage(seconds=seconds, rate_from=users, rate_to=users)
    plan = Plan(
        seed=1, arms=[Arm(name="direct", calls=[call])], stages=[stage], arrivals="closed", warmup=WARMUP, timeout=5.0
    )
    result, _ = play(plan)
    if wrong := [cell for cell in result.cells if cell.outcome != "ok"]:
        raise HarnessError(f"the benchmark's own calls failed: {wrong[0].outcome}")
    warmup = sum(cell.count for cell in result.warmup)
    return Turn(result.counts.done, result.machine.cpu_seconds, result.machine.wall_seconds, warmup)


def fast_http_user(call: Call, seconds: float) -> Turn:
    """Locust's FastHttpUser, which checks nothing but the status."""
    return _of_locust("fast", call, seconds)


def http_user(call: Call, seconds: float) -> Turn:
    """Locust's HttpUser, which checks nothing but the status."""
    return _of_locust("plain", call, seconds)


def _of_locust(kind: str, call: Call, seconds: float) -> Turn:
    head, body = _request(call)
    order = {"url": call.url, "headers": head, "body": body, "users": USERS, "warmup": WARMUP, "seconds": seconds}
    run = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "load.benchmarks.locust_users", kind],
        input=json.dumps(order), capture_output=True, text=True, timeout=seconds + 60, check=False,
    )  # fmt: skip
    if run.returncode:
        raise HarnessError(f"locust's user ended with status {run.returncode}: {run.stderr.strip()[-300:]}")
    return Turn(**json.loads(run.stdout))


def wrk(call: Call, seconds: float) -> Turn:
    """wrk: as little work for a request as there can be; the same bytes every time, and nothing checked but the status."""
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
    count = re.search(r"(\d+) requests in", run.stdout)
    if count is None or "Non-2xx" in run.stdout:
        raise HarnessError(f"wrk says: {run.stdout.strip()[-300:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Turn(int(count[1]), cpu, wall)


def wrk_path() -> str | None:
    """Where wrk is; None where it is not installed."""
    return shutil.which("wrk")


def _request(call: Call) -> tuple[dict[str, str], str]:
    """Headers and body of the call as one fixed request."""
    pieces = prepared.pieces(call, _ANYBODY, prepared.main_message(call, prepared.new_tag()))
    head, _, body = str(FIRST_NUMBER).encode().join(pieces).decode().partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    for name in ("Host", "Content-Length"):  # theirs to write
        del headers[name]
    return headers, body
