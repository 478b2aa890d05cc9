"""What was measured is told, also when the bench ends otherwise than it should."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from fixtures.errors import BenchError, HarnessError
from load import profiles, run
from load.measured import Measured, Task
from load.result import Event, Result, WrongAnswer
from load.workload import Terms

STEADY = profiles.named("steady")
TASK = Task("reference", STEADY, Terms.of(STEADY, None, None, 1, 1), frozenset())


def ended_by(error: BaseException, *results: Result) -> Callable[[Measured, Any], None]:
    def measured(found: Measured, _: Any) -> None:
        found.results += results
        raise error

    return measured


@pytest.mark.parametrize("error", [HarnessError("a worker"), httpx.ConnectError("refused"), BenchError("no result")])
def test_a_part_of_the_bench_that_is_lost_is_said(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(run, "_measure", ended_by(error, Result()))
    found = run.measure(TASK, lambda *_: None)
    assert found.stopped == f"a part of the bench was lost: {error}"
    assert found.ended_by == "bench"
    monkeypatch.setattr(run, "_measure", ended_by(error))
    with pytest.raises(type(error)):
        run.measure(TASK, lambda *_: None)


def test_ctrl_c_while_everything_is_being_ended_keeps_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_measure", ended_by(KeyboardInterrupt(), Result()))
    found = run.measure(TASK, lambda *_: None)
    assert (found.ended_by, found.stopped) == ("interruption", None), "it was whole by then"
    monkeypatch.setattr(run, "_measure", ended_by(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run.measure(TASK, lambda *_: None)


def test_where_credentials_cannot_be_told_any_more_nothing_is_quoted() -> None:
    wrong = WrongAnswer(
        t=1, arm="a", operation="b", server="c", caller="d", detail="secret", request="secret", response="secret"
    )
    found = Measured(TASK)
    for results in (found.results, found.beyond):
        results.append(Result(wrong=[wrong], wrong_count=1, events=[Event(t=1, kind="rpc-error", detail="secret")]))
    found.forget_exchanges()
    for result in found.everything:
        assert "secret" not in result.model_dump_json()
        assert (result.wrong_count, len(result.wrong), result.events[0].kind) == (1, 1, "rpc-error")
