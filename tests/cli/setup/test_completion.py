"""`gatebench completion`: the scripts, and the completions that a shell gets."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gatebench.conformance.selftest.support.processes.command import gatebench

ROOT = Path(__file__).parents[3]


def completions(folder: Path, line: str) -> list[str]:
    """Return the completions of the last word of a line, as `type,value`."""
    words = line.split(" ")
    asked = {"_GATEBENCH_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    result = gatebench(folder, **asked)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_of_each_shell(tmp_path: Path, shell: str) -> None:
    result = gatebench(tmp_path, "completion", shell)
    assert (result.returncode, result.stderr) == (0, "")
    assert "_GATEBENCH_COMPLETE" in result.stdout


def test_unsupported_shell_is_refused(tmp_path: Path) -> None:
    result = gatebench(tmp_path, "completion", "csh")
    assert (result.returncode, result.stdout) == (2, "")
    assert "'csh' is not one of 'bash', 'zsh', 'fish'" in result.stderr


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gatebench ex", ["plain,explain"]),
        ("gatebench load o", ["plain,overhead"]),
        ("gatebench run refer", ["plain,reference", "plain,reference-container"]),
        ("gatebench run --exp", ["plain,--expectations"]),
        ("gatebench run --world l", ["plain,lean"]),
        ("gatebench run ac", ["plain,acme.toml"]),
        ("gatebench run folder/ac", ["file,folder/ac"]),
        ("gatebench load gate reference acme", ["plain,acme.toml"]),
        ("gatebench explain CRED-001", ["plain,CRED-001"]),
        ("gatebench explain cred-001", ["plain,CRED-001"]),
        ("gatebench report ou", ["file,ou"]),
    ],
)
def test_completion(tmp_path: Path, line: str, expected: list[str]) -> None:
    (tmp_path / "acme.toml").write_text("")
    assert [name for name in completions(tmp_path, line) if name] == expected


def test_completion_of_commands_imports_no_command() -> None:
    code = (
        "import os, sys\n"
        "os.environ |= {'_GATEBENCH_COMPLETE': 'bash_complete', 'COMP_WORDS': 'gatebench ', 'COMP_CWORD': '1'}\n"
        "from gatebench.cli import main\n"
        "main([])\n"
        "print([m for m in sys.modules if m.startswith('gatebench.commands.') and m.count('.') > 2], file=sys.stderr)\n"
    )
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert "plain,run" in done.stdout
    assert done.stderr == "['gatebench.commands.setup.completion']\n"


def test_bash_loads_the_script_and_completes(tmp_path: Path) -> None:
    (tmp_path / "gatebench").write_text(f'#!/bin/sh\nexec {sys.executable} -m gatebench "$@"\n')
    (tmp_path / "gatebench").chmod(0o755)
    bash = shutil.which("bash")
    assert bash
    script = (
        'eval "$(gatebench completion bash)"; COMP_WORDS=(gatebench load o); COMP_CWORD=2; _gatebench_completion gatebench; '
        'echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [bash, "--norc", "-c", script],
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("overhead\n", "")
