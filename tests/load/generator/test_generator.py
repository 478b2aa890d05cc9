"""The generator against a server with known behaviours: each response gets its outcome, and every arrival is counted."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatebench.load.plan.plan import Plan, PlannedArm, PlannedCall, Stage
from gatebench.load.plan.schedule import arrivals
from gatebench.load.results.generator_result import OUTCOMES, SAMPLE
from gatebench.load.results.histogram import Histogram
from tests.support.load.generator_runs import Played, play
from tests.support.load.http_server import TinyServer
from tests.support.load.load_plans import a_call, a_plan, callers

# behaviour of the server (and name of the arm) -> expected outcome
OUTCOMES_BY_BEHAVIOUR = {
    "right": "ok",
    "sse": "ok",
    "bits": "ok",
    "interim": "ok",
    "closing": "ok",
    "until-close": "ok",
    "stale": "wrong",
    "status/401": "unauthorized",
    "status/429": "throttled",
    "status/404": "http-error",
    "status/503": "server-error",
    "rubbish": "malformed",
    "longer": "malformed",
    "reset": "reset",
    "cut": "reset",
    "hang": "timeout",
}


def plan_of_all_behaviours(server: TinyServer) -> Plan:
    arms = [
        PlannedArm(name=behaviour, calls=[a_call(server.url(behaviour), callers=callers(3), server="tiny")])
        for behaviour in OUTCOMES_BY_BEHAVIOUR
    ]
    arms.append(PlannedArm(name="closed-port", calls=[a_call("http://127.0.0.1:9/mcp")]))
    # The third caller's token is not in `secrets`: it must be redacted as well.
    secrets = {f"token:{caller.name}": caller.headers["Authorization"].removeprefix("Bearer ") for caller in callers(2)}
    return a_plan(*arms, rate=150.0, seconds=2.0, timeout=2.0, warmup=0.3, secrets=secrets)


@pytest.fixture(scope="module")
def all_behaviours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plan, Played]]:
    with TinyServer() as server:
        plan = plan_of_all_behaviours(server)
        yield plan, play(plan, tmp_path_factory.mktemp("manners"))


@pytest.mark.parametrize("behaviour", [*OUTCOMES_BY_BEHAVIOUR, "closed-port"])
def test_outcome_of_each_behaviour(all_behaviours: tuple[Plan, Played], behaviour: str) -> None:
    result = all_behaviours[1].result
    outcomes = {cell.outcome for cell in result.cells if cell.arm == behaviour}
    expected = {OUTCOMES_BY_BEHAVIOUR.get(behaviour, "refused")}
    if behaviour == "stale":
        expected |= {"ok"} if "ok" in outcomes else set()  # the first request gets its own response
    assert outcomes == expected


def test_every_arrival_is_accounted_for(all_behaviours: tuple[Plan, Played]) -> None:
    plan, played = all_behaviours
    counts = played.result.counts
    scheduled = np.concatenate([block.seconds for block in arrivals(plan)])
    assert played.status == 0, played.errors
    assert counts.offered == (scheduled >= 0).sum()
    assert counts.offered == counts.sent + counts.dropped
    assert counts.sent == counts.done == sum(cell.count for cell in played.result.cells) == played.result.samples
    assert counts.dropped == 0
    assert sum(interval.offered for interval in played.result.intervals) == counts.offered
    assert sum(interval.done for interval in played.result.intervals) == counts.done
    assert sum(cell.count for cell in played.result.warmup) == (scheduled < 0).sum()


def test_samples_match_schedule_and_histograms(all_behaviours: tuple[Plan, Played]) -> None:
    plan, played = all_behaviours
    samples, result = played.samples, played.result
    blocks = list(arrivals(plan))
    seconds = np.concatenate([block.seconds for block in blocks])
    routes = np.concatenate([block.routes for block in blocks])[seconds >= 0]
    order = np.argsort(samples["intended"], kind="stable")
    assert samples.dtype == SAMPLE
    assert samples["intended"][order] == pytest.approx(seconds[seconds >= 0], abs=1e-6)
    assert np.array_equal(samples["arm"][order], routes)  # one call for each arm
    for cell in result.cells:
        mine = samples[
            (samples["arm"] == result.arms.index(cell.arm)) & (samples["outcome"] == OUTCOMES.index(cell.outcome))
        ]
        expected = Histogram()
        expected.record((mine["done"] - mine["sent"]) // 1000)
        assert (cell.histogram("service").counts == expected.counts).all()


def test_upstream_timestamps_are_within_the_request(all_behaviours: tuple[Plan, Played]) -> None:
    samples = all_behaviours[1].samples
    right = samples[samples["arm"] == 0]
    assert (right["sent"] <= right["upstream_recv"]).all()
    assert (right["upstream_recv"] <= right["upstream_send"]).all()
    assert (right["upstream_send"] <= right["done"]).all()


def test_timeout_has_the_planned_duration(all_behaviours: tuple[Plan, Played]) -> None:
    timeouts = all_behaviours[1].result.total("service", arm="hang")
    assert timeouts.quantile(0.0) >= 2_000_000
    assert timeouts.quantile(0.5) < 4_000_000


def test_wrong_answers_are_kept_without_credentials(all_behaviours: tuple[Plan, Played]) -> None:
    _, played = all_behaviours
    result = played.result
    assert result.wrong_count == result.count(arm="stale", outcome="wrong") + sum(
        cell.count for cell in result.warmup if cell.outcome == "wrong"
    )
    assert 0 < len(result.wrong) <= 10
    first = result.wrong[0]
    assert (first.arm, first.operation, first.server) == ("stale", "call", "tiny")
    assert first.detail.startswith("the nonce of another call")
    label = "authorization" if first.caller == "caller-2" else "token"
    assert f"Authorization: Bearer «{label}:{first.caller}»" in first.request
    assert '"method":"tools/call"' in first.request
    assert re.search("«(token|authorization):caller-", first.response)
    for path in played.folder.iterdir():
        content = path.read_bytes()
        assert not [one.name for one in callers(3) if one.headers["Authorization"][7:].encode() in content], path


def test_events_have_kind_arm_and_time(all_behaviours: tuple[Plan, Played]) -> None:
    events = all_behaviours[1].result.events
    by_kind = {event.kind: event for event in events}
    assert by_kind["throttled"].arm == "status/429"
    assert by_kind["throttled"].detail.startswith("status 429")
    assert {event.arm for event in events if event.kind == "target gone"} >= {"closed-port", "reset"}
    assert next(event for event in events if event.arm == "closed-port").detail
    assert [event.t for event in events] == sorted(event.t for event in events)
    assert sum(event.count for event in events if event.kind == "throttled" and event.t >= 0) >= 1


def test_reports_of_locust_are_written_too(all_behaviours: tuple[Plan, Played]) -> None:
    _, played = all_behaviours
    table = (played.folder / "locust_stats.csv").read_text()
    total = next(line for line in table.splitlines() if ",Aggregated," in line).split(",")
    everything = sum(cell.count for cell in [*played.result.cells, *played.result.warmup])
    assert int(total[2]) == everything
    assert (played.folder / "locust.html").stat().st_size > 10_000
    assert "throttled" in (played.folder / "locust_failures.csv").read_text()


def test_plan_is_readable_by_its_owner_only(all_behaviours: tuple[Plan, Played]) -> None:
    path = all_behaviours[1].folder.parent / "plan.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


LEGACY = "2025-11-25"


def era_calls(server: TinyServer) -> list[PlannedCall]:
    return [
        a_call(server.url("session"), operation="standing", revision=LEGACY),
        a_call(server.url("session/forgetful"), operation="forgetful", revision=LEGACY),
        a_call(server.url("session"), operation="churn", revision=LEGACY, kind="session"),
        a_call(server.url("right"), operation="discover", kind="session"),
        a_call(server.url("stream/4/20"), operation="stream", kind="stream", events=4),
        a_call(server.url("stream/4/20/buffered"), operation="buffered", kind="stream", events=4),
        a_call(server.url("stream/2/1"), operation="short", kind="stream", events=4),
        a_call(server.url("right"), operation="list", method="tools/list", nonce=False),
    ]


@pytest.fixture(scope="module")
def eras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TinyServer, Played]]:
    with TinyServer() as server:
        plan = a_plan(PlannedArm(name="direct", calls=era_calls(server)), rate=150.0, seconds=1.2, max_in_flight=100)
        yield server, play(plan, tmp_path_factory.mktemp("eras"))


def test_all_kinds_of_calls_in_both_eras(eras: tuple[TinyServer, Played]) -> None:
    _, played = eras
    outcomes: dict[str, set[str]] = {}
    for cell in played.result.cells:
        outcomes.setdefault(cell.operation, set()).add(cell.outcome)
    fine = ("standing", "churn", "discover", "stream", "buffered", "list", "initialize", "delete")
    assert {name: outcomes[name] for name in fine} == {name: {"ok"} for name in fine}
    assert outcomes["short"] == {"incomplete"}
    assert outcomes["forgetful"] <= {"ok", "http-error"}


def test_sessions_are_reused_and_ended(eras: tuple[TinyServer, Played]) -> None:
    server, played = eras
    result = played.result
    assert server.sessions == set()
    assert result.counts.sessions == server.counts["initialize"] == result.count(operation="initialize")
    opened_by_standing = result.counts.sessions - result.count(operation="churn")
    assert opened_by_standing < result.count(operation="standing") + result.count(operation="forgetful")
    assert server.counts["server/discover"] == result.count(operation="discover")


def test_a_lost_session_is_replaced(eras: tuple[TinyServer, Played]) -> None:
    result = eras[1].result
    lost = sum(event.count for event in result.events if event.kind == "session lost")
    assert lost == result.count(operation="forgetful", outcome="http-error")


def test_each_stream_event_is_timed(eras: tuple[TinyServer, Played]) -> None:
    result = eras[1].result
    streamed, buffered = (result.total("event", operation=name) for name in ("stream", "buffered"))
    assert streamed.count == 4 * result.count(operation="stream")
    assert buffered.count == 4 * result.count(operation="buffered")
    # Each event of the buffering server waits for the later ones: 20, 40, 60 and 80 ms.
    assert buffered.quantile(0.5) - streamed.quantile(0.5) > 20_000
    first = result.total("first", operation="buffered").quantile(0.5)
    assert first - result.total("first", operation="stream").quantile(0.5) > 40_000


def test_a_closed_loop_keeps_its_users_busy(tmp_path: Path) -> None:
    with TinyServer() as server:
        call = a_call(server.url("slow/20"))
        plan = a_plan(PlannedArm(name="direct", calls=[call]), arrivals="closed", rate=8.0, seconds=1.0, warmup=0.3)
        result = play(plan, tmp_path).result
    assert result.counts.offered == result.counts.sent == result.counts.done
    assert result.machine.in_flight_peak == 8
    assert 8 <= result.counts.done <= 8 * 1.0 / 0.020 + 8
    assert result.total("lag").quantile(1.0) <= 1
    assert result.warmup[0].count > 0


def test_leaving_users_of_a_closed_loop_finish_their_call(tmp_path: Path) -> None:
    with TinyServer() as server:
        plan = a_plan(
            PlannedArm(name="direct", calls=[a_call(server.url("slow/200"))]),
            arrivals="closed",
            stages=[Stage(seconds=2.0, rate_from=12.0, rate_to=2.0)],
        )
        result = play(plan, tmp_path).result
        asked = len(server.requests)
    assert {cell.outcome for cell in result.cells} == {"ok"}
    assert asked == result.counts.done + sum(cell.count for cell in result.warmup)
    assert result.counts.offered == result.counts.done


def test_users_return_while_others_finish(tmp_path: Path) -> None:
    with TinyServer() as server:
        stages = [Stage(seconds=s, rate_from=rate, rate_to=rate) for s, rate in ((1.0, 12.0), (1.0, 2.0), (3.0, 12.0))]
        plan = a_plan(
            PlannedArm(name="direct", calls=[a_call(server.url("slow/1800"))]),
            arrivals="closed",
            stages=stages,
            warmup=0.0,
        )
        result = play(plan, tmp_path).result
    assert {cell.outcome for cell in result.cells} == {"ok"}
    assert max(interval.in_flight for interval in result.intervals[3:]) == 12


def test_large_body_in_both_directions(tmp_path: Path) -> None:
    with TinyServer() as server:
        call = a_call(server.url("right"), arguments={"value": "x" * 3_000_000})
        plan = a_plan(PlannedArm(name="direct", calls=[call]), rate=4.0, seconds=1.0, arrivals="constant")
        result = play(plan, tmp_path).result
        assert {len(message["params"]["arguments"]["value"]) for _, _, message in server.requests} == {3_000_000}
    assert result.count(outcome="ok") == 4


@pytest.mark.parametrize("behaviour", ["early", "early-close"])
def test_response_before_the_end_of_the_request_is_read(tmp_path: Path, behaviour: str) -> None:
    with TinyServer() as server:
        large = {"value": "x" * (12 << 20)}  # more than the buffers of both sides take
        calls = [
            a_call(server.url(behaviour), operation="large", arguments=large),
            a_call(server.url(), operation="small"),
        ]
        plan = a_plan(PlannedArm(name="direct", calls=calls), rate=20.0, seconds=1.5, timeout=3.0)
        result = play(plan, tmp_path).result
    assert {(cell.operation, cell.outcome) for cell in result.cells} == {("large", "http-error"), ("small", "ok")}
    assert {event.detail[:10] for event in result.events if event.kind == "http-error"} == {"status 413"}


def test_one_seed_sends_the_same_requests(tmp_path: Path) -> None:
    seen: list[list[Any]] = []
    for turn in range(2):
        with TinyServer() as server:
            arms = [
                PlannedArm(name=name, calls=[a_call(server.url(name), callers=callers(5))]) for name in ("right", "sse")
            ]
            play(a_plan(*arms, rate=100.0, seconds=1.0, seed=7), tmp_path / str(turn))
            seen.append(sorted((message["id"], path) for _, path, message in server.requests))
    assert seen[0] == seen[1]
    assert len({json.dumps(one) for one in seen[0]}) == len(seen[0]) > 50


@pytest.mark.parametrize("kind", ["session", "request"])
def test_sessions_of_failed_calls_are_ended(tmp_path: Path, kind: str) -> None:
    with TinyServer() as server:
        call = a_call(server.url("session/failing"), revision=LEGACY, kind=kind)
        played = play(a_plan(PlannedArm(name="a", calls=[call]), seconds=1.0, rate=50.0), tmp_path)
        assert (server.sessions, server.counts["initialize"] > 0) == (set(), True)
    assert played.result.count(operation="call", outcome="tool-error") == played.result.counts.done > 0
    assert not any(event.kind == "sessions left" for event in played.result.events)


def test_many_sessions_are_ended_concurrently(tmp_path: Path) -> None:
    with TinyServer() as server:
        call = a_call(server.url("session/lingering"), revision=LEGACY, callers=callers(100))
        played = play(a_plan(PlannedArm(name="a", calls=[call]), seconds=1.0, rate=150.0), tmp_path)
        assert server.counts["initialize"] > 50, "sequentially this would take more than eight seconds"
        assert server.sessions == set()
    assert not any(event.kind == "sessions left" for event in played.result.events)
