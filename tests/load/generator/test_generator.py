"""The generator against a far end whose manners are known: every answer gets its name, every arrival is accounted for."""

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

# Arm: manner of the far end, and what must come of it.
MANNERS = {
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


def a_plan_of_manners(server: TinyServer) -> Plan:
    arms = [
        PlannedArm(name=manner, calls=[a_call(server.url(manner), callers=callers(3), server="tiny")])
        for manner in MANNERS
    ]
    arms.append(PlannedArm(name="nobody", calls=[a_call("http://127.0.0.1:9/mcp")]))
    # The third is not named: a plan that says who calls has said what must not be written.
    secrets = {f"token:{caller.name}": caller.headers["Authorization"].removeprefix("Bearer ") for caller in callers(2)}
    return a_plan(*arms, rate=150.0, seconds=2.0, timeout=2.0, warmup=0.3, secrets=secrets)


@pytest.fixture(scope="module")
def manners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plan, Played]]:
    with TinyServer() as server:
        plan = a_plan_of_manners(server)
        yield plan, play(plan, tmp_path_factory.mktemp("manners"))


@pytest.mark.parametrize("manner", [*MANNERS, "nobody"])
def test_every_answer_gets_its_name(manners: tuple[Plan, Played], manner: str) -> None:
    result = manners[1].result
    outcomes = {cell.outcome for cell in result.cells if cell.arm == manner}
    expected = {MANNERS.get(manner, "refused")}
    if manner == "stale":
        expected |= {"ok"} if "ok" in outcomes else set()  # the first to come gets its own
    assert outcomes == expected


def test_every_arrival_is_accounted_for(manners: tuple[Plan, Played]) -> None:
    plan, played = manners
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


def test_samples_are_the_schedule_and_agree_with_the_histograms(manners: tuple[Plan, Played]) -> None:
    plan, played = manners
    samples, result = played.samples, played.result
    blocks = list(arrivals(plan))
    seconds = np.concatenate([block.seconds for block in blocks])
    routes = np.concatenate([block.routes for block in blocks])[seconds >= 0]
    order = np.argsort(samples["intended"], kind="stable")
    assert samples.dtype == SAMPLE
    assert samples["intended"][order] == pytest.approx(seconds[seconds >= 0], abs=1e-6)
    assert np.array_equal(samples["arm"][order], routes)  # one call an arm
    for cell in result.cells:
        mine = samples[
            (samples["arm"] == result.arms.index(cell.arm)) & (samples["outcome"] == OUTCOMES.index(cell.outcome))
        ]
        expected = Histogram()
        expected.record((mine["done"] - mine["sent"]) // 1000)
        assert (cell.histogram("service").counts == expected.counts).all()


def test_the_far_ends_stamps_lie_within_the_request(manners: tuple[Plan, Played]) -> None:
    samples = manners[1].samples
    right = samples[samples["arm"] == 0]
    assert (right["sent"] <= right["upstream_recv"]).all()
    assert (right["upstream_recv"] <= right["upstream_send"]).all()
    assert (right["upstream_send"] <= right["done"]).all()


def test_a_timeout_takes_as_long_as_the_plan_says(manners: tuple[Plan, Played]) -> None:
    timeouts = manners[1].result.total("service", arm="hang")
    assert timeouts.quantile(0.0) >= 2_000_000
    assert timeouts.quantile(0.5) < 4_000_000


def test_wrong_answers_are_kept_without_any_credential(manners: tuple[Plan, Played]) -> None:
    _, played = manners
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


def test_events_say_what_happened_when(manners: tuple[Plan, Played]) -> None:
    events = manners[1].result.events
    by_kind = {event.kind: event for event in events}
    assert by_kind["throttled"].arm == "status/429"
    assert by_kind["throttled"].detail.startswith("status 429")
    assert {event.arm for event in events if event.kind == "target gone"} >= {"nobody", "reset"}
    assert next(event for event in events if event.arm == "nobody").detail
    assert [event.t for event in events] == sorted(event.t for event in events)
    assert sum(event.count for event in events if event.kind == "throttled" and event.t >= 0) >= 1


def test_locusts_own_reports_stand_beside(manners: tuple[Plan, Played]) -> None:
    _, played = manners
    table = (played.folder / "locust_stats.csv").read_text()
    total = next(line for line in table.splitlines() if ",Aggregated," in line).split(",")
    everything = sum(cell.count for cell in [*played.result.cells, *played.result.warmup])
    assert int(total[2]) == everything
    assert (played.folder / "locust.html").stat().st_size > 10_000
    assert "throttled" in (played.folder / "locust_failures.csv").read_text()


def test_the_plan_is_for_its_owner_alone(manners: tuple[Plan, Played]) -> None:
    path = manners[1].folder.parent / "plan.json"
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


def test_both_eras_and_all_kinds_get_right_answers(eras: tuple[TinyServer, Played]) -> None:
    _, played = eras
    outcomes: dict[str, set[str]] = {}
    for cell in played.result.cells:
        outcomes.setdefault(cell.operation, set()).add(cell.outcome)
    fine = ("standing", "churn", "discover", "stream", "buffered", "list", "initialize", "delete")
    assert {name: outcomes[name] for name in fine} == {name: {"ok"} for name in fine}
    assert outcomes["short"] == {"incomplete"}
    assert outcomes["forgetful"] <= {"ok", "http-error"}


def test_standing_sessions_are_reused_and_ended(eras: tuple[TinyServer, Played]) -> None:
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


def test_stream_events_are_timed_one_by_one(eras: tuple[TinyServer, Played]) -> None:
    result = eras[1].result
    streamed, buffered = (result.total("event", operation=name) for name in ("stream", "buffered"))
    assert streamed.count == 4 * result.count(operation="stream")
    assert buffered.count == 4 * result.count(operation="buffered")
    # Each event of the buffering far end waits for those after it: 20, 40, 60 and 80 ms.
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


def test_users_of_a_closed_loop_who_leave_bring_their_call_to_an_end(tmp_path: Path) -> None:
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


def test_users_who_are_wanted_again_while_others_finish_are_there(tmp_path: Path) -> None:
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


def test_a_large_body_goes_both_ways(tmp_path: Path) -> None:
    with TinyServer() as server:
        call = a_call(server.url("right"), arguments={"value": "x" * 3_000_000})
        plan = a_plan(PlannedArm(name="direct", calls=[call]), rate=4.0, seconds=1.0, arrivals="constant")
        result = play(plan, tmp_path).result
        assert {len(message["params"]["arguments"]["value"]) for _, _, message in server.requests} == {3_000_000}
    assert result.count(outcome="ok") == 4


@pytest.mark.parametrize("manner", ["early", "early-close"])
def test_an_answer_that_does_not_wait_for_the_request_is_read(tmp_path: Path, manner: str) -> None:
    with TinyServer() as server:
        large = {"value": "x" * (12 << 20)}  # more than the buffers of both sides take
        calls = [
            a_call(server.url(manner), operation="large", arguments=large),
            a_call(server.url(), operation="small"),
        ]
        plan = a_plan(PlannedArm(name="direct", calls=calls), rate=20.0, seconds=1.5, timeout=3.0)
        result = play(plan, tmp_path).result
    assert {(cell.operation, cell.outcome) for cell in result.cells} == {("large", "http-error"), ("small", "ok")}
    assert {event.detail[:10] for event in result.events if event.kind == "http-error"} == {"status 413"}


def test_what_is_sent_can_be_repeated(tmp_path: Path) -> None:
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
def test_sessions_are_ended_whatever_their_calls_came_to(tmp_path: Path, kind: str) -> None:
    with TinyServer() as server:
        call = a_call(server.url("session/failing"), revision=LEGACY, kind=kind)
        played = play(a_plan(PlannedArm(name="a", calls=[call]), seconds=1.0, rate=50.0), tmp_path)
        assert (server.sessions, server.counts["initialize"] > 0) == (set(), True)
    assert played.result.count(operation="call", outcome="tool-error") == played.result.counts.done > 0
    assert not any(event.kind == "sessions left" for event in played.result.events)


def test_many_sessions_are_ended_several_at_a_time(tmp_path: Path) -> None:
    with TinyServer() as server:
        call = a_call(server.url("session/lingering"), revision=LEGACY, callers=callers(100))
        played = play(a_plan(PlannedArm(name="a", calls=[call]), seconds=1.0, rate=150.0), tmp_path)
        assert server.counts["initialize"] > 50, "which one after the other would take eight seconds and more"
        assert server.sessions == set()
    assert not any(event.kind == "sessions left" for event in played.result.events)
