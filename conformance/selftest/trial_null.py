"""Gateways that decide nothing, judged in earnest: exactly what each of them passes, and why that is no mistake of ours.

Part of `make trial`. They are judged without smoke (which stops all of them that reach no upstream: test_null_gateways.py), in
one revision. What a null gateway passes is what a gateway may pass without doing its job: nothing here is about a refusal,
about whose credentials are used, or about consent, unless a reason says why this gateway is right.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixtures import standard

SCENARIOS = Path(__file__).parent.parent / "scenarios"
ONE_REVISION = "not 2025-06-18 and not 2026-07-28"

OURS = {"AGT-002": "the guide's agent itself refuses a server that nobody registered, whatever the gateway"}
# A relay that hands requests on as they are, and nobody's credentials.
RELAYED = {
    "CRED-002": "it sends no credential to servers without authentication",
    "CRED-003": "it injects the configured header, for everybody",
    "CRED-004": "and nothing beside it",
    "CRED-009": "it passes on only the headers that it knows",
    "CRED-014": "it passes no token on, passthrough included",
    "END-001": "what it relays arrives where it should",
    "END-002": "and is answered as the upstream answers",
    "END-003": "as notifications are",
    "END-005": "values pass unchanged",
    "FID-001": "it leaves requests as they are",
    "FID-002": "it hands an answer on piece by piece",
    "FID-003": "progress tokens and all",
    "FID-005": "and lists of tools as they are",
    "OVR-005": "it knows no override header, and drops it",
    "TRB-011": "it sends each request once",
    "TRB-016": "it knows only the names of real servers",
    "TRB-019": "it relays the upstream's streams of notifications",
}
PASSES = {
    "deny-all": OURS
    | {"AUTH-009": "its 401 carries a challenge; whether it should be a 401 is judged elsewhere, beside a control"},
    "black-hole": OURS,
    "echo": OURS,
    "canned-answer": OURS
    | {
        "ACC-004": "whoever may use a server is let in (that the call reached nothing is END-001)",
        "AUTH-007": "so is who comes with a JWT",
        "END-002": "its answer is well-formed, and bears the id that it was asked with",
        "END-003": "it accepts notifications as it should",
        "TRB-013": "it lists tools whatever fails (that they are the wrong ones is TRB-012)",
    },
    "allow-all": OURS
    | RELAYED
    | {
        "END-006": "each request has a connection of its own, and so does its answer",
        "SES-002": "the session is the upstream's, which says that it has ended",
    },
    "stuck-session": OURS | RELAYED,
}
SILENT = {"black-hole": "calculator or workbench or sessions"}  # a selection, because it costs a second a scenario
# Seconds that a gateway may cost which never answers (`fixtures.clients.limits`), with room for a busy machine.
FOR_EACH_ENDPOINT, FOR_EACH_SCENARIO = 60.0, 3.0


def verdicts(kind: str, folder: Path) -> list[dict[str, Any]]:
    """The lines that a run on a null gateway leaves behind."""
    selection = f"{ONE_REVISION} and ({SILENT.get(kind, 'test')})"
    command = [sys.executable, "-m", "pytest", str(SCENARIOS), "-q", "-p", "no:cacheprovider", "--no-smoke"]
    options = ["--plays-of-failures", "1", "--target", f"null:{kind}", "-k", selection, "--out", str(folder)]
    subprocess.run([*command, *options], check=False, capture_output=True, timeout=500)  # noqa: S603 - our own command
    return [json.loads(line) for line in (folder / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("kind", list(PASSES))
def test_what_a_null_gateway_passes(kind: str, tmp_path: Path) -> None:
    header, *judgements, footer = verdicts(kind, tmp_path)
    selected = set(header["selected"])
    passed = {name for name, outcome in footer["outcomes"].items() if outcome == "pass"}
    assert passed == set(PASSES[kind]) & selected
    assert footer["stopped"] is None
    assert len(judgements) >= header["expected"]
    harness_errors = [judgement for judgement in judgements if judgement["outcome"] == "harness-error"]
    assert not harness_errors
    endpoints = len(standard.EVERYTHING) + 1  # and the guide's client
    scenarios = len({judgement["scenario"] for judgement in judgements})
    assert footer["seconds"] < endpoints * FOR_EACH_ENDPOINT + scenarios * FOR_EACH_SCENARIO
