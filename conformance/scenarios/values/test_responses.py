"""Responses of upstreams: results and errors of every form, and every way to frame a response."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gatebench.conformance.scenarios.marks import judged_by_groups
from gatebench.conformance.scenarios.values.test_values import MEMBER, SERVERS
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps import scripted_calls
from gatebench.fixtures.harness.steps.scripted_calls import ScriptedCall, call_all
from gatebench.fixtures.world.corpus import catalog
from gatebench.fixtures.world.definition import MODERN_REVISION, REVISIONS

FRAMINGS = catalog.framings()
ANY_RESULTS = catalog.results()["any-results"]  # of 2026-07-28 only
RESULTS = {
    group: cases for group, cases in catalog.results().items() if group not in ("checked-results", "any-results")
}
ERRORS: dict[str, Callable[[str], dict[str, Any]]] = {
    "errors-as-json": scripted_calls.as_json,
    "errors-as-events": scripted_calls.as_event,
    "errors-with-a-status": lambda body: scripted_calls.as_json(body, 400),
}
UNDER_STATUSES, STATUSES = "errors-with-other-statuses", (409, 422)
AFTER_NOTIFICATIONS = "errors-after-notifications"
ERROR_CASES = [*ERRORS, UNDER_STATUSES, AFTER_NOTIFICATIONS]
OF_VISITS = "2025-11-25"  # the only revision that has this error
VISIT = {
    "code": -32042,
    "message": "A visit is needed first",
    "data": {
        "elicitations": [
            {"mode": "url", "elicitationId": "v-1", "url": "https://visit.example/of?id=1&a=%2F", "message": "Visit it"}
        ]
    },
}
Responses = dict[str, list[dict[str, Any]]]


async def play(scenario: Scenario, client: McpClient, responses: Responses) -> None:
    """Call once for each response of each case; the control is a call that the upstream answers itself."""
    await client.connect()
    (control,) = await call_all(scenario, client, MEMBER, ScriptedCall())
    for case, scripted in responses.items():
        calls = [ScriptedCall(response=one, meta={"progressToken": case}) for one in scripted]
        attempts = await call_all(scenario, client, MEMBER, *calls)
        whose = {"server": client.tags["server"], "principal": client.tags["principal"]}
        scenario.case(case, *attempts, control=control, **whose)


def of_results(results: Mapping[str, dict[str, Any]]) -> Responses:
    """Return scripted responses with these results, by case: as JSON and as an event."""
    texts = {name: scripted_calls.result_of(result, ascii_only=False) for name, result in results.items()}
    return {name: [scripted_calls.as_json(text), scripted_calls.as_event(text)] for name, text in texts.items()}


@judged_by_groups(RESULTS, "END-002")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", list(RESULTS))
async def test_results(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Results with blocks, structured content, metadata or members of one kind, as JSON and as an event."""
    await play(scenario, await scenario.client(principal, server, revision), of_results(RESULTS[case]))


@judged_by_groups({"any-results": list(ANY_RESULTS)}, "END-002")
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", ["any-results"])
async def test_any_results(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """Results whose structured content is no object, as JSON and as an event."""
    del case
    await play(scenario, await scenario.client(principal, server, revision), of_results(ANY_RESULTS))


@judged_by_groups({"errors": ERROR_CASES}, "END-002")
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", ["errors"])
async def test_errors(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """JSON-RPC errors with known and unknown codes and data of every type, in each framing."""
    del case
    client = await scenario.client(principal, server, revision)
    bodies = [
        '{"jsonrpc":"2.0","id":"$id","error":' + json.dumps(error, ensure_ascii=False) + "}"
        for error in [*catalog.errors(), *([VISIT] if revision == OF_VISITS else [])]
    ]
    responses = {name: [framed(body) for body in bodies] for name, framed in ERRORS.items()}
    responses[UNDER_STATUSES] = [
        scripted_calls.as_json(body, STATUSES[number % len(STATUSES)]) for number, body in enumerate(bodies)
    ]
    before = "".join(f"event: message\ndata: {catalog.PROGRESS % number}\n\n" for number in (1, 2))
    responses[AFTER_NOTIFICATIONS] = [
        one | {"chunks": [{"text": before}, *one["chunks"]]} for one in map(scripted_calls.as_event, bodies)
    ]
    await play(scenario, client, responses)


@judged_by_groups({group: [one.name for one in framings] for group, framings in FRAMINGS.items()})
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server"), SERVERS)
@pytest.mark.parametrize("case", list(FRAMINGS))
async def test_framings(scenario: Scenario, case: str, principal: str, server: str, revision: str) -> None:
    """One response in each framing of a group, or framings that end without it."""
    client = await scenario.client(principal, server, revision)
    responses: Responses = {framing.name: [framing.response(scripted_calls.COMPLETE)] for framing in FRAMINGS[case]}
    await play(scenario, client, responses)
