"""`gatebench doctor`: what of this machine is ready, and what to do about what is not."""

import argparse
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from commands import status

FEWEST_FILES = 1024  # open files that a run with its gateway may need
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `needed`: without it nothing can be judged."""

    what: str
    ready: bool
    said: str
    needed: bool = False


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
    doctor = commands.add_parser(
        "doctor",
        help="what of this machine is ready: ports, Docker, browsers, gateways",
        description="Look at this machine. Exit status 2 when something is missing without which nothing can be judged.",
    )
    doctor.add_argument("--json", action="store_true", help="the same for programs")
    doctor.set_defaults(command=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    found = [finding for look in LOOKS for finding in look()]
    if options.json:
        print(json.dumps([asdict(finding) for finding in found], indent=1, ensure_ascii=False))
    else:
        width = max(len(finding.what) for finding in found)
        for finding in found:
            word = "ready" if finding.ready else "MISSING" if finding.needed else "not there"
            print(f"{word:10}{finding.what:{width}}  {finding.said}")
    return status.BAD_INPUT if any(f.needed and not f.ready for f in found) else status.CONFORMANT


def _python() -> Iterator[Finding]:
    said = f"{sys.version.split()[0]} at {sys.executable}"
    yield Finding("Python", (3, 11) <= sys.version_info < (3, 14), said, needed=True)


def _loopback() -> Iterator[Finding]:
    for what, family, address, needed in (
        ("ports on 127.0.0.1", socket.AF_INET, "127.0.0.1", True),
        ("ports on ::1", socket.AF_INET6, "::1", False),
    ):
        try:
            with socket.socket(family) as listener, socket.socket(family) as caller:
                listener.bind((address, 0))
                listener.listen(1)
                caller.settimeout(2)
                caller.connect(listener.getsockname()[:2])
            yield Finding(what, True, "can be bound and reached", needed)
        except OSError as error:
            yield Finding(what, False, f"{error.strerror or error}", needed)


def _space() -> Iterator[Finding]:
    import tempfile  # noqa: PLC0415

    try:
        with tempfile.TemporaryDirectory(prefix="gatebench-") as folder:
            free = shutil.disk_usage(folder).free // 2**20
        yield Finding("temporary files", free > 200, f"{free} MiB free in {tempfile.gettempdir()}", needed=True)
    except OSError as error:
        yield Finding("temporary files", False, f"cannot be made: {error}; set TMPDIR", needed=True)
    writable = os.access(".", os.W_OK)
    said = "reports go below it" if writable else "cannot be written to; give --out"
    yield Finding("this folder", writable, said)


def _open_files() -> Iterator[Finding]:
    import resource  # noqa: PLC0415

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = soft == resource.RLIM_INFINITY or soft >= FEWEST_FILES
    said = (
        f"{soft} allowed"
        if enough
        else f"{soft} allowed (at most {hard}); `ulimit -n {FEWEST_FILES}` before a load run"
    )
    yield Finding("open files", enough, said)


def _docker_answers() -> bool:
    return next(_docker()).ready


def _docker() -> Iterator[Finding]:
    import docker  # type: ignore[import-untyped] # noqa: PLC0415

    try:
        client = docker.from_env(timeout=5)
        try:
            version = client.version().get("Version", "?")
        finally:
            client.close()
        yield Finding("Docker", True, f"engine {version}")
    except Exception as error:  # noqa: BLE001 - a client that finds no engine raises what its transport does
        why = " ".join(str(error).split())[:100]
        yield Finding("Docker", False, f"no engine answers ({why}); needed for `--world containers` and images only")


def _browser() -> Iterator[Finding]:
    path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    yield Finding("Chromium", path is not None, path or "not in PATH; needed to test the HTML report only")


def _gateways() -> Iterator[Finding]:
    from fixtures.gateways import descriptor, install  # noqa: PLC0415
    from fixtures.gateways.target import resolve, shipped  # noqa: PLC0415

    for name in shipped():
        launch = descriptor.load(resolve(name)).launch
        what = f"target {name}"
        if launch is None:
            yield Finding(what, False, "runs elsewhere; its descriptor says what it takes from the environment")
        elif launch.install:
            where = install.find(install.recipe(launch.install))
            yield Finding(what, where is not None, where or f"`gatebench install {launch.install}` installs it")
        elif launch.image:
            yield Finding(what, _docker_answers(), "runs as a container image; `gatebench images list`")
        elif "{" not in launch.command[0]:
            path = shutil.which(launch.command[0])
            yield Finding(what, path is not None, path or f"{launch.command[0]} is not in PATH")
        else:
            kinds = f", {len(launch.variants)} of them: {name}:{launch.variants[0]} ..." if launch.variants else ""
            yield Finding(what, True, f"ships with gatebench{kinds}")


LOOKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _python,
    _loopback,
    _space,
    _open_files,
    _docker,
    _browser,
    _gateways,
)
