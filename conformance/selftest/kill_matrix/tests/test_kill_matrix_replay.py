"""Faults, run again with selected scenarios: the outcomes are exactly those of the kill matrix. `make trial FAULTS=40`.

The commit determines the share of the faults, because the time for all of them grows with their number: as many as
GATEBENCH_TRIAL_FAULTS requests, or all. By default there is none: the whole runs of `make kill-matrix-share` show more.
"""

import fcntl
import json
import os
from pathlib import Path

import pytest

from gatebench.conformance.selftest.kill_matrix import digest, matrix
from gatebench.conformance.selftest.kill_matrix.runs import execution, share
from gatebench.fixtures.reference_gateway.faults import names

pytestmark = pytest.mark.slow


def chosen() -> list[str]:
    """Return the faults to run for this commit."""
    count = os.environ.get("GATEBENCH_TRIAL_FAULTS") or "0"
    if count == "0":
        return []
    return names() if count == "all" else share.for_this_commit(int(count), digest.current(), matrix.load())


@pytest.fixture(scope="session")
def kept() -> matrix.KillMatrix:
    """Return the committed matrix."""
    return matrix.load()


@pytest.fixture(scope="session")
def reach(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, list[str]]:
    """Return which decisions each scenario consults at the traced reference, which must be clean; shared by xdist workers."""
    folder = tmp_path_factory.getbasetemp()
    alone = not hasattr(request.config, "workerinput")
    shared = (folder if alone else folder.parent) / "reach.json"
    with Path(f"{shared}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            shared.write_text(json.dumps(execution.reach()), encoding="utf-8")
    reached: dict[str, list[str]] = json.loads(shared.read_text(encoding="utf-8"))
    return reached


@pytest.mark.parametrize("fault", chosen())
def test_fault(fault: str, reach: dict[str, list[str]], kept: matrix.KillMatrix) -> None:
    """The outcomes are those of the matrix; after an intended change run `make kill-matrix`, and check the difference."""
    assert list(matrix.differences(kept[fault], execution.try_out(fault, reach))) == []
