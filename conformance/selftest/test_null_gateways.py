"""Gateways that decide nothing: none of them is judged that reaches no upstream. What they pass is in trial_null.py."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

REACHING = {"allow-all", "stuck-session"}
SAID = {
    "deny-all": "answered 401 (application/json): the gateway does not accept the token that the setup sheet gives",
    "black-hole": "got no answer (ReadTimeout); is the gateway there?",
    "canned-answer": "answered, but the call never reached our calculator server at",
    "echo": "answered 200 (application/json): a JSON-RPC result was expected; the body begins: {",
}
LONGEST = 60.0  # seconds; an answer gets ten, the rest is standing up the world on a busy machine


def run(kind: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`gatebench run` on a null gateway, for one requirement that all of them break."""
    selection = "AUTH-001 and 2025-11-25 and calculator"
    command = [sys.executable, "-m", "gatebench", "run", f"null:{kind}", "-k", selection, "--quiet"]
    return subprocess.run(  # noqa: S603 - our own command
        [*command, "--out", str(folder / "out")],
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("kind", list(SAID))
def test_what_reaches_no_upstream_is_not_judged_at_all(kind: str, tmp_path: Path) -> None:
    """No smoke, no verdicts: one sentence, exit status 2, in bounded time."""
    started = time.monotonic()
    result = run(kind, tmp_path)
    assert result.returncode == 2, result
    assert result.stderr.startswith("gatebench: smoke failed: ")
    assert SAID[kind] in result.stderr
    assert result.stderr.count("\n") == 1
    assert time.monotonic() - started < LONGEST
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert {name for name, count in report["totals"].items() if count} <= {"not-observed", "excluded"}


@pytest.mark.parametrize("kind", sorted(REACHING))
def test_what_reaches_the_upstream_is_judged(kind: str, tmp_path: Path) -> None:
    result = run(kind, tmp_path)
    assert result.returncode == 1, result
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["totals"]["fail"] == 1
