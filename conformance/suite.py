"""How a suite says which requirements a scenario's traffic can be judged by.

A scenario is an ordinary parametrized async test function that takes the `scenario` fixture. It makes traffic once;
each requirement that applies becomes one pytest item on top of it:

    @judged_by("CRED-001", {"CRED-003": model("static")})
    @pytest.mark.parametrize("revision", REVISIONS)
    async def test_something(scenario, revision): ...
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pytest

from fixtures import standard

Params = Mapping[str, Any]
When = Callable[[Params], bool]
Function = TypeVar("Function", bound=Callable[..., Any])

MARK = "judged_by"


def judged_by(*requirements: str | Mapping[str, When], needs: tuple[str, ...] = ()) -> Callable[[Function], Function]:
    """Mark a scenario with its requirements (always, or when a predicate of its parameters holds) and needed features."""
    wanted: dict[str, When] = {}
    for entry in requirements:
        wanted |= {entry: _always} if isinstance(entry, str) else dict(entry)

    def decorate(function: Function) -> Function:
        marked: Function = pytest.mark.judged_by(wanted=wanted, needs=needs)(function)
        return marked

    return decorate


def _always(_params: Params) -> bool:
    return True


def model(*models: str) -> When:
    """True when the scenario's server, or a member of its virtual server, has one of these auth models."""

    def when(params: Params) -> bool:
        server = params["server"]
        members = standard.VIRTUAL_SERVERS.get(server, (server,))
        return any(standard.UPSTREAMS[member].model in models for member in members)

    return when


def legacy(params: Params) -> bool:
    """True in the era of sessions."""
    return params["revision"] in standard.LEGACY_REVISIONS
