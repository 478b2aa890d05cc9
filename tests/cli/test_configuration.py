"""The configuration file: which one is read, what it sets, and how each mistake in it is reported."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from gatebench import cli
from gatebench.commands import configuration
from gatebench.commands.command import BenchCommand
from gatebench.commands.run.run import run as conformance_run
from gatebench.lazy_group import LazyGroup
from tests.support.source.code_blocks import blocks

ROOT = Path(__file__).parents[2]
Run = Callable[..., SimpleNamespace]

MISTAKES = {
    "an unknown key": ("[run]\nworker = 2", "run.worker is an unknown key; did you mean workers?"),
    "another unknown key": ("[run]\nxyz = 2", "run.xyz is an unknown key; expected one of target, keyword, mark, "),
    "an unknown section": ("[rnu]\nworkers = 2", "rnu is an unknown section; did you mean run?"),
    "an unknown section below": ("[load.rnu]\nrate = 2", "load.rnu is an unknown section; did you mean run?"),
    "a key of a group": ("[load]\nseconds = 2", "load.seconds is an unknown key; expected one of list, run, gate"),
    "a key without a section": (
        "workers = 2",
        "workers is an unknown key; expected one of target, extension; options stand in",
    ),
    "no table": ("run = 2", "run is an integer, but it is the section of a command: write a table"),
    "a table too many": ("[run.x]\na = 1", "run.x is an unknown key; expected one of target"),
    "a string for an integer": ('[run]\nworkers = "two"', 'run.workers is "two", a string; write an integer'),
    "a boolean for a number": ("[run]\nbudget = true", "run.budget is true, a boolean; write a number"),
    "an integer for a flag": ("[run]\nfirst = 1", "run.first is 1, an integer; write true or false"),
    "a date": ("[run]\nout = 1979-05-27", "run.out is a date or a time; write a string"),
    "one string for several": (
        '[load.run]\nheader = "a: b"',
        'load.run.header is "a: ...", a string; write an array with',
    ),
    "an integer among strings": (
        "[load.run]\nheader = [3]",
        "load.run.header is an array; write an array with strings",
    ),
    "a target that is no string": ("target = 3", "target is 3, an integer; write a string"),
    "a value out of range": ("[run]\nworkers = 99", "run.workers is wrong: 99 is not in the range 1<=x<=64"),
    "not a number": ("[run]\nbudget = nan", "run.budget is wrong: nan is not"),
    "no choice": ('[run]\nworld = "embeded"', "'existing'; did you mean embedded?"),
    "a target that does not exist": (
        'target = "fastmpc"',
        "target is wrong: unknown target 'fastmpc'; did you mean fastmcp?",
    ),
    "a NUL character": ('[run]\nout = "a\\u0000"', "run.out holds a NUL character; remove it"),
    "an argument that every call needs": ('[compare]\nbefore = "a"', "compare.before is an unknown key"),
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in an empty folder; return status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def main(*arguments: str) -> SimpleNamespace:
        status = cli.main(list(arguments))
        output = capsys.readouterr()
        return SimpleNamespace(status=status, out=output.out, err=output.err)

    return main


def write(text: str, name: str = "gatebench.toml") -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


def refused(result: SimpleNamespace) -> str:
    assert (result.status, result.out) == (2, ""), result
    assert result.err.startswith("gatebench: ")
    assert result.err.count("\n") == 1
    return str(result.err)


def test_invalid_key_or_value_is_reported_in_one_sentence_with_file_and_key(run: Run) -> None:
    """Every command reports an invalid key, also one of another command."""
    for name, (text, sentence) in MISTAKES.items():
        write(text)
        for arguments in (["list"], ["config"]):
            refusal = refused(run(*arguments))
            assert refusal.startswith("gatebench: gatebench.toml: "), name
            assert sentence in refusal, name


def test_error_in_pyproject_names_the_full_key(run: Run) -> None:
    write("[tool.gatebench.run]\nworker = 2", "pyproject.toml")
    assert "pyproject.toml: tool.gatebench.run.worker is an unknown key" in refused(run("list"))
    write("tool.gatebench = 2", "pyproject.toml")
    assert "pyproject.toml: tool.gatebench is an integer; write a table" in refused(run("list"))


@pytest.mark.parametrize("name", ["gatebench.toml", "pyproject.toml"])
def test_unreadable_file_is_refused(run: Run, name: str) -> None:
    write("gatebench = ", name)
    assert f"the configuration {name} is not valid TOML: " in refused(run("list"))
    assert run("list", "--no-config", "-q").status == 0
    assert run("list", "--help").status == 0
    Path(name).unlink()
    Path(name).mkdir()
    assert f"cannot read {'the configuration ' if name == 'gatebench.toml' else ''}{name}: " in refused(run("list"))


def test_pyproject_without_gatebench_table_is_not_parsed(run: Run) -> None:
    write("[tool.black\n", "pyproject.toml")
    assert run("list", "-q").status == 0


def test_two_files_are_refused(run: Run) -> None:
    write('[list]\ngroup = "sessions"')
    write('[tool.gatebench.list]\ngroup = "claims"', "pyproject.toml")
    assert "gatebench.toml and [tool.gatebench] of pyproject.toml both exist; keep one" in refused(run("list"))
    assert run("list", "-q", "--config", "pyproject.toml").out == "CLM-001\n"
    assert run("--config", "gatebench.toml", "list", "-q").out.startswith("SES-001\n")
    write("[tool.black]", "pyproject.toml")
    assert run("list", "-q").out.startswith("SES-001\n")


def test_invalid_config_option_is_refused(run: Run) -> None:
    assert "cannot read the configuration no.toml: " in refused(run("list", "--config", "no.toml"))
    write("[tool.black]", "pyproject.toml")
    assert "pyproject.toml has no [tool.gatebench]" in refused(run("list", "--config", "pyproject.toml"))
    both = run("list", "--config", "a.toml", "--no-config")
    assert "--config and --no-config exclude each other" in refused(both)


def test_descriptor_named_like_the_configuration_is_refused(run: Run) -> None:
    write('[gateway]\nname = "acme"\n[claims]\nprofiles = ["core"]')
    assert "gatebench.toml is the descriptor of a gateway" in refused(run("run"))


def test_command_line_takes_precedence_over_the_file(run: Run) -> None:
    write('[list]\ngroup = "sessions"\nquiet = true')
    assert run("list").out.startswith("SES-001\n")
    assert run("list", "--group", "claims").out == "CLM-001\n"
    assert run("list", "--no-config", "-q").out.startswith("ACC-001\n")


def test_command_prints_the_file_that_it_uses(run: Run) -> None:
    write('[list]\ngroup = "claims"')
    assert run("list").err == "gatebench: gatebench.toml sets group\n"
    assert run("list", "-v").err == 'gatebench: gatebench.toml sets group = "claims"\n'
    assert run("list", "-q").err == ""
    assert run("list", "--group", "sessions").err == ""
    assert run("faults", "-v").err == "gatebench: gatebench.toml sets nothing for this command\n"
    assert run("list", "-v", "--no-config").err == "gatebench: no configuration file is used\n"


def test_quiet_and_verbose(run: Run) -> None:
    assert "-q and -v exclude each other" in refused(run("list", "-q", "-v"))
    write("[list]\nquiet = true")
    assert "MUST" in run("list", "-v").out


def test_paths_are_relative_to_the_file(run: Run) -> None:
    write('target = "a/acme.toml"\n[run]\nexpectations = "known.toml"\nkeyword = "ACC-003"', "ci/gatebench.toml")
    result = run("run", "--config", "ci/gatebench.toml", "-v")
    said, sentence = result.err.splitlines()
    assert result.status == 2
    assert '"ci/a/acme.toml", keyword = "ACC-003", expectations = "ci/known.toml"' in said
    assert "there is no descriptor at 'ci/a/acme.toml'" in sentence
    assert sentence.endswith("(ci/gatebench.toml sets target)")


def test_shipped_targets_and_urls_are_not_resolved_as_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for target in ("fastmcp", "faulty:access-not-checked", "https://gw.example.com/mcp"):
        write(f'target = "{target}"', "ci/gatebench.toml")
        configured = configuration.find(Path("ci/gatebench.toml"))
        assert configured
        assert configured.defaults(conformance_run, ("run",)) == {"target": target}


def test_top_level_target_applies_to_all_commands(run: Run) -> None:
    write('target = "no/such.toml"\n[load.run]\ntarget = "no/other.toml"')
    for command, named in (("run", "such"), ("official", "such"), ("load run", "other"), ("load overhead", "such")):
        assert f"there is no descriptor at 'no/{named}.toml'" in run(*command.split()).err, command
    write('target = "no/such.toml"')
    assert run("list", "-q").err == ""


def test_error_in_a_value_of_the_file_names_the_file(run: Run) -> None:
    write('[run]\ntoken-env = "GW"\nquiet = true')
    assert run("run", "reference").err.endswith("a descriptor has [tokens] (gatebench.toml sets token-env)\n")


def test_credentials_are_not_shown(run: Run) -> None:
    address = "https://someone:secret1@gw.example.com/mcp?key=secret2"
    write(f'target = "{address}"\n[load.run]\nheader = ["X-Key: secret3"]\ntool = "add"\ntoken-env = "NO_SUCH"')
    for result in (run("config"), run("config", "--json"), run("load", "run", "-v")):
        assert "X-Key: ..." in result.out + result.err
        assert "https://...@gw.example.com/mcp?..." in result.out + result.err
        assert "secret" not in result.out + result.err


def test_config_shows_the_set_values(run: Run) -> None:
    assert run("config").out == "no configuration file\n"
    write('target = "reference"\n[load.run]\nexpect = ["/a=1"]')
    assert run("config").out == 'gatebench.toml is valid\n  target = "reference"\n  load.run.expect = ["/a=1"]\n'
    printed = json.loads(run("config", "load.run", "--json").out)
    assert printed == {"file": "gatebench.toml", "values": [{"key": "load.run.expect", "value": ["/a=1"]}]}
    assert "unknown section 'laod.run'; did you mean load.run?" in refused(run("config", "laod.run"))


def test_each_listed_key_can_be_set(run: Run) -> None:
    """For every command, a value of the listed type is accepted, and one of another type is refused."""
    values = {"true or false": "true", "a string": '"x"', "an integer": "2", "a number": "1.5"}
    values["an array with strings"] = '["x"]'
    rows = json.loads(run("config", "--keys", "--json").out)
    assert {"run", "load.run", "load.gate", "official", "init"} <= {row["section"] for row in rows}
    for row in rows:
        value = {"world": '"embedded"', "shell": '"bash"'}.get(row["key"], values[row["value"]])
        write(f"[{row['section']}]\n{row['key']} = {value}")
        found = configuration.find()
        assert found
        configuration.check(found, cli.gatebench)
        write(f"[{row['section']}]\n{row['key']} = 1979-05-27")
        assert f"{row['section']}.{row['key']} is a date or a time; write {row['value']}" in refused(run("config"))


def test_every_command_has_the_same_options() -> None:
    def leaves(group: click.Group) -> list[click.Command]:
        assert isinstance(group, LazyGroup)
        loaded = [group.load(name) for name in group.commands]
        return [leaf for one in loaded for leaf in (leaves(one) if isinstance(one, click.Group) else [one])]

    for command in leaves(cli.gatebench):
        if command.name == "completion":  # its output is read by a shell at each start
            continue
        assert isinstance(command, BenchCommand), command.name
        given = [name for option in command.params for name in option.opts]
        for name in ("-q", "--quiet", "-v", "--verbose", "--config", "--no-config"):
            assert given.count(name) == 1, (command.name, name)


def test_configuration_files_of_the_documentation_are_valid(run: Run) -> None:
    page = "docs/how-to/configuration.md"
    shown = [block.text for block in blocks(ROOT / page, page) if block.language == "toml"]
    assert shown
    for text in shown:
        write(text.replace("tool.gatebench.", ""))
        assert run("config", "-q").err == ""
