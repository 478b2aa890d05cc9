import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from gatebench.mock_upstreams.server import ServerThread
from gatebench.mock_upstreams.upstream import UpstreamSpec, build_upstream
from tests.support.mocks.issuer import KeyServer
from tests.support.mocks.mcp_http import CONTROL_TOKEN, UpstreamClient

_names = itertools.count(1)


@pytest.fixture(scope="module")
def farm() -> Iterator[ServerThread]:
    with ServerThread() as running:
        yield running


@pytest.fixture(params=["tools", "lean"])
def tools(request: pytest.FixtureRequest) -> str:
    """What serves the tools: FastMCP, and the lean server, for which every test holds as well."""
    return str(request.param)


@pytest.fixture
def serve(farm: ServerThread) -> Iterator[Callable[..., UpstreamClient]]:
    """serve(personality, **spec): a new upstream on a port of its own, and a caller for it."""
    callers: list[UpstreamClient] = []

    def start(personality: str = "none", *, headers: dict[str, str] | None = None, **spec: object) -> UpstreamClient:
        settings = {"name": f"upstream{next(_names)}", "control_token": CONTROL_TOKEN, **spec}
        upstream = build_upstream(UpstreamSpec(personality=personality, **settings))
        caller = UpstreamClient(
            farm.serve(upstream.app, protocol=upstream.protocol), control_token=CONTROL_TOKEN, headers=headers
        )
        callers.append(caller)
        return caller

    yield start
    for caller in callers:
        caller.close()


@pytest.fixture
def run_python() -> Callable[[str], str]:
    """Return the output of a new interpreter that runs the code, stdout and stderr together."""

    def run(code: str) -> str:
        command = [sys.executable, "-c", code]
        done = subprocess.run(  # noqa: S603 - our own interpreter
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=True
        )
        return done.stdout.strip()

    return run


@pytest.fixture
def issuer(farm: ServerThread) -> KeyServer:
    made = KeyServer()
    made.url = farm.serve(made.app) + "/issuer"
    return made
