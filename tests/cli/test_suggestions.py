"""Names that do not exist: the error suggests the similar one. And what `list` and `init` say about features."""

import json
import tomllib
from pathlib import Path

import pytest

from gatebench import cli
from gatebench.commands.setup import descriptor_file
from gatebench.conformance.requirements.features import FEATURES, PROFILES

SIMILAR = {
    "run fastmpc": "unknown target 'fastmpc'; did you mean fastmcp?",
    "run fautly:access-not-checked": "unknown target 'fautly:access-not-checked'; did you mean faulty?",
    "run acm.toml": "there is no descriptor at 'acm.toml'; did you mean acme.toml?",
    "run folder/acm.toml": "there is no descriptor at 'folder/acm.toml'; did you mean folder/acme.toml?",
    "official referenc": "unknown target 'referenc'; did you mean reference?",
    "load run referenc": "unknown target 'referenc'; did you mean reference?",
    "load gate reference acm.toml": "there is no descriptor at 'acm.toml'; did you mean acme.toml?",
    "run -m credential": "-m names 'credential', which is no group of requirements; did you mean credentials?",
    "run -k CERD-001": "-k names 'CERD-001', which is no requirement; did you mean CRED-001?",
    "run --world embeded": "'embeded' is not one of 'embedded', 'lean', 'containers', 'existing'; did you mean embedded?",
    "list --group concent": "unknown group 'concent'; did you mean consent?",
    "list --profile coer": "unknown profile 'coer'; did you mean core?",
    "list --feature session": "unknown feature 'session'; did you mean sessions?",
    "faults --group concent": "unknown group 'concent'; did you mean consent?",
    "images build gatebench-mock": "unknown image 'gatebench-mock'; did you mean gatebench-mocks?",
    "install litelm": "unknown installation 'litelm'; did you mean litellm?",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("acme.toml", "folder/acme.toml"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("", encoding="utf-8")
    return tmp_path


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(list(arguments)) == 0
    return capsys.readouterr().out


def test_similar_name_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, sentence in SIMILAR.items():
        assert cli.main(arguments.split()) == 2, arguments
        assert sentence in capsys.readouterr().err, arguments


def test_name_without_similar_one_has_no_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, sentence in (
        ("run zzz", "unknown target 'zzz'; available: agentgateway, "),
        ("list --feature zzz", "unknown feature 'zzz'; expected one of caller.user, "),
    ):
        assert cli.main(arguments.split()) == 2
        assert sentence in capsys.readouterr().err


def test_valid_selections_have_no_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["-m", "not (sessions or zzzzzz)"],
        ["-k", "CRED-00"],
        ["-k", "not CERD-001"],
        ["-k", "cred-001"],
    ):
        assert cli.main(["run", "no/such.toml", *arguments]) == 2
        assert "there is no descriptor at 'no/such.toml'" in capsys.readouterr().err, arguments


def test_list_shows_the_feature_of_each_requirement(capsys: pytest.CaptureFixture[str]) -> None:
    line = next(line for line in output(capsys, "list", "--profile", "core").splitlines() if line.startswith("SES-002"))
    assert line.endswith("(extended: sessions)")
    found = json.loads(output(capsys, "list", "--feature", "sessions", "--json"))
    assert {one["feature"] for one in found} == {"sessions"}


def test_list_of_features(capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "list", "--features", "-q").splitlines() == list(FEATURES)
    rows = {row["name"]: row for row in json.loads(output(capsys, "list", "--features", "--json"))}
    assert rows["sessions"]["profiles"] == {"core": "extended"}
    assert rows["sessions"]["claimed_by"] == "claims.features"
    assert rows["own-output"]["claimed_by"] == "descriptor"
    text = output(capsys, "list", "--features", "--profile", "header-override")
    assert [line.split()[0] for line in text.splitlines()] == ["header-override", "override.json"]


def test_init_writes_features_and_names_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    shown = output(capsys, "init", "new.toml", "--url", "http://a", "--profile", "core", "--feature", "sessions")
    assert "new.toml is written and valid." in shown
    text = Path("new.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text)["claims"]["features"] == ["sessions"]
    assert f"#   {'mcp.prompts':20} {FEATURES['mcp.prompts']}" in text
    assert "#   sessions " not in text
    assert "#   own-output" not in text


def test_init_refuses_an_unknown_feature(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", "new.toml", "--url", "http://a", "--feature", "session"]) == 2
    assert "claims.features names 'session', which does not exist; did you mean sessions?" in capsys.readouterr().err


def test_help_of_init_names_all_profiles(capsys: pytest.CaptureFixture[str]) -> None:
    shown = " ".join(output(capsys, "init", "--help").split())
    assert tuple(name for name in PROFILES if name != "outside") == descriptor_file.CLAIMED_PROFILES
    for name in descriptor_file.CLAIMED_PROFILES:
        assert name in shown.replace("- ", "-")
