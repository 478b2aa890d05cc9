"""Full evaluation of null gateways: exactly which requirements each passes, and why that is no defect of a check.

Part of `make trial`. They run without smoke test (which stops all of them that reach no upstream:
test_null_gateways.py), in one revision. A null gateway may pass what a gateway can fulfil without doing its job: no
requirement here is about a refusal, about whose credentials are used, or about consent, unless a reason explains why
this gateway is right.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gatebench.conformance.selftest.kill_matrix.runs.share import rotating
from gatebench.fixtures.processes import child, leftovers
from gatebench.fixtures.world import definition

pytestmark = pytest.mark.slow

SCENARIOS = Path(__file__).parents[2] / "scenarios"
ONE_REVISION = "not 2025-06-18 and not 2026-07-28"
# A sample of the kinds of wrong tokens and of failures is enough.
SAMPLE = (
    "not (bad_jwt and (crm or tampered or unsigned or hmac or alg-none or no-audience or no-expiry))"
    " and not (_fails and (401 or 403 or 404 or 503 or web-page or broken-json))"
)

INDEPENDENT_OF_THE_GATEWAY = {
    "AGT-002": "the guide's agent itself refuses an unregistered server, whatever the gateway",
    "TRB-021": "it goes on, whatever is sent",
}
# Header fields of its responses, whatever is in them.
HEADERS = {
    "HTP-002": "each field is in its responses once",
    "HTP-004": "it answers no 405",
    "HTP-006": "it allows no web page to use the credentials of a browser",
}
# A relay that forwards requests unchanged, without any credentials.
RELAYED = {
    **HEADERS,
    **dict.fromkeys(("HTP-001", "HTP-003", "HTP-005"), "it hands on only the headers that it knows, each of them once"),
    "HTP-008": "it sends each request to the address of the upstream, which its HTTP client names",
    **dict.fromkeys(("HTP-010", "HTP-011", "HTP-012"), "statuses, media types and bodies are the upstream's"),
    **dict.fromkeys(("CHG-052", "CHG-056"), "sessions are the upstream's, which knows no switch and no removal"),
    **dict.fromkeys(("HTP-007", "SNM-001", "SNM-002"), "streams are the upstream's"),
    **dict.fromkeys(("JSM-001", "JSM-002", "JSM-003", "JSM-004", "JSM-005"), "and so are messages"),
    **dict.fromkeys(
        ("SNM-003", "SNM-004", "SNM-005", "SNM-006"), "handshakes and the headers of sessions are the client's"
    ),
    "SRQ-040": "an announcement is on the stream on which the upstream sends it",
    "TRC-009": "baggage passes as it came",
    "CRED-003": "it injects the configured header, for every caller",
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
    "FID-004": "and cancellations; where a call of it reaches no server, there is none to arrive",
    "FID-006": "cancellations reach the server of the client's session",
    "CHG-050": "every caller is admitted, before and after a change (that withdrawn access is denied is CHG-049)",
    "OVR-005": "it knows no override header, and drops it",
    "TRB-011": "it sends each request once",
    "TRB-016": "it knows only the names of real servers",
    "REF-010": "it forwards every tool name to the server that was addressed",
    **dict.fromkeys(
        ("REF-016", "REF-017", "REF-018", "REF-019"), "what it refuses, as unknown methods, it refuses without details"
    ),
    "TRB-019": "it relays the upstream's streams of notifications",
    "BRW-002": "its responses name no address, its own neither",
    "BRW-003": "whatever the Host",
    "GPA-004": "it drops an override, whatever is in it",
    "GPA-006": "so no request gets that of another",
    "ASM-027": "it asks no authorization server for anything, and tries nothing again",
    "ASM-028": "so none gets the credentials of another",
    "ASM-029": "or a request for another resource",
    "BRW-006": "it answers no preflight",
    **dict.fromkeys(
        ("TWO-019", "TRB-022", "TRB-023", "TRB-024", "TRB-025"),
        "each request has a connection of its own, and waits for no other",
    ),
    "CLI-006": "batches are refused by the upstream",
    "CLI-015": "it compresses nothing",
    "CLI-021": "it knows only the methods of MCP",
    "CLI-027": "the upstream does not ask for the header",
    "SES-015": "the session ids are the upstream's, without names",
    "SES-023": "it closes the upstream's stream with the client's",
    **dict.fromkeys(("UPS-005", "UPS-041"), "it reads what HTTP allows"),
    "UPS-010": "the client's Accept-Encoding is the upstream's",
    "UPS-013": "it hands on only the headers that it knows",
    "UPS-039": "what upstreams say about their origin included",
    **dict.fromkeys(("UPS-018", "UPS-042"), "it follows redirects itself"),
    "UPS-020": "up to a limit",
    "UPS-022": "each request has a connection of its own",
    "UPS-033": "a refused notification is no matter to it",
    "UPS-046": "nor is an error: it sends each request once",
    **dict.fromkeys(("TOK-008", "TOK-044"), "it reads no token, so that none confuses it"),
    "TOK-010": "it fetches no keys",
    **dict.fromkeys(
        (
            *("TOK-002", "TOK-007", "TOK-013", "TOK-014", "TOK-023", "TOK-024", "TOK-026", "TOK-029"),
            *("TOK-033", "TOK-034", "TOK-037", "TOK-039", "TOK-040", "TOK-058"),
        ),
        "every caller is admitted (that others are refused is judged beside it)",
    ),
    **dict.fromkeys(
        (
            *("VAL-013", "VAL-014", "VAL-015", "VAL-016", "VAL-017", "VAL-018", "VAL-020", "VAL-025", "VAL-026"),
            *("VAL-027", "VAL-029", "VAL-040", "VAL-043", "VAL-044", "VAL-045", "VAL-047", "VAL-049", "VAL-051"),
            *("VAL-056", "VAL-058"),
        ),
        "bodies pass byte for byte",
    ),
    **dict.fromkeys(
        (
            *(
                "MCF-008",
                "MCF-009",
                "MCF-010",
                "MCF-011",
                "MCF-012",
                "MCF-014",
                "MCF-015",
                "MCF-016",
                "MCF-017",
                "MCF-018",
            ),
            "MCF-043",
            *("MCF-025", "MCF-026", "MCF-028", "MCF-031", "MCF-042", "MCF-048", "MCF-051", "MCF-052"),
            *("MCF-053", "MCF-054"),
        ),
        "what is beside tools passes as well, of single servers; it has no virtual ones",
    ),
    **dict.fromkeys(
        (
            *("SRQ-001", "SRQ-002", "SRQ-003", "SRQ-004", "SRQ-006", "SRQ-007", "SRQ-011", "SRQ-020", "SRQ-021"),
            *("SRQ-022", "SRQ-023", "SRQ-024", "SRQ-025", "SRQ-027", "SRQ-030", "SRQ-031", "SRQ-032", "SRQ-035"),
            "SRQ-041",
        ),
        "streams and what clients post pass byte for byte, as they come",
    ),
}
# The session of the first client announces nothing, and its server is not to be asked by others; a batch ends it.
# Requests of other clients are in it, with their own revisions and without a handshake of their own.
# The upstream gives that session one stream.
NOT_IN_ONE_SESSION = {
    "CLI-006",
    "HTP-011",
    "SNM-003",
    "SNM-004",
    "SNM-006",
    "SRQ-001",
    "SRQ-002",
    "SRQ-004",
    "SRQ-007",
    "SRQ-027",
}
PASSES = {
    "deny-all": INDEPENDENT_OF_THE_GATEWAY
    | HEADERS
    | {
        "HTP-007": "it opens no stream",
        "AUTH-009": "its 401 carries a challenge; whether it should be a 401 is judged elsewhere, beside a control",
        "AUTH-015": "each of them, whatever the request",
        "HTP-012": "its JSON is JSON",
        "AUTH-012": "which names no error, whether there was a token or not (AUTH-013)",
    },
    "black-hole": INDEPENDENT_OF_THE_GATEWAY,
    "echo": INDEPENDENT_OF_THE_GATEWAY | HEADERS | {"HTP-001": "it has no Cache-Control"},
    "canned-answer": INDEPENDENT_OF_THE_GATEWAY
    | HEADERS
    | {
        "HTP-001": "it has no Cache-Control",
        **dict.fromkeys(("HTP-010", "HTP-012"), "its responses are JSON, and say so"),
        "JSM-002": "its results have no optional members",
        "SNM-005": "it agrees on every revision",
        "ACC-004": "a caller who may use a server is admitted (that the call reached nothing is END-001)",
        "AUTH-007": "so is a caller with a JWT",
        "END-002": "its answer is well-formed, and bears the id that it was asked with",
        "END-003": "it accepts notifications as it should",
        "VAL-052": "its list has one page",
        "SES-004": "its only session id is visible ASCII",
        "TRB-013": "it lists tools whatever fails (that they are the wrong ones is TRB-012)",
        "BRW-002": "its responses name no address, its own neither",
        "BRW-003": "whatever the Host",
        "BRW-004": "it has no headers for other origins",
        "BRW-006": "nor for their preflights",
        "TWO-012": "its answer has no user's data (that the call reached nothing is TWO-013)",
        "TWO-014": "nor has its list",
        "ASM-030": "it sends no token request, whatever the authorization server answers",
        "MCF-022": "it answers every request with a result",
        **dict.fromkeys(("MCF-025", "MCF-026"), "and has nothing beside tools"),
        "MCF-033": "it sends no notifications",
        **dict.fromkeys(("MCF-038", "MCF-039"), "its answer has no user's data"),
        "SRQ-026": "it answers every call, also one that another client cancels (that the call reached no upstream is END-001)",
    },
    "allow-all": INDEPENDENT_OF_THE_GATEWAY
    | RELAYED
    | {
        "END-006": "each request has a connection of its own, and so does its answer",
        **dict.fromkeys(
            ("SRQ-010", "SRQ-012", "SRQ-026", "SRQ-033"), "each client has a session of its own at the upstream"
        ),
        "SES-006": "the session is the upstream's, which says that there never was one",
        "SES-022": "and it ends it",
        "CLI-009": "what the upstream refuses, it refuses with the same status",
        "CHG-003": "session ids are the upstream's, which are unique",
    },
    "stuck-session": {
        name: why for name, why in (INDEPENDENT_OF_THE_GATEWAY | RELAYED).items() if name not in NOT_IN_ONE_SESSION
    }
    | {
        "SES-009": "all callers are in one session, which goes on",
        "SRQ-012": "and announce the capabilities of the one who opened it",
    },
}
# What depends on which caller was first in the one session, and on whether a batch came before.
EITHER = {"stuck-session": {"SRQ-026", "SRQ-033", "CLI-006"}}
SILENT = {"black-hole": "(whole_life or no_access or guide_client) and calculator"}  # a second for each scenario
# Maximum seconds of a gateway that never responds (`gatebench.fixtures.protocol.limits`), with a margin for a busy
# machine.
FOR_EACH_ENDPOINT, FOR_EACH_SCENARIO = 60.0, 3.0
LONGEST = 850.0  # seconds of a run, on a machine that does other work too
STOP = 20.0  # seconds in which an interrupted run stops its gateway and its mocks


def verdicts(kind: str, folder: Path) -> list[dict[str, Any]]:
    """Return the verdict lines of a run on a null gateway."""
    selection = f"{ONE_REVISION} and {SAMPLE} and ({SILENT.get(kind, 'test')})"
    command = [sys.executable, "-m", "pytest", str(SCENARIOS), "-q", "-p", "no:cacheprovider", "--no-smoke"]
    options = ["--plays-of-failures=1", "--budget=0", f"--target=null:{kind}", "-k", selection, f"--out={folder}"]
    process = child.start(
        [*command, *options],
        mark=leftovers.ProcessMark.new(),
        grace=STOP,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(LONGEST)
    finally:
        child.stop(process, 2 * STOP)
    return [json.loads(line) for line in (folder / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("kind", rotating(PASSES, 1))
def test_null_gateway_passes_exactly_the_listed_requirements(kind: str, tmp_path: Path) -> None:
    header, *judgements, footer = verdicts(kind, tmp_path)
    selected = set(header["selected"])
    passed = {name for name, outcome in footer["outcomes"].items() if outcome == "pass"}
    assert passed - EITHER.get(kind, set()) == set(PASSES[kind]) & selected
    assert footer["stopped"] is None
    assert len(judgements) >= header["expected"]
    harness_errors = [judgement for judgement in judgements if judgement["outcome"] == "harness-error"]
    assert not harness_errors
    endpoints = len(definition.EVERYTHING) + 1  # and the guide's client
    scenarios = len({judgement["scenario"] for judgement in judgements})
    assert footer["seconds"] < endpoints * FOR_EACH_ENDPOINT + scenarios * FOR_EACH_SCENARIO
