"""Nothing stays behind: after a kill -9 and the next run, and whatever belongs to the living stays."""

import signal
from pathlib import Path

from gatebench.fixtures.containers import engine
from tests.support.containers import FEW, client, front_door, gatebench, left, until


def test_a_killed_front_door_is_swept_up_after_by_the_next(tmp_path: Path) -> None:
    arguments = ("run", "reference-container", "--out", "evidence")
    with front_door(tmp_path, *arguments) as door:
        until(door.judging)
        run = door.run
        door.process.send_signal(signal.SIGKILL)
        door.process.wait()
        assert len(left(run)) >= 8, "what it had started is there"
    (tmp_path / "next").mkdir()
    status, output, errors = gatebench(
        tmp_path / "next", "run", "reference", "--world", "containers", *FEW, "--out", "evidence"
    )
    assert (status, errors) == (0, ""), output
    assert not left(run)
    assert not left()


def test_the_living_are_left_alone() -> None:
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


def test_a_port_is_kept_for_the_engine() -> None:
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
