from pathlib import Path

import pytest
from target_bench import bring_up, descriptor, gateway, transcript

from fixtures.errors import BenchError
from fixtures.gateways.adapter import Adapter, UnsupportedVerbError
from fixtures.gateways.target import Target

RUNNING = """
adapter = "{adapter}"
[gateway]
name = "acme"
[endpoints]
base_url = "http://127.0.0.1:9"
"""


def adapter(folder: Path, module: str, code: str) -> None:
    (folder / f"{module}.py").write_text(f"from fixtures.gateways.adapter import Adapter\n{code}\n", encoding="utf-8")


def said(folder: Path, named: str) -> str:
    path = descriptor(folder, RUNNING.replace("{adapter}", named))
    with pytest.raises(BenchError) as caught:
        Target(path)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.startswith(f"{path}: adapter {named!r} ")
    return sentence


@pytest.mark.parametrize("named", ["no_such_module:Class", "no_such_module", ":Class", "math:Nothing", "math"])
def test_what_cannot_be_found(tmp_path: Path, named: str) -> None:
    sentence = said(tmp_path, named)
    assert "cannot be loaded (" in sentence
    assert sentence.endswith("write module:Class, and put the module beside the descriptor or install it")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("class Acme(Adapter:", "SyntaxError"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
    ],
)
def test_what_breaks_when_it_is_loaded(tmp_path: Path, code: str, reason: str) -> None:
    module = f"acme_broken_{abs(hash(code))}"
    adapter(tmp_path, module, code)
    assert f"cannot be loaded ({reason}" in said(tmp_path, f"{module}:Acme")


@pytest.mark.parametrize("named", ["json:loads", "json:JSONDecoder"])
def test_what_is_no_adapter(tmp_path: Path, named: str) -> None:
    assert said(tmp_path, named).endswith("must be a class derived from fixtures.gateways.adapter.Adapter")


def test_one_that_lies_beside_its_descriptor(tmp_path: Path) -> None:
    adapter(tmp_path, "acme_beside", "class Acme(Adapter):\n    def grant(self, principal, server): pass")
    target = Target(descriptor(tmp_path, RUNNING.replace("{adapter}", "acme_beside:Acme")))
    assert target._adapter_class.__name__ == "Acme"


def test_one_that_cannot_provision(tmp_path: Path, work: Path) -> None:
    """Its complaint may name a secret; the sentence and the transcript do not."""
    adapter(
        tmp_path,
        "acme_provision",
        "class Acme(Adapter):\n"
        "    def provision(self):\n"
        "        raise RuntimeError('409 for ' + self.sheet['principals']['alice']['tokens'][0])",
    )
    path = gateway(tmp_path, "def mcp(connection, head, body): pass")
    path.write_text('adapter = "acme_provision:Acme"\n' + path.read_text())
    with pytest.raises(BenchError) as caught:
        bring_up(path, tmp_path)
    assert str(caught.value) == (
        f"{path}: adapter 'acme_provision:Acme' cannot provision the gateway: RuntimeError: 409 for «pat:alice»"
    )
    assert transcript(tmp_path)[-1]["complete"] is False
    assert not list(work.iterdir())


def test_no_adapter_has_no_verbs() -> None:
    nothing = Adapter("http://127.0.0.1:9", {})
    nothing.provision()
    for call in (
        lambda: nothing.grant("alice", "mail"),
        lambda: nothing.withdraw("alice", "mail"),
        lambda: nothing.issue_token("alice", "token"),
        lambda: nothing.revoke_token("token"),
        lambda: nothing.forget_consent("alice", "mail"),
        lambda: nothing.refresh_tools("mail"),
    ):
        with pytest.raises(UnsupportedVerbError):
            call()
