from collections.abc import Callable

import pytest

from tests.support.mocks.mcp_http import UpstreamClient


@pytest.fixture
def lean(serve: Callable[..., UpstreamClient]) -> UpstreamClient:
    return serve(application="lean")
