"""Monitor of the target: detects when it stops responding, disappears and recovers."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gatebench.load.generator.recording.recorder import OUTCOME_NUMBER, Integers
from gatebench.load.plan.plan import Plan
from gatebench.load.results.generator_result import CONNECTION

_CONNECTION = [OUTCOME_NUMBER[outcome] for outcome in CONNECTION]
GONE_AFTER = 0.5  # seconds with failures only
Times = NDArray[np.float64]
Flags = NDArray[np.bool_]
Note = Callable[[str, str | None, str, float | None], None]


class Health:
    """Monitor of the rows of each second. `give_up_reason` is the reason to give up; empty otherwise."""

    def __init__(self, note: Note, give_up_after: float | None) -> None:
        self._note, self._give_up_after = note, give_up_after
        self._failing: dict[int, float] = {}  # by arm: the second since which everything failed
        self._gone: set[int] = set()
        self._silent_since: float | None = None
        self._failing_since: float | None = None
        self.give_up_reason = ""

    def look(self, rows: Integers, in_flight: int, second: int, start_ns: int, plan: Plan) -> None:
        """Evaluate the last second."""
        done = (rows[:, 3] - start_ns) / 1e9
        failed = np.isin(rows[:, 4] & 0xF, _CONNECTION)
        for arm in np.unique(rows[:, 4] >> 12).tolist():
            mine = (rows[:, 4] >> 12) == arm
            self._of_arm(arm, plan.arms[arm].name, done[mine], failed[mine])
        self._silence(len(rows), in_flight, second)
        self._check_failures(done, failed)

    def _of_arm(self, arm: int, name: str, done: Times, failed: Flags) -> None:
        order = np.argsort(done, kind="stable")
        done, failed = done[order], failed[order]
        turns = np.flatnonzero(np.diff(failed)) + 1  # where failures start or end
        for first, last in zip([0, *turns], [*turns, len(done)], strict=True):
            if failed[first]:
                since = self._failing.setdefault(arm, float(done[first]))
                if arm not in self._gone and done[last - 1] - since >= GONE_AFTER:
                    self._gone.add(arm)
                    self._note("target gone", name, "no connection, or no response in time", since)
                continue
            since = self._failing.pop(arm, 0.0)
            if arm in self._gone:
                self._gone.discard(arm)
                self._note("target back", name, f"after {done[first] - since:.1f} s", float(done[first]))

    def _silence(self, count: int, in_flight: int, second: int) -> None:
        if count == 0 and in_flight:
            if self._silent_since is None:
                self._silent_since = float(second)
                self._note("silent", None, f"no response in this second, {in_flight} requests in flight", float(second))
        elif count and self._silent_since is not None:
            self._note("answering again", None, f"after {second - self._silent_since:.0f} s", float(second))
            self._silent_since = None

    def _check_failures(self, done: Times, failed: Flags) -> None:
        if len(done) and not failed.all():
            self._failing_since = None
        elif len(done):
            first, last = float(done.min()), float(done.max())
            self._failing_since = first if self._failing_since is None else self._failing_since
            patience = self._give_up_after
            if patience is not None and last - self._failing_since >= patience:
                self.give_up_reason = f"nothing but failed connections for {last - self._failing_since:.0f} s"
