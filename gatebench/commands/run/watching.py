"""`gatebench run --watch`: judge the failures again whenever the gateway was restarted, until Ctrl-C."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gatebench import exit_codes
from gatebench.conformance.outcomes import RED
from gatebench.conformance.pytest_plugin.invoke import RunRequest
from gatebench.conformance.text import visible
from gatebench.fixtures.clients.restart_watch import RestartWatch
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways.target import Target

Report = Mapping[str, Any]
Judge = Callable[[RunRequest], tuple[int, Report | None]]
"""Makes a run and returns the exit status and the report, which is None if the run ended before its first result."""


def require_running(target: Target, named: str) -> None:
    """Raise BenchError unless the gateway is one that gatebench does not start."""
    if target.descriptor.launch is not None:
        raise BenchError(f"--watch is for a gateway that already runs, and gatebench starts {named}; remove the option")


def follow(first: RunRequest, target: Target, judge: Judge) -> int:
    """Make a run, and one of its failures after each restart; return the status of the last report.

    Each run has a folder of its own, beside the first. After one without failures, everything is judged.
    """
    status, report = judge(first)
    if report is None or status == exit_codes.INTERRUPTED:
        return status
    state = _State(first, status, _failing(report))
    try:
        _judge_after_restarts(state, RestartWatch(target.address()), target.name, judge)
    except KeyboardInterrupt:
        _tell("ended; every report is kept")
    return state.status


@dataclass
class _State:
    """The last run: its request, its status, and the requirements that failed; `number` counts the runs."""

    request: RunRequest
    status: int
    failing: set[str]
    number: int = 1


def _judge_after_restarts(state: _State, watch: RestartWatch, name: str, judge: Judge) -> None:
    """Judge again after each restart, until a run is interrupted."""
    folder = state.request.folder
    while True:
        _tell(f"waiting for a restart of {name}; Ctrl-C ends")
        asyncio.run(watch.restarted())
        state.number += 1
        what = "the failures are" if state.failing else "everything is"
        _tell(f"the gateway was restarted: {what} judged again")
        again = bool(state.failing) or state.request.again
        request = replace(state.request, again=again, folder=folder.with_name(f"{folder.name}-{state.number}"))
        try:
            status, report = judge(request)
        except BenchError as error:  # such as a gateway that is away again
            _tell(str(error))
            continue
        if report is None or status == exit_codes.INTERRUPTED:
            return
        _compare(state.failing, _failing(report))
        state.status, state.failing = status, _failing(report)


def _compare(before: set[str], now: set[str]) -> None:
    for names, words in ((before - now, "no longer failing"), (now & before, "still failing"), (now - before, "new")):
        if names:
            _tell(f"{words}: {', '.join(sorted(names))}")


def _failing(report: Report) -> set[str]:
    return {one["id"] for one in report["requirements"] if one["selected"] and one["outcome"] in RED}


def _tell(sentence: str) -> None:
    print(visible(f"gatebench: {sentence}"), file=sys.stderr, flush=True)
