"""Detection of targets that are gone, back, silent or give_up_reason."""

from collections.abc import Sequence

import numpy as np

from gatebench.load.generator.recording.health import Health
from gatebench.load.generator.recording.recorder import COLUMNS, OUTCOME_NUMBER, key_of
from gatebench.load.plan.plan import PlannedArm
from gatebench.load.results.generator_result import Outcome
from tests.support.load.load_plans import a_call, a_plan

PLAN = a_plan(PlannedArm(name="direct", calls=[a_call()]), PlannedArm(name="gateway", calls=[a_call()]))


class RecordedHealth:
    def __init__(self, give_up_after: float | None = None) -> None:
        self.events: list[tuple[str, str | None, float | None]] = []
        self.health = Health(lambda kind, arm, _, at: self.events.append((kind, arm, at)), give_up_after)

    def look(self, *done: tuple[float, Outcome], arm: int = 1, second: int = 0, in_flight: int = 0) -> None:
        rows = np.zeros((len(done), COLUMNS), np.int64)
        rows[:, 3] = [int(time * 1e9) for time, _ in done]
        rows[:, 4] = [key_of(arm, 0) + OUTCOME_NUMBER[outcome] for _, outcome in done]
        self.health.look(rows, in_flight, second, 0, PLAN)


def results_between(begin: float, end: float, outcome: Outcome) -> Sequence[tuple[float, Outcome]]:
    return [(float(time), outcome) for time in np.arange(begin, end, 0.1)]


def test_target_is_gone_from_its_first_failure_until_its_next_response() -> None:
    seen = RecordedHealth()
    seen.look(*results_between(0, 0.7, "ok"), *results_between(0.7, 1.0, "refused"))
    assert seen.events == []  # three tenths of a second are not enough
    seen.look(*results_between(1.0, 1.4, "reset"), *results_between(1.4, 2.0, "rpc-error"))
    assert seen.events == [("target gone", "gateway", 0.7), ("target back", "gateway", 1.4)]


def test_single_failures_are_no_lost_target() -> None:
    seen = RecordedHealth(give_up_after=1.0)
    for second in range(5):
        seen.look(*[(second + t / 10, "reset" if t % 3 else "ok") for t in range(10)])
    assert seen.events == []
    assert not seen.health.give_up_reason


def test_order_of_rows_is_irrelevant() -> None:
    seen = RecordedHealth()
    seen.look(*reversed([*results_between(0, 0.2, "ok"), *results_between(0.2, 1.0, "timeout")]))
    assert seen.events == [("target gone", "gateway", 0.2)]


def test_run_is_give_up_reason_when_all_arms_have_failed() -> None:
    seen = RecordedHealth(give_up_after=2.0)
    for second in range(3):
        seen.look(*results_between(second, second + 1, "refused"), arm=0)
        seen.look(*results_between(second, second + 1, "ok"), arm=1)
    assert seen.events == [("target gone", "direct", 0.0)]
    assert not seen.health.give_up_reason
    for second in range(3, 6):
        seen.look(*results_between(second, second + 1, "refused"), arm=1)
    assert seen.health.give_up_reason == "nothing but failed connections for 3 s"


def test_silence_is_noticed_with_requests_in_flight() -> None:
    seen = RecordedHealth()
    seen.look(second=1, in_flight=0)
    seen.look(second=2, in_flight=7)
    seen.look(second=3, in_flight=9)
    seen.look((4.5, "ok"), second=4)
    assert seen.events == [("silent", None, 2.0), ("answering again", None, 4.0)]
