"""A stored baseline: the `load.json` of an earlier gate, which holds the cost of its candidate relative to a reference target.

The new candidate is measured against the same reference target, and the two changes are compared. Times measured on different
days are not comparable, even on one machine: half of the comparisons that were tried called a gateway slower than
itself.
"""

from dataclasses import dataclass

import numpy as np

from gatebench.fixtures.errors import BenchError
from gatebench.load.analysis.bootstrap import Floats
from gatebench.load.analysis.sequential_test import IN_ORDER, MIN_STARTS, MeasureKind
from gatebench.load.results.report_model import LoadReport
from gatebench.load.testbed.host import describe, same


@dataclass(frozen=True)
class Baseline:
    """An earlier comparison of `candidate` with a reference target (`yardstick`)."""

    candidate: str
    yardstick: str
    time: str
    changes: dict[MeasureKind, list[Floats]]
    orders: dict[MeasureKind, list[int]]


def load_baseline(report: LoadReport, path: str, profile: str) -> Baseline:
    """Return the baseline in a report. Raises BenchError if it has none, or is of another machine or profile."""
    compared, here = report.comparison, describe()
    if compared is None:
        raise BenchError(
            f"{path} contains no comparison and cannot be a baseline: create one with `gatebench load gate reference TARGET`"
        )
    if not same(report.machine, here):
        raise BenchError(
            f"{path} was measured on another machine ({report.machine.cpu}, {report.machine.cores} cores, "
            f"Python {report.machine.python}, id {report.machine.id}; this is {here.cpu}, {here.cores} cores, "
            f"Python {here.python}, id {here.id}), and results of different machines are not compared"
        )
    if report.profile != profile:
        raise BenchError(f"{path} was measured with profile {report.profile!r}; name the same one with --profile")
    if compared.starts < MIN_STARTS:
        raise BenchError(
            f"{path} contains one start only, and variation between starts is unknown: create a baseline without --starts 1"
        )
    kinds = {kind.name: kind for kind in IN_ORDER}
    changes = {
        kinds[measure.name]: [np.log1p(start) for start in measure.rounds]
        for measure in compared.measures
        if measure.name in kinds
    }
    orders = {kinds[measure.name]: measure.orders for measure in compared.measures if measure.name in kinds}
    return Baseline(compared.candidate, compared.yardstick or compared.baseline, report.time, changes, orders)
