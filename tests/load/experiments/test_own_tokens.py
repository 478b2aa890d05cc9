"""Load on gateways that issue their own tokens: each start is called with the tokens that it issued."""

from pathlib import Path

import pytest

from gatebench import cli
from gatebench.fixtures.gateways.doubles import reference
from gatebench.load.experiments import overhead_run, regression_run
from gatebench.load.results.report_model import LoadReport

ADAPTER = '''
import secrets
from gatebench.fixtures.gateways.doubles.reference import ReferenceAdapter

class OwnTokens(ReferenceAdapter):
    """Revokes the tokens of the world, and issues its own ones when it is provisioned."""

    def provision(self):
        for name, who in self.world_json["principals"].items():
            if who["kind"] == "external":
                continue
            for token in who["tokens"]:
                self.revoke_token(token)
            self.tokens[name] = "own-" + secrets.token_urlsafe(24)
            self.issue_token(name, self.tokens[name])
'''


@pytest.fixture
def acme(tmp_path: Path) -> str:
    (tmp_path / "acme_own_tokens.py").write_text(ADAPTER)
    text = Path(reference.__file__).with_name("reference.toml").read_text()
    path = tmp_path / "acme.toml"
    path.write_text(
        text.replace("gatebench.fixtures.gateways.doubles.reference:ReferenceAdapter", "acme_own_tokens:OwnTokens")
    )
    return str(path)


@pytest.mark.parametrize(
    "what", [["overhead", "--seconds", "6", "--starts", "3", "--rate", "60"], ["gate", "{acme}", "--starts", "2"]]
)
def test_each_start_is_called_with_its_own_tokens(
    acme: str, what: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regression_run, "ROUNDS", 2)
    monkeypatch.setattr(regression_run, "FIXED_SECONDS", 1.0)
    monkeypatch.setattr(overhead_run, "MIN_ROUNDS", 2)
    out = tmp_path / "out"
    cli.main(["load", what[0], acme, *(word.format(acme=acme) for word in what[1:]), "--out", str(out)])
    report = LoadReport.model_validate_json((out / "load.json").read_bytes())
    assert report.arms
    assert [(arm.name, arm.failed) for arm in report.arms if arm.failed] == []
    assert all(arm.done > 20 for arm in report.arms)
    assert "own-" not in (out / "load.json").read_text()
