"""Null gateways: those that reach no upstream are not evaluated (the outcomes of the others: `test_null_gateway_outcomes`)."""

import json
import time
from pathlib import Path

import pytest

from gatebench.conformance.selftest.support.processes.command import Ended, gatebench

REACHING = {"allow-all", "stuck-session"}
SMOKE_ERRORS = {
    "deny-all": "answered 401 (application/json): the gateway does not accept the token that world.json gives",
    "black-hole": "got no response (ReadTimeout); is the gateway running?",
    "canned-answer": "responded, but the call did not reach the mock server calculator at",
    "echo": "answered 200 (application/json): a JSON-RPC result was expected; the body begins: {",
}
MAX_LENGTH = 60.0  # seconds; a response gets ten, the rest is starting the world on a busy machine


def run(kind: str, folder: Path) -> Ended:
    """Run `gatebench run` on a null gateway, for one requirement that all of them break."""
    selection = "AUTH-001 and 2025-11-25 and calculator"
    return gatebench(folder, "run", f"null:{kind}", "-k", selection, "--quiet", "--out", "out")


@pytest.mark.parametrize("kind", list(SMOKE_ERRORS))
def test_gateway_that_reaches_no_upstream_is_not_judged(kind: str, tmp_path: Path) -> None:
    """No smoke test, no verdicts: one sentence, exit status 2, in bounded time."""
    started = time.monotonic()
    result = run(kind, tmp_path)
    assert result.returncode == 2, result
    assert result.stderr.startswith("gatebench: smoke failed: ")
    assert SMOKE_ERRORS[kind] in result.stderr
    assert result.stderr.count("\n") == 1
    assert time.monotonic() - started < MAX_LENGTH
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    unjudged = {"not-observed", "not-selected", "not-played", "not-applicable", "excluded"}
    assert {name for name, count in report["totals"].items() if count} <= unjudged


@pytest.mark.parametrize("kind", sorted(REACHING))
def test_gateway_that_reaches_the_upstream_is_judged(kind: str, tmp_path: Path) -> None:
    result = run(kind, tmp_path)
    assert result.returncode == 1, result
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["totals"]["fail"] == 1
