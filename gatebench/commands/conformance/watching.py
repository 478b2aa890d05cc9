"""`gatebench run --watch`: judge the failures again whenever the gateway was restarted, until Ctrl-C."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
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
    watch, number = RestartWatch(target.address()), 1
    failing = _failing(report)
    while True:
        _tell(f"waiting for a restart of {target.name}; Ctrl-C ends")
        try:
            asyncio.run(watch.restarted())
        except KeyboardInterrupt:
            _tell("ended; every report is kept")
            return status
        number += 1
        what = "the failures are" if failing else "everything is"
        _tell(f"the gateway was restarted: {what} judged again")
        again = replace(first, again=bool(failing), folder=first.folder.with_name(f"{first.folder.name}-{number}"))
        try:
            ended, report = judge(again)
        except BenchError as error:  # such as a gateway that is away again
            _tell(str(error))
            continue
        if report is None or ended == exit_codes.INTERRUPTED:
            return status
        now = _failing(report)
        for names, words in (
            (failing - now, "no longer failing"),
            (now & failing, "still failing"),
            (now - failing, "new"),
        ):
            if names:
                _tell(f"{words}: {', '.join(sorted(names))}")
        status, failing = ended, now


def _failing(report: Report) -> set[str]:
    return {one["id"] for one in report["requirements"] if one["selected"] and one["outcome"] in RED}


def _tell(sentence: str) -> None:
    print(visible(f"gatebench: {sentence}"), file=sys.stderr, flush=True)
