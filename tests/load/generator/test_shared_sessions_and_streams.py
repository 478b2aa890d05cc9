"""Calls that share a session, streams that clients leave, and refused requests, against a lean upstream."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatebench.load.benchmarks.servers import lean
from gatebench.load.plan.plan import PlannedArm, PlannedCall, PlannedCaller
from tests.support.load.generator_runs import play
from tests.support.load.http_server import TinyServer
from tests.support.load.load_plans import a_call, a_plan, callers

LEGACY, MODERN = "2025-11-25", "2026-07-28"


@pytest.fixture
def upstream() -> Iterator[str]:
    with lean(None) as found:
        yield found.url


def call(url: str, operation: str, **changes: object) -> PlannedCall:
    fields = {"operation": operation, "url": url, "tool": "whoami", "revision": LEGACY} | changes
    return PlannedCall.model_validate(fields)


def test_calls_of_one_caller_share_a_session_at_the_same_time(upstream: str, tmp_path: Path) -> None:
    slow = {"tool": "slow", "arguments": {"steps": 4, "interval_ms": 50}}
    calls = [call(upstream, "quick", kind="shared"), call(upstream, "slow", kind="shared", **slow)]
    played = play(a_plan(PlannedArm(name="gateway", calls=calls), rate=40, seconds=1.5, warmup=0.2), tmp_path)
    assert {cell.outcome for cell in played.result.cells} == {"ok"}
    assert played.result.counts.sessions == 1
    assert played.result.machine.in_flight_peak > 1


def test_each_caller_sends_its_own_credential_where_sessions_have_no_id(tmp_path: Path) -> None:
    own = [one.model_copy(update={"expect": list(one.headers.values())}) for one in callers(3)]
    with TinyServer() as server:
        shared = call(server.url(), "call", kind="shared", callers=own)
        result = play(a_plan(PlannedArm(name="gateway", calls=[shared]), rate=40, seconds=0.7), tmp_path).result
    assert {cell.outcome for cell in result.cells} == {"ok"}, json.dumps([one.detail for one in result.events])
    assert result.counts.sessions == 3


@pytest.mark.parametrize("revision", [LEGACY, MODERN])
def test_streams_are_left_after_a_while(upstream: str, revision: str, tmp_path: Path) -> None:
    listening = call(upstream, "listen", kind="listen", revision=revision, hold=0.3)
    plan = a_plan(PlannedArm(name="gateway", calls=[listening]), rate=20, seconds=1.0, warmup=0.1)
    result = play(plan, tmp_path).result
    streams = [cell for cell in result.cells if cell.operation == "listen"]
    assert {cell.outcome for cell in streams} == {"ok"}
    assert streams[0].histogram("response").quantile(0.1) < 300_000, "until the head, not until the client leaves"
    assert result.machine.in_flight_peak > 1


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [("status/401", "ok"), ("status/404", "ok"), ("status/503", "server-error"), ("right", "unexpected")],
)
def test_refusal_is_what_a_stranger_must_get(behaviour: str, outcome: str, tmp_path: Path) -> None:
    strangers = [PlannedCaller(name=f"stranger-{number}", headers={"X-Token": f"no-{number}"}) for number in range(3)]
    with TinyServer() as server:
        refused = a_call(server.url(behaviour), refused=True, callers=strangers)
        result = play(a_plan(PlannedArm(name="gateway", calls=[refused]), rate=40, seconds=0.5), tmp_path).result
    assert {cell.outcome for cell in result.cells} == {outcome}, json.dumps([one.detail for one in result.events])
