from collections.abc import Iterator

import pytest
from gateway_bench import Bench

from mock_upstreams.server import Farm


@pytest.fixture(scope="session")
def mocks() -> Iterator[Bench]:
    with Farm() as farm:
        yield Bench(farm)


@pytest.fixture
def bench(mocks: Bench) -> Bench:
    mocks.renew()
    return mocks
