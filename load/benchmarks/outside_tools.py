"""Load generators of others in a closed loop: wrk, h2load, hey and autocannon, each on one thread, if it is installed.

All send the same bytes every time and look only at the status. The CPU time is that of the process, without that of its start.
"""

import json
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gatebench.fixtures.errors import HarnessError
from gatebench.load.benchmarks.markdown import Turn

AUTOCANNON = "autocannon@9.0.0"
INSTALL_TIMEOUT = 120.0  # seconds
PLACES = {  # for a sentence on what is not installed
    "wrk": "Debian: wrk",
    "h2load": "Debian: nghttp2-client",
    "hey": "Debian: hey",
    "autocannon": f"npm: {AUTOCANNON}",
}
ABSENT = "For vegeta, oha and k6, there is no package in Debian 12, nor one of these projects on PyPI or npm."

Request = tuple[str, dict[str, str], str]  # URL, headers, body


def wrk(program: str, request: Request, users: int, seconds: float) -> Turn:
    """Run wrk."""
    url, headers, body = request
    lines = [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items()]
    script = "\n".join(['wrk.method = "POST"', f"wrk.body = {json.dumps(body)}", *lines])
    with _file(script) as path:
        command = [program, "-t1", f"-c{users}", f"-d{_whole(seconds)}s", "-s", path, url]
        return _run(command, [program, "--version"], _wrk_count, seconds)


def h2load(program: str, request: Request, users: int, seconds: float) -> Turn:
    """Run h2load with HTTP/1.1."""
    url, headers, body = request
    with _file(body) as path:
        command = [program, "--h1", "-t1", f"-c{users}", f"-D{_whole(seconds)}", "-d", path, *_options(headers), url]
        return _run(command, [program, "--version"], _h2load_count, seconds)


def hey(program: str, request: Request, users: int, seconds: float) -> Turn:
    """Run hey."""
    url, headers, body = request
    with _file(body) as path:
        command = [program, "-z", f"{_whole(seconds)}s", "-c", str(users), "-cpus", "1", "-m", "POST", "-D", path]
        command += ["-T", headers.get("Content-Type", "application/json"), *_options(headers), url]
        return _run(command, [program, "-h"], _hey_count, seconds)


def autocannon(program: str, request: Request, users: int, seconds: float) -> Turn:
    """Run autocannon."""
    url, headers, body = request
    with _file(body) as path:
        command = [program, "-j", "-c", str(users), "-d", str(_whole(seconds)), "-m", "POST", "-i", path]
        return _run([*command, *_options(headers), url], [program, "--version"], _autocannon_count, seconds)


Tool = Callable[[str, Request, int, float], Turn]  # the program, what to send, connections, seconds
TOOLS: dict[str, Tool] = {"wrk": wrk, "h2load": h2load, "hey": hey, "autocannon": autocannon}


@contextmanager
def installed() -> Iterator[dict[str, str]]:
    """Yield the programs that are installed; npm installs autocannon into a temporary folder if it is not."""
    found = {name: path for name in TOOLS if (path := shutil.which(name))}
    with tempfile.TemporaryDirectory(prefix="gatebench-tools-") as folder:
        if "autocannon" not in found and (path := _install(Path(folder))):
            found["autocannon"] = path
        yield found


def missing(names: Sequence[str]) -> str:
    """Return a sentence on the tools that are not among these names, and on those that no package has."""
    absent = [f"{name} ({PLACES[name]})" for name in TOOLS if name not in names]
    return f"Not installed here and omitted: {', '.join(absent)}. {ABSENT}" if absent else ABSENT


def _install(folder: Path) -> str | None:
    npm = shutil.which("npm")
    if npm is None:
        return None
    command = [
        npm,
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        str(folder),
        AUTOCANNON,
    ]
    try:
        subprocess.run(command, capture_output=True, timeout=INSTALL_TIMEOUT, check=True)  # noqa: S603
    except (subprocess.SubprocessError, OSError):
        return None  # without a network, it is left out
    path = folder / "node_modules" / ".bin" / "autocannon"
    return str(path) if path.exists() else None


@contextmanager
def _file(text: str) -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        yield file.name


def _options(headers: dict[str, str]) -> list[str]:
    return [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]


def _whole(seconds: float) -> int:
    return max(round(seconds), 1)


def _run(command: list[str], start: list[str], count: Callable[[str], int | None], seconds: float) -> Turn:
    idle, _, _ = _measured(start, seconds, check=False)
    cpu, wall, printed = _measured(command, seconds, check=True)
    requests = count(printed)
    if not requests:
        raise HarnessError(f"{Path(command[0]).name} failed: {printed.strip()[-300:]}")
    return Turn(requests, max(cpu - idle, 0.0), wall)


def _measured(command: list[str], seconds: float, *, check: bool) -> tuple[float, float, str]:
    """Return CPU and wall seconds and the output of a program."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    run = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, timeout=seconds + 30, check=check
    )
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, run.stdout


def _wrk_count(printed: str) -> int | None:
    found = re.search(r"\b(\d+) requests in", printed)
    return int(found[1]) if found and "Non-2xx" not in printed else None


def _h2load_count(printed: str) -> int | None:
    found = re.search(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", printed)
    return int(found[1]) if found else None


def _hey_count(printed: str) -> int | None:
    statuses = re.findall(r"\[(\d+)\]\s+(\d+) responses", printed)
    return int(statuses[0][1]) if [status for status, _ in statuses] == ["200"] else None


def _autocannon_count(printed: str) -> int | None:
    found = json.loads(printed)
    return None if found["non2xx"] or found["errors"] else int(found["2xx"])
