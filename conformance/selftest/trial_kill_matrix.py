"""Every fault, played again: the outcomes are exactly those of the kill matrix. `make trial`; too long for `make test`."""

import fcntl
import json
from pathlib import Path

import pytest

from conformance.selftest.kill_matrix import matrix, trial
from fixtures.reference_gateway.faults import names


@pytest.fixture(scope="session")
def kept() -> matrix.Matrix:
    """The matrix as it is committed."""
    return matrix.load()


@pytest.fixture(scope="session")
def reach(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, list[str]]:
    """What the traced reference, which must be clean, consults: played once for all workers of xdist."""
    folder = tmp_path_factory.getbasetemp()
    alone = not hasattr(request.config, "workerinput")
    shared = (folder if alone else folder.parent) / "reach.json"
    with Path(f"{shared}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            shared.write_text(json.dumps(trial.reach()), encoding="utf-8")
    reached: dict[str, list[str]] = json.loads(shared.read_text(encoding="utf-8"))
    return reached


@pytest.mark.parametrize("fault", names())
def test_fault(fault: str, reach: dict[str, list[str]], kept: matrix.Matrix) -> None:
    """What it trips, and nothing else; run `make kill-matrix` after a change that is meant, and look at the difference."""
    assert list(matrix.differences(kept[fault], trial.try_out(fault, reach))) == []
