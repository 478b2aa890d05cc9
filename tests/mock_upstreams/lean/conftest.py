from collections.abc import Callable

import pytest

from tests.support.mocks.mcp_http import Caller


@pytest.fixture
def lean(serve: Callable[..., Caller]) -> Caller:
    return serve(application="lean")
