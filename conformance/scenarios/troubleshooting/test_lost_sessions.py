"""An upstream loses its sessions before requests other than tool calls."""

from functools import partial
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import after_a_loss
from gatebench.conformance.scenarios.feature_client import SERVERS, feature_client
from gatebench.conformance.scenarios.marks import in_one_with_sessions, judged_by
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import LEGACY_REVISIONS


@judged_by("TRB-004", "TRB-014", thorough=in_one_with_sessions)
@pytest.mark.parametrize("revision", LEGACY_REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS[:2])
async def test_features(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> None:
    """The caller's session reads, gets a prompt, completes and lists as before, or it is gone and a new one does."""
    here = await feature_client(scenario, principal, server, member, revision)
    prompt = await here.prompt("test_prompt_with_arguments")
    reference = {"type": "ref/prompt", "name": prompt}
    requests: list[tuple[str, str, dict[str, Any] | None]] = [
        ("resources", "resources/read", {"uri": await here.uri("static-text")}),
        ("resources", "resources/list", None),
        ("prompts", "prompts/get", {"name": prompt, "arguments": {"arg1": "a", "arg2": "b"}}),
        ("completions", "completion/complete", {"ref": reference, "argument": {"name": "arg1", "value": "a"}}),
    ]
    for capability, method, params in requests:
        control = await here.client.request(method, params) if here.offers(capability) else None
        if control is None or not control.succeeded:
            continue  # what is not offered cannot be regained
        scenario.forget_sessions(member)
        first = await here.client.request(method, params)
        scenario.probe("session lost", first, control, attribute=method, server=server, principal=principal)
        second = await after_a_loss(here.client, first, partial(here.client.request, method, params))
        scenario.probe("session regained", second, control, attribute=method, server=server, principal=principal)
