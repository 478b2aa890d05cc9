"""A gateway that runs already: the descriptor only says where, and it is judged in the world it was configured for."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from target_bench import bring_up, descriptor
from whole_run import PATIENCE, SMALL, WholeRun, listens

from fixtures import sheet as sheets
from fixtures.errors import BenchError
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
        features = ["sessions"]
        revisions = ["2025-11-25"]
    """
    yield Running(path, descriptor(folder, text), sheet["gateway"]["port"])
    process.stdin.close()
    process.stdout.close()
    assert process.wait(PATIENCE) == 0


def test_it_is_judged_again_and_again_and_stays_up(running: Running, tmp_path: Path) -> None:
    """And meanwhile, in a world that it was not configured for, it knows nobody."""
    without_adapter = tmp_path / "acme.toml"
    without_adapter.write_text(running.descriptor.read_text().replace("adapter =", "# adapter ="))
    elsewhere = WholeRun(tmp_path / "elsewhere", *SMALL, "--target", str(without_adapter))
    run = WholeRun(tmp_path / "run", *SMALL, "--target", str(running.descriptor), "--sheet", str(running.sheet))
    assert run.finish() == 0, run.output
    assert "passed" in run.output
    assert not run.processes()
    assert not list(run.temporary.glob("gatebench-*"))
    assert run.lines()[-1]["complete"] is True
    assert listens(running.port), "whoever started it stops it"
    sheet = sheets.load(running.sheet)
    assert sheet["principals"]["alice"]["tokens"][0] not in run.transcript.read_text(encoding="utf-8")
    bring_up(running.descriptor, tmp_path, sheet)
    assert listens(running.port)
    assert elsewhere.finish() == 2
    assert "answered 401 (application/json): the gateway does not accept the token" in elsewhere.output
    assert "a gateway that already runs must be judged with --sheet" in elsewhere.output


def test_while_somebody_holds_a_port_of_its_world(running: Running, tmp_path: Path) -> None:
    sheet = sheets.load(running.sheet)
    port = sheets.ports_of(sheet)["mail"]
    with socket.create_server(("127.0.0.1", port)), pytest.raises(BenchError) as caught:
        bring_up(running.descriptor, tmp_path, sheet)
    assert str(caught.value).startswith(f"port {port} of the setup sheet (for mail) is taken: stop the other gatebench")
    assert listens(running.port)
