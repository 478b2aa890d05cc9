import ssl
from collections.abc import Iterator

import httpx
import pytest

from gatebench.mock_upstreams.server import ServerThread
from tests.support.mocks.idp import IdpBench


@pytest.fixture(scope="session")
def farm() -> Iterator[ServerThread]:
    with ServerThread() as farm:
        yield farm


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=5, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as http:
        yield http


@pytest.fixture
def bench(farm: ServerThread, http: httpx.Client) -> IdpBench:
    http.cookies.clear()
    return IdpBench(farm, http)
