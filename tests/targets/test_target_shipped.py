"""What is shipped for gateways that we did not write: descriptors, their claims, and the configurations that they render."""

import json
from pathlib import Path

import pytest

from conformance.features import claims_of
from fixtures import sheet as sheets
from fixtures import standard
from fixtures.errors import BenchError
from fixtures.gateways.target import Target, resolve, shipped
from fixtures.recorder import Recorder
from fixtures.secrets import SecretRegistry


@pytest.fixture
def world() -> sheets.Sheet:
    ports = {name: 40000 + number for number, name in enumerate(("idp", *standard.UPSTREAMS))}
    return sheets.new_sheet("r-test", SecretRegistry(), sheets.loopback(ports, 40100))


def others() -> list[str]:
    return [name for name in shipped() if Target(resolve(name)).descriptor.gateway.organization != "gatebench"]


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_descriptor_is_valid_and_claims_what_exists(name: str) -> None:
    target = Target(resolve(name))
    claims = claims_of(target.descriptor, target.path)
    assert any(feature.startswith("caller.") for feature in claims.features)


@pytest.mark.parametrize("name", others())
def test_gateways_of_others_say_where_their_claims_come_from(name: str) -> None:
    target = Target(resolve(name))
    head = target.path.read_text(encoding="utf-8").partition("[gateway]")[0]
    assert "https://" in head, "claims cite the page of the gateway's own documentation"
    assert target.descriptor.provisioning is not None
    assert target.descriptor.gateway.version or target.descriptor.gateway.untested


@pytest.mark.parametrize("name", others())
def test_configurations_render_and_hold_what_the_gateway_needs(name: str, world: sheets.Sheet, tmp_path: Path) -> None:
    target = Target(resolve(name))
    launch = target.descriptor.launch
    if launch is None:
        return
    target._configuration = tmp_path
    variables = {"workdir": str(tmp_path), "host": "127.0.0.1", "port": "40100", "variant": ""}
    for file, template in launch.render.items():
        target._render(file, template, world, variables)
        text = (tmp_path / file).read_text(encoding="utf-8")
        if file.endswith(".py"):
            compile(text, file, "exec")
            continue
        if target.descriptor.adapter:  # the world comes through an API
            assert world["gateway"]["admin_token"] in text
            continue
        assert world["upstreams"]["calculator"]["url"].split("/")[2] in text
        assert world["principals"]["alice"]["tokens"][0] in text or name == "litellm"
        if file.endswith(".yaml"):
            assert pytest.importorskip("yaml").safe_load(text)


RUNNING = """
[gateway]
name = "acme"
[endpoints]
base_url = "$ACME_URL"
[tokens]
alice = "ACME_TOKEN_ALICE"
[claims]
features = ["caller.user", "upstream.none"]
"""


@pytest.fixture
def descriptor(tmp_path: Path) -> Path:
    path = tmp_path / "acme.toml"
    path.write_text(RUNNING, encoding="utf-8")
    return path


def test_address_and_tokens_of_a_gateway_come_from_the_environment(
    descriptor: Path, world: sheets.Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_URL", "https://gateway.example/")
    monkeypatch.setenv("ACME_TOKEN_ALICE", "a-token-that-acme-has-given-out")
    secrets = SecretRegistry()
    target = Target(descriptor)
    with Recorder(descriptor.with_name("t.jsonl"), secrets, run="r") as recorder:
        target.start(world, recorder)
        recorder.note("observation", what="a-token-that-acme-has-given-out")
    assert target.url("calculator") == "https://gateway.example/api/llm/mcp/calculator/server"
    assert world["principals"]["alice"]["tokens"] == ["a-token-that-acme-has-given-out"]
    text = descriptor.with_name("t.jsonl").read_text(encoding="utf-8")
    assert "a-token-that-acme-has-given-out" not in text
    announced = [json.loads(line) for line in text.splitlines() if '"secret"' in line]
    assert [(one["label"], one["owner"]) for one in announced] == [("own-token:alice", "alice")]


def test_a_variable_that_is_not_set(descriptor: Path, world: sheets.Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_URL", "https://gateway.example")
    monkeypatch.delenv("ACME_TOKEN_ALICE", raising=False)
    target = Target(descriptor)
    with (
        Recorder(descriptor.with_name("t.jsonl"), SecretRegistry(), run="r") as recorder,
        pytest.raises(BenchError, match="the environment variable ACME_TOKEN_ALICE is not set"),
    ):
        target.start(world, recorder)
