"""Several machines: two network namespaces with a veth pair each, and locust's own master and workers."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from gatebench.load.plan import plan as plans
from gatebench.load.plan.plan import PlannedArm
from gatebench.load.plan.schedule import arrivals
from gatebench.load.results import generator_result as results
from gatebench.load.results.histogram import Histogram
from tests.support.load.generator_runs import wait_for
from tests.support.load.http_server import TinyServer
from tests.support.load.load_plans import a_call, a_plan

LOCUST = str(Path(sys.executable).parent / "locust")
ROOT = Path(__file__).parents[3]
LOCUSTFILE, EXAMPLE = ROOT / "load/generator/locustfile.py", ROOT / "load/generator/examples/http_user.py"


def ip(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607


@dataclass
class NamespaceMachine:
    """A network namespace with its address; `here` is the address of the host's end of the veth pair."""

    name: str
    address: str
    here: str

    def command(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, *command]


@contextlib.contextmanager
def machine(place: int) -> Iterator[NamespaceMachine]:
    """Make a namespace and a veth pair, on a network for benchmarks (RFC 2544), which is unlikely to be in use."""
    name, network = f"gb{os.getpid()}-{place}", f"198.18.{os.getpid() % 250}.{4 * place}"
    stem = network.rpartition(".")[0]
    made = NamespaceMachine(name, f"{stem}.{4 * place + 2}", f"{stem}.{4 * place + 1}")
    steps = [
        ("netns", "add", name),
        ("link", "add", f"{name}h", "type", "veth", "peer", "name", f"{name}n"),
        ("link", "set", f"{name}n", "netns", name),
        ("addr", "add", f"{made.here}/30", "dev", f"{name}h"),
        ("link", "set", f"{name}h", "up"),
        ("-n", name, "addr", "add", f"{made.address}/30", "dev", f"{name}n"),
        ("-n", name, "link", "set", f"{name}n", "up"),
        ("-n", name, "link", "set", "lo", "up"),
        ("-n", name, "route", "add", "default", "via", made.here),
    ]
    try:
        for step in steps:
            done = ip(*step)
            if done.returncode:
                pytest.skip(f"network namespaces cannot be made here: ip {' '.join(step)}: {done.stderr.strip()}")
        yield made
    finally:
        ip("link", "delete", f"{name}h")
        ip("netns", "delete", name)


@pytest.fixture
def machines() -> Iterator[list[NamespaceMachine]]:
    if not Path("/sbin/ip").exists() and not Path("/usr/sbin/ip").exists():
        pytest.skip("network namespaces cannot be made here: there is no ip(8); on Debian: apt-get install iproute2")
    with machine(1) as one, machine(2) as two:
        yield [one, two]


class Cluster:
    """A locust master on the host and a worker on each machine."""

    def __init__(self, machines: list[NamespaceMachine], plan: Path, out: Path) -> None:
        here, common = machines[0].here, [LOCUST, "-f", str(LOCUSTFILE), "--headless"]
        bind = ["--master-bind-host", here, "--master-bind-port", "25557"]  # no other process uses the address
        self.master = subprocess.Popen(  # noqa: S603
            [*common, "--master", "--expect-workers", "2", *bind, "--plan", str(plan), "--results", str(out)],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self.workers = [
            subprocess.Popen(  # noqa: S603
                one.command(*common, "--worker", "--master-host", here, "--master-port", "25557"),
                stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            for one in machines
        ]

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self.master, *self.workers):
            process.kill()
            process.communicate()

    def end(self) -> tuple[int, str]:
        """Wait for all processes; return the master's status and log."""
        _, log = self.master.communicate(timeout=60)
        assert [one.wait(timeout=20) for one in self.workers] == [0, 0]
        return self.master.returncode, log


def test_two_machines_run_one_plan_with_exact_histograms(machines: list[NamespaceMachine], tmp_path: Path) -> None:
    path, out = tmp_path / "plan.json", tmp_path / "out"
    with TinyServer(host=machines[0].here) as server:
        arm = PlannedArm(name="direct", calls=[a_call(server.url())])
        plan = a_plan(arm, rate=200.0, seconds=2.0, warmup=0.2, max_in_flight=50)
        plans.write(plan, path)
        with Cluster(machines, path, out) as cluster:
            status, log = cluster.end()
        assert status == 0, log
        peers = server.peers
    result, samples = results.read(out), results.read_samples(out)
    seconds = np.concatenate([block.seconds for block in arrivals(plan)])
    assert peers == {one.address for one in machines}
    assert (result.ended, result.machine.processes) == ("complete", 2)
    assert result.counts.offered == result.counts.done == len(samples) == (seconds >= 0).sum()
    assert result.count(outcome="ok") == result.counts.done
    assert np.sort(samples["intended"]) == pytest.approx(seconds[seconds >= 0], abs=1e-6)
    expected = Histogram()
    expected.record((samples["done"] - samples["sent"]) // 1000)
    assert (result.total("service").counts == expected.counts).all()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_to_the_master_ends_all_machines(
    machines: list[NamespaceMachine], tmp_path: Path, number: signal.Signals
) -> None:
    path, out = tmp_path / "plan.json", tmp_path / "out"
    with TinyServer(host=machines[0].here) as server:
        arm = PlannedArm(name="direct", calls=[a_call(server.url())])
        plans.write(a_plan(arm, rate=100.0, seconds=60.0, max_in_flight=50), path)
        with Cluster(machines, path, out) as cluster:
            wait_for(lambda: len(server.requests) >= 100)
            cluster.master.send_signal(number)
            status, log = cluster.end()
        asked = len(server.requests)
    result = results.read(out)
    assert status == 130, log
    assert result.ended == "interrupted"
    assert result.counts.done == result.counts.offered == asked
    assert asked >= 100


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_to_a_single_locust_keeps_the_results(tmp_path: Path, number: signal.Signals) -> None:
    with TinyServer() as server:
        plans.write(
            a_plan(PlannedArm(name="a", calls=[a_call(server.url())]), rate=50.0, seconds=60.0), tmp_path / "plan.json"
        )
        command = [LOCUST, "-f", str(LOCUSTFILE), "--headless", "--only-summary"]
        process = subprocess.Popen(  # noqa: S603
            [*command, "--plan", str(tmp_path / "plan.json"), "--results", str(tmp_path / "out")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: len(server.requests) >= 50)
        process.send_signal(number)
        assert process.wait(30) == 130
    result = results.read(tmp_path / "out")
    assert (result.ended, result.counts.done >= 49) == ("interrupted", True)


@pytest.mark.parametrize(
    ("user", "places"), [(LOCUSTFILE, 30), (EXAMPLE, 60)]
)  # a user with two requests needs twice as many places
def test_late_worker_is_refused_without_effect_on_the_others(tmp_path: Path, user: Path, places: int) -> None:
    path, out = tmp_path / "plan.json", tmp_path / "out"
    with TinyServer() as server:
        call = a_call(server.url("slow/200"))
        plans.write(
            a_plan(PlannedArm(name="direct", calls=[call]), rate=100.0, seconds=60.0, max_in_flight=places), path
        )
        common = [LOCUST, "-f", str(user), "--headless", "--only-summary"]
        bind = ["--master", "--expect-workers", "1", "--master-bind-host", "127.0.0.1", "--master-bind-port", "0"]
        with contextlib.ExitStack() as stack:

            def start(*command: str) -> "subprocess.Popen[bytes]":
                process = subprocess.Popen(  # noqa: S603
                    [*common, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                stack.callback(process.kill)
                return process

            master = start(*bind, "--plan", str(path), "--results", str(out))
            port = str(wait_for(lambda: psutil.Process(master.pid).net_connections())[0].laddr.port)
            worker = start("--worker", "--master-port", port)
            wait_for(lambda: len(server.requests) > 50)
            late = start("--worker", "--master-port", port)
            assert late.wait(60) == 0
            before = len(server.requests)
            wait_for(lambda: len(server.requests) > before + 200)
            master.send_signal(signal.SIGTERM)  # the results so far are enough
            assert [one.wait(60) for one in (master, worker)] == [130, 0]
    result = results.read(out)
    assert (result.ended, result.machine.processes) == ("interrupted", 1)
    assert "worker late" in {event.kind for event in result.events}
    times = np.array([request[0] for request in server.requests[before:]])
    at_once = np.searchsorted(times, times + 0.2) - np.arange(len(times))  # each request takes 0.2 s
    assert at_once.max() > places / 2, "half of the users can have open requests"
    assert result.counts.done == result.count(operation="call", outcome="ok")


def test_custom_http_user_runs_the_plan(tmp_path: Path) -> None:
    with TinyServer() as server:
        plan = a_plan(PlannedArm(name="direct", calls=[a_call(server.url())]), rate=30.0, seconds=2.0, max_in_flight=20)
        plans.write(plan, tmp_path / "plan.json")
        run = subprocess.run(  # noqa: S603
            [
                LOCUST, "-f", str(EXAMPLE), "--headless", "--only-summary",
                "--plan", str(tmp_path / "plan.json"), "--results", str(tmp_path / "out"),
            ],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        asked = dict(server.counts)
    result = results.read(tmp_path / "out")
    scheduled = sum(len(block.seconds) for block in arrivals(plan))
    assert run.returncode == 0, run.stderr
    assert result.counts.offered == result.counts.done == result.count(operation="call", outcome="ok") == scheduled
    assert asked["tools/list"] == asked["tools/call"] == scheduled
    assert result.total("response").quantile(0.5) >= result.total("service").quantile(0.5)


def test_failed_request_of_a_custom_user_fails_its_arrival(tmp_path: Path) -> None:
    with TinyServer() as server:
        plan = a_plan(
            PlannedArm(name="right", calls=[a_call(server.url())]),
            PlannedArm(name="broken", calls=[a_call(server.url("status/500"))]),
            rate=30.0, seconds=1.5, max_in_flight=20,
        )  # fmt: skip
        plans.write(plan, tmp_path / "plan.json")
        subprocess.run(  # noqa: S603
            [LOCUST, "-f", str(EXAMPLE), "--headless", "--plan", str(tmp_path / "plan.json"), "--results", str(tmp_path)],
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
    result = results.read(tmp_path)
    assert {(cell.arm, cell.outcome) for cell in result.cells} == {("right", "ok"), ("broken", "failed")}
    assert "status 500" in next(event.detail for event in result.events if event.kind == "failed")


def test_locust_without_a_plan_is_refused() -> None:
    run = subprocess.run(  # noqa: S603
        [LOCUST, "-f", str(LOCUSTFILE), "--headless"], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 2
    assert "--plan is missing" in run.stderr
    assert "Traceback" not in run.stderr


def test_locust_whose_results_cannot_be_written_is_refused(tmp_path: Path) -> None:
    plans.write(a_plan(), tmp_path / "plan.json")
    command = [LOCUST, "-f", str(LOCUSTFILE), "--headless", "--plan", str(tmp_path / "plan.json")]
    command += ["--results", str(tmp_path / "plan.json" / "below")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert run.returncode == 2
    assert "cannot write the results to" in run.stderr
    assert "Traceback" not in run.stderr
