"""Leftovers of killed runs are removed by the next run; those of running processes are kept."""

import signal
from pathlib import Path

from gatebench.fixtures.containers import engine
from tests.support.containers import FEW, client, gatebench, gatebench_process, left, until


def test_next_run_removes_containers_of_a_killed_one(tmp_path: Path) -> None:
    arguments = ("run", "reference-container", "--out", "evidence")
    with gatebench_process(tmp_path, *arguments) as started:
        until(started.judging)
        run = started.run
        started.process.send_signal(signal.SIGKILL)
        started.process.wait()
        assert len(left(run)) >= 8, "what it had started is there"
    (tmp_path / "next").mkdir()
    status, output, errors = gatebench(
        tmp_path / "next", "run", "reference", "--world", "containers", *FEW, "--out", "evidence"
    )
    assert (status, errors) == (0, ""), output
    assert not left(run)
    assert not left()


def test_networks_of_running_processes_are_kept() -> None:
    with client() as connected:
        mine = connected.networks.create("gatebench-test-living", labels=engine.labels("gatebench-test-living"))
        foreign = {**engine.labels("gatebench-test-foreign"), engine.HOST: "another machine", engine.PID: "1"}
        theirs = connected.networks.create("gatebench-test-foreign", labels=foreign)
        dead = {**engine.labels("gatebench-test-dead"), engine.STARTED: "1.00"}
        orphan = connected.networks.create("gatebench-test-dead", labels=dead)
        try:
            assert engine.sweep(connected) == [orphan.name]
            names = {one.name for one in connected.networks.list()}
            assert {mine.name, theirs.name} <= names
            assert orphan.name not in names
        finally:
            mine.remove()
            theirs.remove()


def test_held_port_can_be_published_by_the_engine() -> None:
    port, held = engine.held_port()
    with held, client() as connected:
        container = connected.containers.run(
            "gatebench-mocks",
            ["none", "--host", "0.0.0.0", "--port", "8000"],  # noqa: S104 - in its container
            ports={"8000/tcp": ("127.0.0.1", port)},
            detach=True,
            labels=engine.labels("gatebench-test-port"),
        )
        try:
            container.reload()
            assert container.status == "running"
        finally:
            container.remove(force=True)
