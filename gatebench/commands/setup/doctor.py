"""`gatebench doctor`: check this machine for what gatebench needs, with remedies."""

import os
import resource
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import click

from gatebench import exit_codes
from gatebench.commands.command import command
from gatebench.conformance.text import json_text
from gatebench.fixtures import extras
from gatebench.fixtures.gateways import descriptor_loader
from gatebench.fixtures.gateways.launch import installer
from gatebench.fixtures.gateways.lookup import resolve, shipped
from gatebench.reports.rendering.text import shorten

MIN_FILES = 1024  # open files for a run and its gateway
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True)
class Finding:
    """The result of one check. `needed`: no run is possible without it."""

    what: str
    ready: bool
    said: str
    needed: bool = False


@command()
@click.option("--json", "as_json", is_flag=True, help="print the results as JSON")
def doctor(*, as_json: bool, quiet: bool) -> int:
    """Check this machine: ports, Docker, browser, gateways.

    Exit status 2 if something is missing that every run needs.
    """
    found = [finding for look in LOOKS for finding in look()]
    if as_json:
        print(json_text([asdict(finding) for finding in found], indent=1))
    else:
        width = max(len(finding.what) for finding in found)
        for finding in found:
            if quiet and (finding.ready or not finding.needed):
                continue
            word = "ready" if finding.ready else "MISSING" if finding.needed else "not found"
            print(f"{word:10}{finding.what:{width}}  {finding.said}")
    return exit_codes.BAD_INPUT if any(f.needed and not f.ready for f in found) else exit_codes.CONFORMANT


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
    try:
        with tempfile.TemporaryDirectory(prefix="gatebench-") as folder:
            free = shutil.disk_usage(folder).free // 2**20
        yield Finding("temporary files", free > 200, f"{free} MiB free in {tempfile.gettempdir()}", needed=True)
    except OSError as error:
        yield Finding("temporary files", False, f"cannot be created: {error}; set TMPDIR", needed=True)
    writable = os.access(".", os.W_OK)
    said = "reports are written below it" if writable else "not writable; use --out"
    yield Finding("this folder", writable, said)


def _open_files() -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = soft == resource.RLIM_INFINITY or soft >= MIN_FILES
    said = (
        f"{soft} allowed" if enough else f"{soft} allowed (at most {hard}); `ulimit -n {MIN_FILES}` before a load run"
    )
    yield Finding("open files", enough, said)


def _docker_answers() -> bool:
    return next(_docker()).ready


def _docker() -> Iterator[Finding]:
    if absent := extras.missing("containers"):
        yield Finding("Docker", False, absent)
        return
    import docker  # type: ignore[import-untyped] # noqa: PLC0415 - an extra

    try:
        client = docker.from_env(timeout=5)
        try:
            version = client.version().get("Version", "?")
        finally:
            client.close()
        yield Finding("Docker", True, f"engine {version}")
    except Exception as error:  # noqa: BLE001 - without an engine, the client raises errors of its transport
        why = shorten(_root_cause(error), 60)
        yield Finding("Docker", False, f"no engine responds ({why}); needed only for `--world containers` and images")


def _root_cause(error: BaseException) -> str:
    """Return the message of the error that a chain of errors began with, in one line."""
    while before := error.__cause__ or error.__context__:
        error = before
    return " ".join((getattr(error, "strerror", None) or str(error)).split())


def _browser() -> Iterator[Finding]:
    path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    yield Finding("Chromium", path is not None, path or "not in PATH; needed only to test the HTML report")


def _gateways() -> Iterator[Finding]:
    for name in shipped():
        launch = descriptor_loader.load(resolve(name)).launch
        what = f"target {name}"
        if launch is None:
            yield Finding(
                what, False, "you start it yourself; its descriptor names the environment variables that it needs"
            )
        elif launch.install:
            where = installer.find(installer.recipe(launch.install))
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
