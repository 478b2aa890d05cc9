import ssl
from collections.abc import Iterator

import httpx
import pytest
from idp_bench import Bench

from mock_upstreams.server import Farm


@pytest.fixture(scope="session")
def farm() -> Iterator[Farm]:
    with Farm() as farm:
        yield farm


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=5, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as http:
        yield http


@pytest.fixture
def bench(farm: Farm, http: httpx.Client) -> Bench:
    http.cookies.clear()
    return Bench(farm, http)
