"""The command line, without starting a world."""

import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from gatebench.conformance.selftest.support.processes import command

ROOT = Path(__file__).parents[2]
RUN = ROOT / "tests" / "reports" / "data" / "run"
Result = subprocess.CompletedProcess[str]
gatebench = partial(command.gatebench, ROOT)


def start(words: list[str], stdout: int = subprocess.PIPE, **environment: str) -> Result:
    return subprocess.run(  # noqa: S603 - our own program
        words,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
        timeout=60,
        check=False,
    )


def refusal_of(result: Result) -> str:
    """Return the one sentence on stderr of a bad invocation."""
    assert result.returncode == 2, result
    assert result.stdout == ""
    assert result.stderr.startswith("gatebench: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_help_names_the_commands() -> None:
    result = gatebench("--help")
    assert result.returncode == 0
    for name in ("run", "judge", "list", "explain", "world", "gateway", "report"):
        assert f"\n  {name} " in result.stdout


def test_version() -> None:
    assert gatebench("--version").stdout.startswith("gatebench 0.")


@pytest.mark.parametrize("arguments", [["--help"], ["list"]])
def test_quick_commands_import_no_sdk(arguments: list[str]) -> None:
    code = f"import sys, gatebench.cli\ntry: gatebench.cli.main({arguments!r})\nexcept SystemExit: pass\n"
    code += "print([m for m in ('fastmcp', 'mcp', 'pytest', 'httpx', 'rich') if m in sys.modules], file=sys.stderr)"
    assert start([sys.executable, "-c", code]).stderr == "[]\n"


def test_list_shows_every_requirement() -> None:
    result = gatebench("list")
    identifiers = [requirement["id"] for requirement in json.loads(gatebench("list", "--json").stdout)]
    assert [line.split()[0] for line in result.stdout.splitlines()] == identifiers
    assert "CRED-001" in identifiers


def test_list_of_a_group() -> None:
    assert {line.split()[0][:3] for line in gatebench("list", "--group", "sessions").stdout.splitlines()} == {"SES"}
    assert "unknown group 'xyz'; expected one of access, " in refusal_of(gatebench("list", "--group", "xyz"))


def test_explain_shows_level_sources_and_check() -> None:
    text = gatebench("explain", "cred-001").stdout
    for part in (
        "CRED-001  MUST NOT",
        "sources:",
        "guide:",
        "feature:",
        "check:     conformance/checks/credentials/credentials.py",
    ):
        assert part in text
    assert re.search(r"^  \w+/\w+: \w", text, re.MULTILINE)


def test_explain_shows_revisions_and_needs() -> None:
    assert "revisions: all that the gateway claims" in gatebench("explain", "CRED-001").stdout
    sessions = " ".join(gatebench("explain", "SES-001").stdout.split())  # the line may be wrapped
    assert "revisions: 2025-06-18, 2025-11-25, if the gateway claims them: 2026-07-28 has no sessions" in sessions
    assert re.search(r"^needs: +upstream.static also: .*desk", gatebench("explain", "CRED-012").stdout, re.MULTILINE)


def test_explain_of_unknown_requirement_is_refused() -> None:
    assert "unknown requirement 'CRED-01'; did you mean CRED-0" in refusal_of(gatebench("explain", "CRED-01"))
    assert "`gatebench list`" in refusal_of(gatebench("explain", "###"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "missing command; see `gatebench --help`"),
        (["frobnicate"], "no such command 'frobnicate'"),
        (["rnu"], "no such command 'rnu'; did you mean run?"),
        (
            ["run", "-n", "none"],
            "invalid value for '-n' / '--workers': 'none' is not a valid integer; see `gatebench run --help`",
        ),
        (["run", "-n", "65"], "invalid value for '-n' / '--workers': 65 is not in the range 1<=x<=64"),
        (["run", "-k"], "option '-k' requires an argument; see `gatebench run --help`"),
        (["run", "--jsn"], "no such option '--jsn'; did you mean --json?"),
        (["run", "one", "two"], "got unexpected extra argument (two)"),
        (["run", "--world", "flat"], "'flat' is not one of 'embedded', 'lean', 'containers', 'existing'"),
        (["images"], "missing argument 'ACTION'; choose from build, list"),
        (["load"], "missing command; see `gatebench load --help`"),
        (["load", "gate", "one"], "missing argument 'CANDIDATE'; see `gatebench load gate --help`"),
        (["gateway"], "missing option '--world'"),
        (["run", "nosuch"], "unknown target 'nosuch'; available: "),
        (["run", "no/such.toml"], "there is no descriptor at 'no/such.toml'"),
        (["run", "-k", " "], "the expression of -k is blank"),
        (["run", "--out", "/dev/null"], "cannot write to /dev/null"),
        (["report", "no-such-folder"], "no-such-folder is not a folder"),
        (["report", "tests"], "tests is not the folder of a run"),
        (["world", "--sheet", "no-such-file"], "cannot read no-such-file"),
        (["world", "--listen", "203.0.113.1"], "name an address of this machine with --listen"),
        (["gateway", "--world", "none.json", "--port", "99999"], "99999 is not in the range 0<=x<=65535"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], sentence: str) -> None:
    assert sentence in refusal_of(gatebench(*arguments))


def test_report_of_an_earlier_run(tmp_path: Path) -> None:
    folder = shutil.copytree(RUN, tmp_path / "run")
    result = gatebench("report", str(folder))
    assert result.returncode == 1
    assert "── FAIL  CRED-001" in result.stdout
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["report"] == 2
    assert (folder / "junit.xml").read_text(encoding="utf-8").startswith("<?xml")


def test_report_of_a_harness_error_exits_with_3(tmp_path: Path) -> None:
    folder = shutil.copytree(RUN, tmp_path / "run")
    lines = (folder / "verdicts.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    broken = lines[1].replace('"outcome": "pass"', '"outcome": "harness-error"')
    (folder / "verdicts.jsonl").write_text(lines[0] + broken, encoding="utf-8")
    assert gatebench("report", str(folder)).returncode == 3


BROKEN = """
import sys
from gatebench import cli
from gatebench.conformance.requirements import registry

registry.Registry = None
sys.exit(cli.main(["list"]))
"""


def test_internal_error_is_one_sentence(tmp_path: Path) -> None:
    result = start([sys.executable, "-c", BROKEN], TMPDIR=str(tmp_path))
    assert result.returncode == 3
    assert result.stderr.startswith("gatebench: this is a fault of gatebench: TypeError: ")
    assert "Traceback" in next(tmp_path.glob("gatebench-*.log")).read_text(encoding="utf-8")


def test_closed_pipe_prints_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = start([sys.executable, "-m", "gatebench", "list"], stdout=writer)
    os.close(writer)
    assert result.stderr == ""


def test_compare_finds_new_findings(tmp_path: Path) -> None:
    folder = shutil.copytree(RUN, tmp_path / "run")
    same = gatebench("compare", str(folder), str(folder))
    assert (same.returncode, same.stdout.splitlines()[-1]) == (0, "nothing got worse")
    report = json.loads(gatebench("report", str(folder), "--json").stdout)
    better = tmp_path / "better.json"
    report["findings"] = [finding for finding in report["findings"] if finding["requirement"] != "CRED-001"]
    better.write_text(json.dumps(report))
    worse = gatebench("compare", str(better), str(folder), "--json")
    assert worse.returncode == 1
    assert [finding["requirement"] for finding in json.loads(worse.stdout)["new_findings"]] == ["CRED-001"]
    assert "cannot read the report " in refusal_of(gatebench("compare", str(folder), "no-such.json"))


def test_damaged_reports_of_the_official_suite_are_not_compared(tmp_path: Path) -> None:
    path = tmp_path / "official.json"
    path.write_text('{"official": 1}', encoding="utf-8")
    assert "is damaged (KeyError: 'revisions')" in refusal_of(gatebench("compare", str(path), str(path)))
