"""locust's master in one container and its workers in two others, on a network of their own with a lean upstream."""

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatebench.fixtures.containers import engine, images
from gatebench.load.plan import plan as plans
from gatebench.load.plan.plan import Plan, PlannedArm
from gatebench.load.plan.schedule import arrivals
from gatebench.load.results import generator_result as results
from gatebench.load.results.histogram import Histogram
from tests.support.containers import client, left, until
from tests.support.load.load_plans import a_call, a_plan

PORT = 8000
TOKEN = "control-token-of-this-test"
WAIT = 60.0  # seconds within which a container must end, on a busy machine
LOCUST = """
exec locust -f "$(python -c 'import gatebench.load.generator as g; print(g.__path__[0])')/locustfile.py" --headless "$@"
"""
COUNTED = f"""
from urllib.request import Request, urlopen
request = Request("http://127.0.0.1:{PORT}/_bench/counters", headers={{"X-Bench-Token": "{TOKEN}"}})
print(urlopen(request, timeout=5).read().decode())
"""


class Cluster:
    """A network without access to others, an upstream, a master with two workers. `folder` is mounted in the first two."""

    def __init__(self, connected: Any, folder: Path, run: str) -> None:
        self._client, self._folder, self._run = connected, folder, run
        self._network = connected.networks.create(run, internal=True, labels=engine.labels(run))
        spec = {
            "name": "calculator",
            "personality": "none",
            "control_token": TOKEN,
            "port": PORT,
            "hosts": ["upstream"],
        }
        (folder / "upstreams.json").write_text(json.dumps([spec]), encoding="utf-8")
        command = ["lean", "--spec", "/shared/upstreams.json", "--host", "0.0.0.0"]  # noqa: S104 - in its container
        self._upstream = self._start("upstream", images.MOCKS, command, shared=True)
        self.master: Any = None
        self.workers: list[Any] = []

    def start(self, plan: Plan) -> None:
        """Start master and workers; the master waits for both workers."""
        plans.write(plan, self._folder / "plan.json")
        until(self._serves)
        master = ["--master", "--expect-workers", "2", "--plan", "/shared/plan.json", "--results", "/shared/out"]
        self.master = self._locust("master", master, shared=True)
        self.workers = [
            self._locust(name, ["--worker", "--master-host", "master"]) for name in ("worker-1", "worker-2")
        ]

    def _locust(self, alias: str, arguments: list[str], *, shared: bool = False) -> Any:
        return self._start(alias, images.GATEBENCH, [LOCUST, "locust", *arguments], ["sh", "-c"], shared=shared)

    def _start(
        self, alias: str, image: str, command: list[str], entrypoint: list[str] | None = None, *, shared: bool = False
    ) -> Any:
        container = self._client.containers.create(
            images.tag(image),
            command,
            entrypoint=entrypoint,
            name=f"{self._run}-{alias}",
            labels=engine.labels(self._run),
            network=self._run,
            networking_config={self._run: self._client.api.create_endpoint_config(aliases=[alias])},
            user=f"{os.getuid()}:{os.getgid()}",
            volumes={str(self._folder): {"bind": "/shared", "mode": "rw"}} if shared else {},
            healthcheck={"test": ["NONE"]},
        )
        container.start()
        return container

    def _serves(self) -> bool:
        self._upstream.reload()
        assert self._upstream.status == "running", self._upstream.logs().decode()
        return bool(self._upstream.exec_run(["python", "-c", COUNTED]).exit_code == 0)

    def asked(self) -> int:
        """Return the number of requests that the upstream has received."""
        counted = self._upstream.exec_run(["python", "-c", COUNTED])
        assert counted.exit_code == 0, counted.output
        return int(json.loads(counted.output)["requests"])

    def end(self) -> tuple[int, str]:
        """Wait for the master; return its exit status and its log."""
        status = self.master.wait(timeout=WAIT)["StatusCode"]
        return int(status), self.master.logs().decode()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    run = f"gatebench-{uuid.uuid4().hex[:8]}"
    with client() as connected:
        for image in images.DOCKERFILES:
            engine.require(connected, images.tag(image), images.REMEDY)
        try:
            yield Cluster(connected, tmp_path, run)
        finally:
            engine.remove_all(connected, run)
    assert not left(run)


def test_two_worker_containers_run_one_plan_with_exact_histograms(cluster: Cluster, tmp_path: Path) -> None:
    plan = a_plan(_arm(), rate=200.0, seconds=3.0, warmup=0.5, max_in_flight=50)
    cluster.start(plan)
    status, log = cluster.end()
    assert status == 0, log
    assert [worker.wait(timeout=WAIT)["StatusCode"] for worker in cluster.workers] == [0, 0]
    result, samples = results.read(tmp_path / "out"), results.read_samples(tmp_path / "out")
    planned = np.concatenate([block.seconds for block in arrivals(plan)])
    measured = planned[planned >= 0]
    assert (result.ended, result.machine.processes) == ("complete", 2)
    assert result.counts.offered == result.counts.done == result.count(outcome="ok") == len(samples) == len(measured)
    assert not result.wrong
    assert cluster.asked() == len(planned), "the upstream received every arrival, those of the warm-up too"
    assert np.sort(samples["intended"]) == pytest.approx(measured, abs=1e-6), "no arrival was sent twice"
    expected = Histogram()
    expected.record((samples["done"] - samples["sent"]) // 1000)
    assert (result.total("service").counts == expected.counts).all()


def test_killed_worker_container_makes_the_result_incomplete(cluster: Cluster, tmp_path: Path) -> None:
    plan = a_plan(_arm(), rate=100.0, seconds=10.0, max_in_flight=50)
    cluster.start(plan)
    until(lambda: cluster.asked() >= 100)
    cluster.workers[0].kill()
    status, log = cluster.end()
    result = results.read(tmp_path / "out")
    assert (status, result.ended) == (3, "incomplete"), log
    assert "worker lost" in {event.kind for event in result.events}
    planned = sum(len(block.seconds) for block in arrivals(plan))
    assert planned / 2 < result.counts.done < planned, "the other worker ran its whole share"
    assert not result.wrong


def _arm() -> PlannedArm:
    return PlannedArm(name="direct", calls=[a_call(f"http://upstream:{PORT}/mcp")])
