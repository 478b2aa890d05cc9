"""Worlds that were started separately: `gatebench world --world containers`, and compose."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatebench.fixtures.containers import images
from tests.support.containers import (
    FEW,
    ROOT,
    TIMEOUT,
    command,
    compose,
    docker,
    gatebench,
    gatebench_process,
    left,
    until,
)


def test_world_of_another_process(tmp_path: Path) -> None:
    with gatebench_process(tmp_path, "world", "--world", "containers", "--save", "world.json") as world:
        until(lambda: world.alive() and (tmp_path / "world.json").exists())
        run = world.run
        for attempt in ("one", "two"):
            status, output, errors = gatebench(
                tmp_path, "run", "reference", "--world", "existing", "--sheet", "world.json", *FEW, "--out", attempt
            )
            assert (status, errors) == (0, ""), output
        world.process.send_signal(signal.SIGTERM)
        assert world.finish()[0] == 0
    assert not left(run)
    status, _, errors = gatebench(tmp_path, "run", "--sheet", "world.json", *FEW, "--out", "three")
    assert status == 2
    assert "of the world does not answer at" in errors


@pytest.fixture
def composed(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Start the world of compose.yaml and return the path of its `world.json`."""
    found = compose()
    if found is None:
        pytest.fail("there is no compose here; on Debian: apt-get install docker-compose")
    tags = {images.OVERRIDE[name]: images.tag(name) for name in images.DOCKERFILES}
    given = ("-f", str(ROOT / "compose.yaml"), "-p", f"gatebench-test-{os.getpid()}")

    def run(*arguments: str) -> str:
        done = command(*found, *given, *arguments, env=os.environ | tags, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        run("up", "-d", "--no-build")
        sheet = run("run", "--rm", "-T", "sheet")
        (tmp_path / "world.json").write_text(sheet, encoding="utf-8")
        yield json.loads(sheet)
    finally:
        run("down", "--volumes", "--timeout", "2")


def test_compose(composed: dict[str, Any], tmp_path: Path) -> None:
    assert composed["upstreams"]["mail"]["url"] == "http://127.0.0.1:7403/mcp"
    status, output, errors = gatebench(
        tmp_path, "run", "reference", "--world", "existing", "--sheet", "world.json",
        "-k", "(whole_life or ACC-003) and 2026", "--out", "evidence", seconds=TIMEOUT,
    )  # fmt: skip
    assert (status, errors) == (0, ""), output
    assert docker("ps", "-q").stdout, "it goes on without us"
