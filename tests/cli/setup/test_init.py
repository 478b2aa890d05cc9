"""`gatebench init` and `doctor`."""

import json
import os
import pty
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gatebench.commands.setup.descriptor_file import DescriptorFacts, render
from gatebench.conformance.requirements.features import claims_of
from gatebench.conformance.selftest.support.processes.command import gatebench
from gatebench.fixtures.gateways import descriptor, descriptor_loader

ROOT = Path(__file__).parents[3]


def load_descriptor(path: Path) -> dict[str, Any]:
    """Load a descriptor, check that its claims exist and that it begins with a comment, and return it as TOML."""
    loaded = descriptor_loader.load(path)
    claims_of(loaded, path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# Descriptor of {loaded.gateway.name}, ")
    assert text.endswith("\n")
    return tomllib.loads(text)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--outside", "--url", "https://gw.example.com/mcp/docs/", "--token-env", "GW"], {"profiles": ["outside"]}),
        (["--url", "http://127.0.0.1:4000", "--token-env", "GW"], {"features": ["caller.user", "upstream.none"]}),
        (["--url", "http://127.0.0.1:4000"], {"profiles": ["core"]}),
        (["--command", "acme --config '{workdir}/a b.yaml' --port {port}"], {"profiles": ["core"]}),
        (
            ["--image", "acme/gateway:1.4.2", "--profile", "core", "--profile", "passthrough"],
            {"profiles": ["core", "passthrough"]},
        ),
    ],
)
def test_descriptor_of_every_kind_is_valid(tmp_path: Path, options: list[str], expected: dict[str, Any]) -> None:
    if "--image" in options and "image" not in descriptor.LaunchSection.model_fields:
        pytest.skip("NOT RUN: descriptors know no images yet")
    result = gatebench(tmp_path, "init", "acme.toml", *options)
    assert (result.returncode, result.stderr) == (0, "")
    said = load_descriptor(tmp_path / "acme.toml")
    assert said["claims"].items() >= expected.items()
    if "--command" in options:
        assert said["launch"]["command"] == ["acme", "--config", "{workdir}/a b.yaml", "--port", "{port}"]
    assert "gatebench run acme.toml" in result.stdout


def test_the_last_slash_of_an_address_is_kept() -> None:
    for url, single in (("http://a/mcp/", "{base_url}/"), ("http://a/mcp", "{base_url}"), ("http://a/", "{base_url}")):
        facts = DescriptorFacts(kind="outside", url=url, token_env="GW")
        assert tomllib.loads(render(facts, "a.toml"))["endpoints"]["single"] == single


def test_name_with_special_characters_of_toml(tmp_path: Path) -> None:
    result = gatebench(tmp_path, "init", "--url", "http://127.0.0.1:1", "--name", 'A "quoted" \\ name ü')
    assert result.returncode == 0, result.stderr
    assert load_descriptor(tmp_path / "gateway.toml")["gateway"]["name"] == 'A "quoted" \\ name ü'


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "the address of the gateway is missing; use --url, --command or --image"),
        (["--url", "http://a", "--image", "b"], "--url, --command and --image exclude each other"),
        (["--outside", "--command", "a"], "--outside needs --url"),
        (["--outside", "--url", "http://a"], "--outside needs --token-env"),
        (["--url", "gw.example.com"], "endpoints.base_url is 'gw.example.com', which is not an http or https URL"),
        (
            ["--url", "http://a", "--profile", "coer"],
            "claims.profiles names 'coer', which does not exist; did you mean core?",
        ),
        (["--url", "http://a", "--single", "{base_url}/{sever}"], "endpoints.single uses {sever}"),
        (["no/such/folder.toml", "--url", "http://a"], "cannot write no/such/folder.toml"),
        ([".", "--url", "http://a", "--force"], "cannot write .: it is a folder; name a file"),
        (["--command", "acme 'x"], '--command "acme \'x" cannot be split into words: No closing quotation'),
        (["--url", "http://a", "--name", os.fsdecode(b"\xff")], "in an option is not UTF-8"),
    ],
)
def test_bad_options_are_refused(tmp_path: Path, options: list[str], sentence: str) -> None:
    result = gatebench(tmp_path, "init", *options)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text("mine")
    assert "already exists" in gatebench(tmp_path, "init", "--url", "http://a").stderr
    assert path.read_text() == "mine"
    assert gatebench(tmp_path, "init", "--url", "http://a", "--force").returncode == 0
    assert path.read_text() != "mine"


def test_interactive_init_asks_for_missing_values(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "gatebench", "init"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        os.close(theirs)
        os.write(ours, b"my gateway\n9\n1\nhttps://gw.example.com/mcp\n\n\n")
        output, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0, output
    assert b"'9' is not one of '1', '2', '3', '4'" in output
    said = load_descriptor(tmp_path / "gateway.toml")
    assert said["gateway"]["name"] == "my gateway"
    assert said["endpoints"]["base_url"] == "https://gw.example.com/mcp"
    assert said["tokens"] == {"alice": "GATEWAY_TOKEN"}


def test_doctor_reports_ready_parts(tmp_path: Path) -> None:
    result = gatebench(tmp_path, "doctor")
    assert result.returncode == 0, result.stdout
    assert "ready     Python " in result.stdout
    found = {finding["what"]: finding for finding in json.loads(gatebench(tmp_path, "doctor", "--json").stdout)}
    assert found["target reference"]["ready"]
    assert found["ports on 127.0.0.1"]["needed"]


def test_doctor_reports_missing_programs(tmp_path: Path) -> None:
    result = gatebench(tmp_path, "doctor", DOCKER_HOST="tcp://127.0.0.1:1", PATH="/nowhere")
    assert result.returncode == 0
    assert "not found Docker" in result.stdout
    assert "not found Chromium" in result.stdout
