"""Hostile gateways. Part of `make trial`.

A run with a gateway whose web-search is hostile ends in bounded time and memory, reports the failures of web-search and none
of calculator, and writes a complete report.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gatebench.conformance.selftest.kill_matrix.runs.share import rotating
from gatebench.conformance.selftest.support.processes.subprocess_run import ProcessUsage, descriptor, run
from gatebench.fixtures.gateways.doubles.hostile.hostile_responses import KINDS, READINESS
from gatebench.fixtures.protocol import limits
from gatebench.reports.conformance import schema

pytestmark = pytest.mark.slow

# One life of alice at each of the two servers, and the guide's client at the hostile one.
ONE_LIFE = "2025-11-25 and whole_life and alice and (web-search or calculator)"
SELECTION = f"{ONE_LIFE} or connect_list_call and web-search and auto"
WEB_SEARCH, CALCULATOR = "web-search", "none.calculator"

# The bounds. An answer that does not end costs 15 s, and then less each time: half a minute in all for each client (ours, the
# guide's) before a scenario is broken off. The rest is room for a busy machine.
MAX_LENGTH = 2 * 2 * limits.SECONDS + 120
MEMORY = 512 * 2**20  # bytes; a run of this size on the reference takes about 130 MiB
EVIDENCE = 64 * 2**20  # bytes of everything that is left behind

NO_ANSWER = {"ACC-004"}  # "alice may use web-search, and was refused": nothing that could be called an answer came
PRINTED = "CRED-011"  # the output of the gateway belongs to no server: it may be read during the next scenario
NOT_PROPER = {"END-002"}  # something came, and it is no proper response
FINDINGS = dict.fromkeys(KINDS, NOT_PROPER) | {
    "huge-headers": NO_ANSWER,
    "endless-headers": NO_ANSWER,
    "redirect-elsewhere": NO_ANSWER,
    "huge-error-page": NO_ANSWER,
    "early-hints": NO_ANSWER,
    "no-http": NO_ANSWER,
    "crash": NO_ANSWER,
    "secrets-everywhere": NO_ANSWER | {"CRED-008", PRINTED},
    "endless-output": set(),  # which is no fault as long as the answers are right
    "flood-of-headers": set(),  # the same
    "flood-of-cookies": set(),
    "foreign-headers": set(),
    "odd-encodings": NO_ANSWER | NOT_PROPER,  # codings that the client did not accept, and that decode to nothing
    "redirect-in-circles": NO_ANSWER,
    "many-members": set(),  # unusual, and valid
    "many-tools": set(),  # the same
    "no-address": NO_ANSWER,
    "blank-consent": NO_ANSWER,
    "consent-again-and-again": NO_ANSWER,
    "backslashes": set(),
    "backslashes-in-a-failure": NO_ANSWER,
    "dotted-failure": NO_ANSWER,
    "failure-at-at": NO_ANSWER,
    "long-challenge": NO_ANSWER,
    "half-characters": NO_ANSWER,
    "half-characters-in-a-result": NO_ANSWER,
    "foreign-session": NO_ANSWER,
}


def assert_whole(measured: ProcessUsage) -> None:
    """Assert that the run stayed within the bounds and wrote a complete report."""
    assert measured.seconds < MAX_LENGTH
    assert measured.peak < MEMORY
    assert measured.size < EVIDENCE
    report = measured.report
    schema.check(report)
    assert report["complete"], report["incomplete_reason"]
    assert sum(report["totals"].values()) == report["registry"]["size"]
    assert not report["totals"]["harness-error"]
    assert measured.errors == ""


# Kinds whose responses do not come: their runs mostly wait, and run at the same time.
SLOW = ("byte-a-second", "too-long-a-length", "early-hints")
SHARE = 5  # kinds for each commit; `make trial ALL=1` plays all


@pytest.mark.parametrize("kind", rotating((kind for kind in KINDS if kind not in SLOW), SHARE))
def test_run_with_a_hostile_gateway_completes(kind: str, tmp_path: Path) -> None:
    assert_judged(kind, run(f"hostile:{kind}", tmp_path, "-k", SELECTION, longest=MAX_LENGTH))


def test_runs_with_slow_hostile_gateways_complete(tmp_path: Path) -> None:
    def measured(kind: str) -> ProcessUsage:
        selection = SELECTION if kind == "byte-a-second" else ONE_LIFE
        return run(f"hostile:{kind}", tmp_path / kind, "-k", selection, longest=MAX_LENGTH)

    with ThreadPoolExecutor() as threads:
        for kind, ended in zip(SLOW, threads.map(measured, SLOW), strict=True):
            assert_judged(kind, ended)


def assert_judged(kind: str, measured: ProcessUsage) -> None:
    """Assert that the fault is found at the hostile server and at no other."""
    assert measured.status == (1 if FINDINGS[kind] else 0), measured
    assert_whole(measured)
    failed = {name for name, outcomes in measured.outcomes(WEB_SEARCH).items() if "fail" in outcomes}
    assert FINDINGS[kind] <= failed
    assert bool(failed) == bool(FINDINGS[kind])
    if kind != "crash":  # the gateway no longer runs
        others = {name: outcomes for name, outcomes in measured.outcomes(CALCULATOR).items() if name != PRINTED}
        assert {outcome for outcomes in others.values() for outcome in outcomes} == {"pass"}
    transcript = (measured.out / "transcript.jsonl").read_text(encoding="utf-8")
    assert "a visitor came" not in transcript, "a redirect was followed to another host"


@pytest.mark.parametrize("kind", ["endless-body", "deep-json", "redirect-elsewhere"])
def test_gateway_hostile_from_the_start_fails_the_smoke_test(kind: str, tmp_path: Path) -> None:
    """The smoke test reports it in one sentence, and the transcript is kept."""
    target = descriptor("hostile", kind, tmp_path, "--servers", "all")
    measured = run(target, tmp_path, "-k", SELECTION, longest=MAX_LENGTH)
    assert measured.status == 2, measured
    assert measured.errors.startswith("gatebench: smoke failed: ")
    assert measured.errors.count("\n") == 1
    assert len(measured.errors) < 1000
    assert measured.seconds < MAX_LENGTH
    assert measured.peak < MEMORY


def test_gateway_that_becomes_hostile_during_the_run(tmp_path: Path) -> None:
    """All servers become hostile: earlier judgements are kept, later ones fail, and the run ends."""
    target = descriptor("hostile", "endless-sse", tmp_path, "--servers", "all", "--after", "12")
    measured = run(target, tmp_path, "-k", SELECTION, longest=2 * MAX_LENGTH)
    assert measured.status == 1, measured
    assert measured.peak < MEMORY
    assert measured.size < EVIDENCE
    assert measured.report["complete"]
    outcomes = {outcome for outcomes in measured.outcomes("").values() for outcome in outcomes}
    assert {"pass", "fail"} <= outcomes
    assert "harness-error" not in outcomes


def test_slow_health_check_is_a_timeout(tmp_path: Path) -> None:
    """A health check whose response sends a byte each second is not ready."""
    target = descriptor("hostile", READINESS, tmp_path, launch="ready_seconds = 3.0")
    measured = run(target, tmp_path, longest=MAX_LENGTH)
    assert measured.status == 2, measured
    assert "did not answer at http://127.0.0.1:" in measured.errors
    assert "within 3 s (timed out)" in measured.errors
