"""A gateway that runs already: the descriptor only says where, and it is judged in the world it was configured for."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from target_bench import descriptor
from whole_run import PATIENCE, SMALL, WholeRun, listens

from fixtures import sheet as sheets
from fixtures.secrets import SecretRegistry
from fixtures.world import World


@dataclass(frozen=True)
class Running:
    """The reference gateway as an operator would run it, from a stored sheet."""

    sheet: Path
    descriptor: Path
    port: int


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("operator")
    with World(SecretRegistry()) as world:
        sheet = world.sheet
    path = folder / "world.json"
    sheets.save(sheet, path)
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "fixtures.reference_gateway", "--world", str(path), "--until-stdin-ends"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # its log
        encoding="utf-8",
    )
    assert process.stdin
    assert process.stdout
    base_url = json.loads(process.stdout.readline())["base_url"]
    text = f"""
        adapter = "fixtures.gateways.reference:ReferenceAdapter"
        [gateway]
        name = "ours, by hand"
        [endpoints]
        base_url = "{base_url}"
        [claims]
        profiles = ["core"]
        revisions = ["2025-11-25"]
    """
    yield Running(path, descriptor(folder, text), sheet["gateway"]["port"])
    process.stdin.close()
    process.stdout.close()
    assert process.wait(PATIENCE) == 0


def test_it_is_judged_again_and_again_and_stays_up(running: Running, tmp_path: Path) -> None:
    arguments = [*SMALL, "--target", str(running.descriptor), "--sheet", str(running.sheet)]
    for number in ("first", "second"):
        run = WholeRun(tmp_path / number, *arguments)
        assert run.finish() == 0, run.output
        assert "passed" in run.output
        assert not run.processes()
        assert not list(run.temporary.glob("gatebench-*"))
        assert run.lines()[-1]["complete"] is True
        assert listens(running.port), "whoever started it stops it"
        token = json.loads(running.sheet.read_text())["principals"]["alice"]["tokens"][0]
        assert token not in run.transcript.read_text(encoding="utf-8")


def test_in_another_world_it_knows_nobody(running: Running, tmp_path: Path) -> None:
    without_adapter = tmp_path / "acme.toml"
    without_adapter.write_text(running.descriptor.read_text().replace("adapter =", "# adapter ="))
    run = WholeRun(tmp_path / "run", *SMALL, "--target", str(without_adapter))
    assert run.finish() == 2
    assert "answered 401 (application/json): the gateway does not accept the token" in run.output
    assert "a gateway that already runs must be judged with --sheet" in run.output


def test_while_another_bench_stands_in_its_world(running: Running, tmp_path: Path) -> None:
    port = sheets.ports_of(sheets.load(running.sheet))["mail"]
    with socket.create_server(("127.0.0.1", port)):
        arguments = ("--target", str(running.descriptor), "--sheet", str(running.sheet))
        run = WholeRun(tmp_path / "run", *SMALL, *arguments)
        assert run.finish() == 2
    assert f"gatebench: port {port} of the setup sheet (for mail) is taken: stop the other gatebench" in run.output
    assert listens(running.port)


def test_a_sheet_that_is_none(running: Running, tmp_path: Path) -> None:
    missing = tmp_path / "none.json"
    run = WholeRun(tmp_path / "run", *SMALL, "--target", str(running.descriptor), "--sheet", str(missing))
    assert run.finish() == 2
    assert f"gatebench: cannot read the setup sheet {missing}: No such file or directory" in run.output
