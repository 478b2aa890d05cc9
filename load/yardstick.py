"""A stored baseline: the `load.json` of an earlier gate, which holds what its candidate cost against a yardstick.

The new candidate is held against the same yardstick, and the two changes are compared. Times of two days cannot be: even the same
machine is not what it was, and half of all comparisons that were tried so called the same gateway slower than itself.
"""

from dataclasses import dataclass

import numpy as np

from fixtures.errors import BenchError
from load.gate import FEWEST_STARTS, IN_ORDER, Kind
from load.machine import describe, same
from load.model import LoadReport
from load.statistics import Floats


@dataclass(frozen=True)
class Stored:
    """A comparison of an earlier day: of `candidate` with the yardstick."""

    candidate: str
    yardstick: str
    time: str
    changes: dict[Kind, list[Floats]]


def stored(report: LoadReport, path: str, profile: str) -> Stored:
    """The baseline in a report. Raises BenchError when it is none, or of another machine or another profile."""
    compared, here = report.comparison, describe()
    if compared is None:
        raise BenchError(
            f"{path} holds no comparison, so there is no baseline in it: make one with `gatebench load gate reference TARGET`"
        )
    if not same(report.machine, here):
        raise BenchError(
            f"{path} was measured on another machine ({report.machine.cpu}, {report.machine.cores} cores, "
            f"Python {report.machine.python}, id {report.machine.id}; this is {here.cpu}, {here.cores} cores, "
            f"Python {here.python}, id {here.id}), and numbers of two machines are not compared"
        )
    if report.profile != profile:
        raise BenchError(f"{path} was measured with profile {report.profile!r}; name the same one with --profile")
    if compared.starts < FEWEST_STARTS:
        raise BenchError(
            f"{path} holds one start only, which tells nothing of others: make a baseline without --starts 1"
        )
    kinds = {kind.name: kind for kind in IN_ORDER}
    changes = {
        kinds[measure.name]: [np.log1p(start) for start in measure.rounds]
        for measure in compared.measures
        if measure.name in kinds
    }
    return Stored(compared.candidate, compared.yardstick or compared.baseline, report.time, changes)
