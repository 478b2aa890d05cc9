"""Gateways that mean no good. Part of `make trial`.

Whatever web-search of a hostile gateway does, a run comes to its end in bounded time and memory, says of web-search what is
wrong, of calculator that all is well, and leaves a whole report.
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
NOT_PROPER = {"END-002"}  # something came, and it is no proper response
FINDINGS = dict.fromkeys(KINDS, NOT_PROPER) | {
    "huge-headers": NO_ANSWER,
    "endless-headers": NO_ANSWER,
    "redirect-elsewhere": NO_ANSWER,
    "huge-error-page": NO_ANSWER,
    "early-hints": NO_ANSWER,
    "no-http": NO_ANSWER,
    "crash": NO_ANSWER,
    "secrets-everywhere": NO_ANSWER | {"CRED-008", "CRED-011"},
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
    """In bounds, and with a report that its readers can rely on."""
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
def test_a_run_goes_on(kind: str, tmp_path: Path) -> None:
    assert_judged(kind, run(f"hostile:{kind}", tmp_path, "-k", SELECTION, longest=MAX_LENGTH))


def test_runs_go_on_after_a_while(tmp_path: Path) -> None:
    def measured(kind: str) -> ProcessUsage:
        selection = SELECTION if kind == "byte-a-second" else ONE_LIFE
        return run(f"hostile:{kind}", tmp_path / kind, "-k", selection, longest=MAX_LENGTH)

    with ThreadPoolExecutor() as threads:
        for kind, ended in zip(SLOW, threads.map(measured, SLOW), strict=True):
            assert_judged(kind, ended)


def assert_judged(kind: str, measured: ProcessUsage) -> None:
    """What it does is found, at the server that does it and at no other."""
    assert measured.status == (1 if FINDINGS[kind] else 0), measured
    assert_whole(measured)
    failed = {name for name, outcomes in measured.outcomes(WEB_SEARCH).items() if "fail" in outcomes}
    assert FINDINGS[kind] <= failed
    assert bool(failed) == bool(FINDINGS[kind])
    if kind != "crash":  # after which there is nobody to ask
        assert {outcome for outcomes in measured.outcomes(CALCULATOR).values() for outcome in outcomes} == {"pass"}
    transcript = (measured.out / "transcript.jsonl").read_text(encoding="utf-8")
    assert "a visitor came" not in transcript, "a redirect was followed to another host"


@pytest.mark.parametrize("kind", ["endless-body", "deep-json", "redirect-elsewhere"])
def test_one_that_is_hostile_from_the_start_is_not_judged(kind: str, tmp_path: Path) -> None:
    """Smoke says so in one sentence, and what was recorded is there."""
    target = descriptor("hostile", kind, tmp_path, "--servers", "all")
    measured = run(target, tmp_path, "-k", SELECTION, longest=MAX_LENGTH)
    assert measured.status == 2, measured
    assert measured.errors.startswith("gatebench: smoke failed: ")
    assert measured.errors.count("\n") == 1
    assert len(measured.errors) < 1000
    assert measured.seconds < MAX_LENGTH
    assert measured.peak < MEMORY


def test_one_that_turns_hostile_in_the_middle(tmp_path: Path) -> None:
    """Everywhere at once: what was judged before stands, the rest is red, and the run ends."""
    target = descriptor("hostile", "endless-sse", tmp_path, "--servers", "all", "--after", "12")
    measured = run(target, tmp_path, "-k", SELECTION, longest=2 * MAX_LENGTH)
    assert measured.status == 1, measured
    assert measured.peak < MEMORY
    assert measured.size < EVIDENCE
    assert measured.report["complete"]
    outcomes = {outcome for outcomes in measured.outcomes("").values() for outcome in outcomes}
    assert {"pass", "fail"} <= outcomes
    assert "harness-error" not in outcomes


def test_readiness_that_drips(tmp_path: Path) -> None:
    """A health page that sends a byte a second is none."""
    target = descriptor("hostile", READINESS, tmp_path, launch="ready_seconds = 3.0")
    measured = run(target, tmp_path, longest=MAX_LENGTH)
    assert measured.status == 2, measured
    assert "did not answer at http://127.0.0.1:" in measured.errors
    assert "within 3 s (timed out)" in measured.errors
