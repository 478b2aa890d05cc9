"""Failures of the target, the generator or a worker: the result is complete, and states what happened and when."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from gatebench.load.plan import plan as plans
from gatebench.load.plan.plan import Plan, PlannedArm
from gatebench.load.plan.schedule import arrivals
from tests.support.load.generator_runs import Played, finish, play, start, wait_for
from tests.support.load.http_server import TinyServer
from tests.support.load.load_plans import a_call, a_plan


def assert_consistent(played: Played) -> None:
    result, counts = played.result, played.result.counts
    unfinished = result.count(outcome="unfinished")
    assert counts.offered == counts.sent + counts.dropped
    assert counts.sent == counts.done + unfinished == result.samples == len(played.samples)
    assert sum(interval.offered for interval in result.intervals) == counts.offered


def direct(server: TinyServer, manner: str = "right", **changes: Any) -> Plan:
    return a_plan(PlannedArm(name="direct", calls=[a_call(server.url(manner))]), **changes)


def test_pause_of_one_second_is_in_p99(tmp_path: Path) -> None:
    with TinyServer() as server:
        server.when(lambda far: len(far.requests) > 200, lambda: server.freeze(time.monotonic(), 1.0))
        plan = direct(server, seconds=6.0, rate=100.0, warmup=0.5)
        played = play(plan, tmp_path)
        begin, end = server.frozen[0]
    assert_consistent(played)
    seconds = np.concatenate([block.seconds for block in arrivals(plan)])
    start = played.result.start_ns / 1e9
    intended = seconds[seconds >= 0] + start
    delay = np.where((intended >= begin) & (intended < end), end - intended, 0.0)
    truth = np.quantile(delay, 0.99, method="inverted_cdf") * 1e6
    assert truth > 600_000
    assert played.result.total("response").quantile(0.99) == pytest.approx(truth, rel=0.1)
    # A client that measured from the actual sending would report almost no delay.
    assert played.result.total("lag").quantile(0.5) < 50_000


def test_dead_target_ends_the_run_and_results_are_kept(tmp_path: Path) -> None:
    with TinyServer() as server:
        server.when(lambda far: len(far.requests) > 150, server.stop)
        played = play(direct(server, seconds=30.0, rate=100.0, give_up_after=1.5), tmp_path)
    result = played.result
    assert_consistent(played)
    assert (played.status, result.ended) == (0, "gave up")
    assert result.seconds < 15
    assert result.count(outcome="ok") >= 150
    assert result.count(outcome="refused") > 0
    gone, gave_up = (next(e for e in result.events if e.kind == kind) for kind in ("target gone", "gave up"))
    assert 1.0 < gone.t < gave_up.t
    assert (gone.arm, gave_up.detail[:35]) == ("direct", "nothing but failed connections for ")


def test_closed_loop_at_a_closed_port_gives_up(tmp_path: Path) -> None:
    call = a_call("http://127.0.0.1:9/mcp")
    plan = a_plan(
        PlannedArm(name="closed-port", calls=[call]), arrivals="closed", rate=4.0, seconds=30.0, give_up_after=1.0
    )
    played = play(plan, tmp_path)
    assert_consistent(played)
    assert (played.status, played.result.ended) == (1, "gave up")
    assert "requests succeeded; the first failure: refused: Connection refused" in played.errors
    assert played.result.seconds < 10
    assert {cell.outcome for cell in played.result.cells} == {"refused"}


def test_restarted_target_is_noticed(tmp_path: Path) -> None:
    with TinyServer() as server:

        def restart() -> None:
            server.stop()
            time.sleep(1.0)
            again.__enter__()

        again = TinyServer(server.port)
        server.when(lambda far: len(far.requests) > 100, restart)
        played = play(direct(server, seconds=4.5, rate=100.0), tmp_path)
        again.stop()
    assert_consistent(played)
    kinds = [event.kind for event in played.result.events if event.kind.startswith("target")]
    assert kinds == ["target gone", "target back"]
    assert played.result.ended == "complete"


def test_hanging_target_accounts_for_every_arrival(tmp_path: Path) -> None:
    with TinyServer() as server:
        plan = direct(server, "hang", seconds=2.5, rate=20.0, timeout=2.0, max_in_flight=4, arrivals="constant")
        played = play(plan, tmp_path)
    result = played.result
    assert_consistent(played)
    assert result.counts.offered == 50
    assert result.machine.in_flight_peak == 4
    assert result.counts.dropped > 30
    assert {cell.outcome for cell in result.cells} <= {"timeout", "unfinished"}
    assert "silent" in {event.kind for event in result.events}
    # The response time begins at the intended start, also while the request waits.
    assert result.total("response").maximum > 2_300_000


def test_target_that_accepts_no_connection_accounts_for_every_arrival(tmp_path: Path) -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for one in (first, second):  # the backlog is full and no process accepts: further connections get no answer
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        plan = a_plan(
            PlannedArm(name="full-backlog", calls=[a_call(url)]),
            rate=20.0,
            seconds=2.0,
            timeout=1.5,
            arrivals="constant",
        )
        played = play(plan, tmp_path)
    assert_consistent(played)
    assert played.result.counts.offered == 40
    assert {cell.outcome for cell in played.result.cells} <= {"timeout", "unfinished"}
    assert played.result.count(outcome="timeout") > 20


def large_unread_request(server: TinyServer, **changes: Any) -> Plan:
    """Return a plan with requests larger than the buffers of both sides, to a server that does not read them."""
    call = a_call(server.url("unread"), arguments={"value": "x" * (12 << 20)})
    return a_plan(PlannedArm(name="direct", calls=[call]), rate=4.0, **changes)


def test_request_that_is_not_read_is_a_timeout(tmp_path: Path) -> None:
    with TinyServer() as server:
        played = play(large_unread_request(server, seconds=1.5, timeout=1.0), tmp_path)
    assert_consistent(played)
    assert {cell.outcome for cell in played.result.cells} <= {"timeout", "unfinished"}
    assert {event.detail for event in played.result.events if event.kind == "timeout"} == {
        "the request was not accepted"
    }


def test_interruption_counts_requests_being_sent(tmp_path: Path) -> None:
    with TinyServer() as server:
        process = start(large_unread_request(server, seconds=60.0, timeout=30.0), tmp_path)
        wait_for(lambda: server.counts["unread"] >= 3)
        process.send_signal(signal.SIGINT)
        played = finish(process, tmp_path)
    assert_consistent(played)
    assert {cell.outcome for cell in played.result.cells} == {"unfinished"}
    assert played.result.count(outcome="unfinished") >= 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_keeps_its_results(tmp_path: Path, number: signal.Signals) -> None:
    with TinyServer() as server:
        process = start(direct(server, "slow/300", seconds=60.0, rate=50.0), tmp_path)
        wait_for(lambda: len(server.requests) > 50)
        process.send_signal(number)
        played = finish(process, tmp_path)
    result = played.result
    assert_consistent(played)
    assert (played.status, result.ended) == (130, "interrupted")
    assert result.seconds < 30
    assert result.count(outcome="ok") > 0
    assert "interrupted" in {event.kind for event in result.events}


def test_interruption_counts_requests_waiting_for_a_connection(tmp_path: Path) -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        process = start(
            a_plan(PlannedArm(name="full-backlog", calls=[a_call(url)]), rate=50.0, seconds=30.0),
            tmp_path,
            "--progress",
        )
        assert process.stdout is not None
        wait_for(lambda: json.loads(process.stdout.readline())["in_flight"] > 5)  # type: ignore[union-attr]
        process.send_signal(signal.SIGINT)
        played = finish(process, tmp_path)
    assert_consistent(played)
    assert {cell.outcome for cell in played.result.cells} == {"unfinished"}
    assert played.status == 130


def imports_gevent(process: "subprocess.Popen[str]") -> bool:
    return any("gevent" in mapped.path for mapped in psutil.Process(process.pid).memory_maps())


def test_interruption_during_imports(tmp_path: Path) -> None:
    with TinyServer() as server:
        process = start(direct(server), tmp_path)
        wait_for(lambda: imports_gevent(process))
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, errors) == (130, "")


def test_interruption_before_the_first_request(tmp_path: Path) -> None:
    with TinyServer() as server:
        process = start(direct(server, seconds=60.0, warmup=30.0, rate=0.01), tmp_path, "--progress")
        assert process.stdout is not None
        assert process.stdout.readline()  # the run has begun
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert "Traceback" not in errors
    assert process.returncode in (130, -signal.SIGINT)


def workers_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return [one for one in psutil.Process(process.pid).children() if "--worker" in one.cmdline()]


def test_workers_share_the_load_exactly(tmp_path: Path) -> None:
    with TinyServer() as server:
        plan = direct(server, seconds=2.0, rate=200.0, workers=2, warmup=0.2)
        played = play(plan, tmp_path)
        ids = [message["id"] for _, _, message in server.requests]
    assert_consistent(played)
    seconds = np.concatenate([block.seconds for block in arrivals(plan)])
    assert (played.status, played.result.ended) == (0, "complete")
    assert len(set(ids)) == len(ids) == len(seconds)
    assert played.result.counts.done == (seconds >= 0).sum()
    assert np.sort(played.samples["intended"]) == pytest.approx(seconds[seconds >= 0], abs=1e-6)
    assert played.result.machine.processes == 2


def test_lost_worker_is_reported_and_its_results_are_kept(tmp_path: Path) -> None:
    with TinyServer() as server:
        plan = direct(server, seconds=4.0, rate=100.0, workers=2)
        process = start(plan, tmp_path)
        wait_for(lambda: len(server.requests) > 150)
        victim, _ = workers_of(process)
        victim.kill()
        played = finish(process, tmp_path)
    result = played.result
    assert (played.status, result.ended) == (3, "incomplete")
    lost = next(event for event in result.events if event.kind == "worker lost")
    assert " of 2 is gone" in lost.detail
    assert 0.5 < lost.t < 4.0
    scheduled = sum(len(block.seconds) for block in arrivals(plan))
    assert 200 < result.counts.done < scheduled  # all of one worker, and the reported part of the other


def test_workers_end_with_their_master(tmp_path: Path) -> None:
    with TinyServer() as server:
        process = start(direct(server, seconds=60.0, rate=20.0, workers=2), tmp_path)
        wait_for(lambda: len(server.requests) > 5)
        workers = workers_of(process)
        assert len(workers) == 2
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert psutil.wait_procs(workers, timeout=10)[1] == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "Invalid JSON"),
        ('{"seed": 1, "arms": [], "stages": []}', "arms: List should have at least 1 item"),
        (None, "No such file"),
    ],
)
def test_a_bad_plan_is_one_sentence_and_status_2(tmp_path: Path, content: str | None, sentence: str) -> None:
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content)
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "gatebench.load.generator", str(path), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert sentence in run.stderr
    assert str(path) in run.stderr


def test_results_that_cannot_be_written_are_refused_before_the_load(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    plans.write(a_plan(), tmp_path / "plan.json")
    command = [sys.executable, "-m", "gatebench.load.generator", str(tmp_path / "plan.json"), str(tmp_path / "file")]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    assert (run.returncode, run.stderr.count("\n")) == (2, 1), run.stderr
    assert f"cannot write the results to {tmp_path / 'file'}: " in run.stderr


def test_a_host_without_address_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    process = start(a_plan(PlannedArm(name="a", calls=[a_call("http://nowhere.invalid/mcp")])), tmp_path)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.count("\n") == 1
    assert "cannot resolve 'nowhere.invalid'" in errors
