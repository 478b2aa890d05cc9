"""`gatebench run --upstream FILE`: a gateway is judged in front of a user's own server."""

import json
from pathlib import Path

import pytest

from gatebench.conformance.requirements.registry import loaded
from gatebench.conformance.selftest.support.processes.command import gatebench
from tests.support.targets import ROOT

SERVER = ROOT / "tests" / "support" / "own_server.py"
KEY = "the-key-of-the-docs"
CALLS = """
[[upstream.call]]
tool = "add"
arguments = { a = 0.1234567891, of = "sums" }

[[upstream.call]]
tool = "fail"
"""
OPEN = f'[upstream]\ncommand = ["{{python}}", "{SERVER}", "{{port}}"]\nenvironment = {{ OWN_UNKNOWN = "UNKNOWN" }}\n{CALLS}'
STATIC = (
    OPEN.replace('"{port}"]', f'"{{port}}", "{KEY}"]').replace(CALLS, "")
    + f'[upstream.auth]\nheader = "X-Docs-Key"\nvalue = "{{secret}}"\nsecret_env = "DOCS_KEY"\n{CALLS}'
)
OWN = [requirement.id for requirement in loaded().all() if requirement.group == "own_upstream"]


def play(folder: Path, text: str, target: str, *options: str) -> tuple[int, str]:
    (folder / "own.toml").write_text(text, encoding="utf-8")
    arguments = ("run", target, "--upstream", "own.toml", "--out", "evidence", *options)
    done = gatebench(folder, *arguments, DOCS_KEY=KEY)
    return done.returncode, done.stdout + done.stderr


def outcomes(folder: Path) -> dict[str, str]:
    report = json.loads((folder / "evidence" / "report.json").read_text(encoding="utf-8"))
    return {one["id"]: one["outcome"] for one in report["requirements"] if one["group"] == "own_upstream"}


@pytest.mark.parametrize("text", [OPEN, STATIC], ids=["without a credential", "with one"])
def test_reference_passes_in_front_of_an_own_server(text: str, tmp_path: Path) -> None:
    status, output = play(tmp_path, text, "reference", "-m", "own_upstream", "-n", "2")
    assert (status, outcomes(tmp_path)) == (0, dict.fromkeys(OWN, "pass")), output
    for path in (tmp_path / "evidence").iterdir():
        assert KEY not in path.read_text(encoding="utf-8", errors="replace"), path


# Each with the requirements that it breaks. Faults that do not hide each other are played at once.
FAULTS = {
    "session-id-required": (OPEN, "OWN-001"),
    "completion-not-announced+logging-always-announced+instructions-dropped": (OPEN, "OWN-002 OWN-003 OWN-004"),
    "long-names-dropped+descriptions-shortened+icons-of-tools-dropped": (OPEN, "OWN-005 OWN-006 OWN-007"),
    "resources-without-type-dropped+parameters-of-media-types-dropped": (OPEN, "OWN-008 OWN-009"),
    "calls-hedged+fractions-of-arguments-shortened": (OPEN, "OWN-010 OWN-011"),
    "tool-errors-reduced+data-of-errors-dropped+access-not-checked": (OPEN, "OWN-012 OWN-013 OWN-017"),
    "error-flag-lost+gateway-token-passed-on": (OPEN.replace('UNKNOWN"', 'tool"'), "OWN-014 OWN-015 OWN-016"),
    "static-key-on-lists-only": (STATIC, "OWN-016"),
}


def test_every_requirement_has_a_fault() -> None:
    assert {name for _, names in FAULTS.values() for name in names.split()} == {*OWN}


@pytest.mark.parametrize("faults", FAULTS)
def test_fault_is_caught(faults: str, tmp_path: Path) -> None:
    text, names = FAULTS[faults]
    status, output = play(tmp_path, text, f"faulty:{faults}", "-k", "own_upstream and 2025-11-25 and OWN")
    found = outcomes(tmp_path)
    assert {name: found[name] for name in names.split() if found[name] not in ("fail", "warn")} == {}, output
    assert status == (0 if set(found.values()) <= {"pass", "warn"} else 1), output


def test_run_without_an_own_server_does_not_play_its_requirements(tmp_path: Path) -> None:
    done = gatebench(tmp_path, "run", "-k", "OWN-001 or VAR-001", "--out", "evidence")
    assert done.returncode == 2, done.stdout + done.stderr


def test_section_of_a_descriptor_is_the_same(tmp_path: Path) -> None:
    descriptor = (ROOT / "fixtures" / "gateways" / "doubles" / "reference.toml").read_text(encoding="utf-8")
    (tmp_path / "gateway.toml").write_text(f"{descriptor}\n{OPEN}", encoding="utf-8")
    done = gatebench(tmp_path, "run", "gateway.toml", "-k", "OWN-005 and 2025-11-25", "--out", "evidence")
    assert (done.returncode, outcomes(tmp_path)["OWN-005"]) == (0, "pass"), done.stdout + done.stderr


WRONG = {
    "an unknown key": (
        OPEN.replace("command", "comand"),
        "reference",
        "own.toml: upstream.comand is an unknown key; did you mean command?",
    ),
    "a server that ends": (
        OPEN.replace(str(SERVER), "/no/such/server.py"),
        "reference",
        "own.toml: upstream.command: the server ended with status 2 before it answered; correct the command",
    ),
    "a tool that it does not list": (
        OPEN.replace('"add"', '"ad"'),
        "reference",
        "own.toml: upstream.call: the server lists no tool 'ad'; available: a_tool_with",
    ),
    "a server that dies": (
        OPEN.replace("OWN_UNKNOWN", "OWN_DIES"),
        "reference",
        "own.toml: upstream.command: the server ended with status 3 during the run; see why",
    ),
    "an unset secret": (
        STATIC.replace("DOCS_KEY", "DOCS_KEY_THAT_IS_NOT_SET"),
        "reference",
        "own.toml: upstream.auth.secret_env DOCS_KEY_THAT_IS_NOT_SET: this environment variable is not set or empty",
    ),
}


@pytest.mark.parametrize(("text", "target", "sentence"), WRONG.values(), ids=WRONG)
def test_bad_input_is_one_sentence(text: str, target: str, sentence: str, tmp_path: Path) -> None:
    status, output = play(tmp_path, text, target, "-m", "own_upstream")
    assert status == 2, output
    assert sentence in output
    assert "Traceback" not in output
