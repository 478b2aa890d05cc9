"""Load on a running gateway, at the addresses of the `world.json` that it was configured from."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gatebench import cli
from gatebench.fixtures.recording.secrets import SecretRegistry
from gatebench.fixtures.world import config as world_config
from gatebench.fixtures.world.world import World
from gatebench.load.results.report_model import LoadReport

DESCRIPTOR = """
[gateway]
name = "running reference"
[endpoints]
base_url = "{base_url}"
[claims]
profiles = ["core", "shared-credentials"]
features = ["sessions"]
revisions = ["2025-11-25", "2026-07-28"]
"""


@dataclass(frozen=True)
class GatewayWithSheet:
    sheet: Path
    descriptor: Path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayWithSheet]:
    folder = tmp_path_factory.mktemp("operator")
    with World(SecretRegistry()) as world:
        sheet = world.world_json
    path, descriptor = folder / "world.json", folder / "acme.toml"
    world_config.save(sheet, path)
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "gatebench.fixtures.reference_gateway", "--world", str(path), "--until-stdin-ends"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # its log
        encoding="utf-8",
    )
    assert process.stdin
    assert process.stdout
    descriptor.write_text(DESCRIPTOR.format(base_url=json.loads(process.stdout.readline())["base_url"]))
    yield GatewayWithSheet(path, descriptor)
    process.stdin.close()
    process.stdout.close()
    assert process.wait(30) == 0, "the bench has not stopped it"


def report_in(folder: Path) -> LoadReport:
    return LoadReport.model_validate_json((folder / "load.json").read_bytes())


def test_load_on_a_running_gateway(
    running: GatewayWithSheet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(running.descriptor), "--sheet", str(running.sheet), "--profile", "steady", "--seconds", "3"]
    status = cli.main(["load", "run", *arguments, "--out", str(tmp_path / "out")])
    assert status in (0, 2, 4), capsys.readouterr()  # void, or over its budget, where the machine is busy
    report = report_in(tmp_path / "out")
    assert report.complete
    assert report.arms[0].failed == 0
    assert report.arms[0].done > 30
    assert report.far_end is not None
    assert report.far_end.per_call["requests"] >= 0.99, "the gateway called the upstreams of the bench"
    assert report.resources is None
    assert "the gateway does not run on this machine: its CPU and memory are not measured" in report.notes
    secret = world_config.load(running.sheet).to_json()["principals"]["alice"]["tokens"][0]
    assert secret not in (tmp_path / "out" / "load.json").read_text(encoding="utf-8")


def test_overhead_of_a_running_gateway_has_one_start(running: GatewayWithSheet, tmp_path: Path) -> None:
    arguments = [str(running.descriptor), "--sheet", str(running.sheet), "--seconds", "6", "--rate", "60"]
    status = cli.main(["load", "overhead", *arguments, "--out", str(tmp_path / "out")])
    report = report_in(tmp_path / "out")
    assert status in (0, 2), report.said
    if status == 2 and not report.overhead:
        pytest.skip(f"the machine was never quiet: {report.said}")
    assert report.overhead[0].starts == 1
    assert report.overhead[0].quantiles[0].overhead_us.value > 0
    assert any("already runs" in note for note in report.notes)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "{descriptor}"], "describes a gateway that already runs: pass the world.json"),
        (["overhead", "{descriptor}"], "describes a gateway that already runs: pass the world.json"),
        (["gate", "reference", "{descriptor}"], "the gate must start both gateways afresh"),
        (["run", "{descriptor}", "--sheet", "{folder}/none.json"], "cannot read "),
        (["run", "{descriptor}", "--sheet", "{sheet}", "--profile", "fan-out"], "needs the virtual server fan"),
        (
            ["run", "{descriptor}", "--sheet", "{sheet}", "--profile", "token-diversity"],
            "needs 1200 callers of its own",
        ),
    ],
)
def test_invalid_use_of_a_running_gateway_is_refused(
    running: GatewayWithSheet, arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {"descriptor": running.descriptor, "sheet": running.sheet, "folder": tmp_path}
    status = cli.main(["load", *(word.format(**known) for word in arguments), "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err.strip()
    assert status == 2
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_world_served_by_another_process_is_refused(
    running: GatewayWithSheet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = world_config.load(running.sheet)
    sheet = stored.to_json()
    control = dict.fromkeys(world_config.ports_of(stored), "http://127.0.0.1:1")
    sheet["far_end"] |= {"control_token": "ctl_0123456789abcdef", "control": control}
    path = tmp_path / "world.json"
    world_config.save(sheet, path)
    assert cli.main(["load", "run", str(running.descriptor), "--sheet", str(path), "--out", str(tmp_path)]) == 2
    assert "a load run starts its own upstreams" in capsys.readouterr().err
