"""Examples that several tests use: digests, and a row of the matrix."""

from typing import Any

from gatebench.conformance.selftest.kill_matrix.digest import Digests
from gatebench.conformance.selftest.kill_matrix.matrix import MatrixRow
from gatebench.fixtures.reference_gateway.faults import Fault

DIGESTS = Digests("bench", {"a": "1", "b": "2"})


def row(**whole: Any) -> MatrixRow:
    return MatrixRow("g", ["R-1"], 1, {"R-1": "fail"}, whole or None)


def fault(name: str, *meant: str) -> Fault:
    return Fault(name, "group", "", name, meant, "")
