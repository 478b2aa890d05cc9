"""Allure report of a result: its place in the registry, each exchange as a step, the failed ones as attachments.

All data comes from the transcript, in which labels replace secrets. Allure's masked parameters are not used: they keep
their values in clear text (`mode="masked"` only hides them in the view).
"""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import allure
from allure_commons.model2 import Status, TestStepResult

from gatebench.conformance.exchange import Exchange
from gatebench.conformance.execution.executor import Executor
from gatebench.conformance.outcomes import CheckResult
from gatebench.conformance.requirements.features import PROFILES
from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.transcript import Transcript

MAX_COUNT = 40  # exchanges of one scenario that become steps
SHOWN = 3  # violations whose exchanges are attached; the message names all of them
_dynamic: Any = allure.dynamic  # untyped
_SEVERITIES = {"hard": allure.severity_level.BLOCKER, "spec": allure.severity_level.CRITICAL}
_OF_LEVEL = {"SHOULD": allure.severity_level.NORMAL, "SHOULD NOT": allure.severity_level.NORMAL}


class AllureReporter:
    """Reports the results of one run to Allure."""

    def __init__(self, run: Executor, logger: Any) -> None:
        """Report on a run; `logger` is that of allure-pytest's listener."""
        self._run = run
        self._logger = logger

    def add(self, judgement: CheckResult) -> None:
        """Report a result; call it while the test that produced it is still running."""
        requirement = self._run.registry[judgement.requirement]
        _place(requirement, judgement)
        shown = judgement.violations[:SHOWN]
        guilty = {line for violation in shown for line in (violation.seq, violation.control) if line}
        for violation in shown:
            text = f"{violation.what}\n\nexpected: {violation.expected}\nactual:   {violation.actual}\n"
            allure.attach(text, violation.what[:120], allure.attachment_type.TEXT)
        for exchange in self._exchanges(judgement.scenario)[:MAX_COUNT]:
            _step(self._logger, exchange, shown=exchange.seq in guilty)

    def _exchanges(self, scenario: str) -> list[Exchange]:
        """Return the exchanges of the first run of the scenario; the executor holds the events of the current one."""
        events = self._run.events
        marks = [
            (place, event["phase"])
            for place, event in enumerate(events)
            if event["kind"] == "scenario" and event["scenario"] == scenario
        ]
        begin = next((place for place, phase in marks if phase == "begin"), len(events))
        end = next((place for place, phase in marks if phase == "end" and place > begin), len(events))
        played = Transcript(events[begin : end + 1], self._run.facts)
        return sorted(played.exchanges.values(), key=lambda exchange: exchange.seq)


def write_environment(folder: Path, target: str, totals: Mapping[str, int]) -> None:
    """Write `environment.properties` beside the results: requirements by outcome, including those without a test."""
    lines = [f"target={target}", *(f"requirements.{outcome}={number}" for outcome, number in totals.items())]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "environment.properties").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _place(requirement: Requirement, judgement: CheckResult) -> None:
    profile = next(
        (name for name, one in PROFILES.items() if one.level(requirement.feature, requirement.group)), "core"
    )
    _dynamic.epic(profile)
    _dynamic.feature(requirement.group)
    _dynamic.story(f"{requirement.id} {requirement.level}: {requirement.text}")
    _dynamic.title(f"{requirement.id} {judgement.scenario}")
    _dynamic.tag(requirement.level, requirement.verdict, judgement.outcome.value)
    normal = _SEVERITIES.get(requirement.verdict, allure.severity_level.NORMAL)
    _dynamic.severity(_OF_LEVEL.get(requirement.level, normal))
    sources = "; ".join(map(str, requirement.sources))
    _dynamic.description(f"{requirement.text}\n\nSource: {sources}\n\n{judgement.outcome.value}: {judgement.reason}")


def _step(logger: Any, exchange: Exchange, *, shown: bool) -> None:
    """Write an exchange as a step with its own times: the steps are written after the scenario, from its transcript."""
    who = {"client": "client → gateway", "upstream": f"gateway → {exchange.node}"}.get(
        exchange.leg, f"→ {exchange.node}"
    )
    answer = str(exchange.status) if exchange.status is not None else f"no answer ({exchange.detail or exchange.how})"
    offset = time.time() - time.monotonic()  # the transcript has seconds of the monotonic clock
    begin, end = exchange.t, max(exchange.t, exchange.last_t)
    outcome = Status.FAILED if shown else Status.PASSED if exchange.status is not None else Status.BROKEN
    uuid = uuid4()
    name = f"{who}: {exchange.describe()} → {answer}"
    logger.start_step(None, uuid, TestStepResult(name=name, start=_milliseconds(begin + offset)))
    if shown:
        allure.attach("\n".join(_written(exchange)), f"transcript line {exchange.seq}", allure.attachment_type.TEXT)
    logger.stop_step(uuid, stop=_milliseconds(end + offset), status=outcome)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _written(exchange: Exchange) -> Iterator[str]:
    yield f"{exchange.method} {exchange.target}"
    yield from (f"{name}: {value}" for name, value in exchange.request_headers)
    yield from ("", exchange.request_body, "")
    yield f"{exchange.status or 'no answer'}"
    yield from (f"{name}: {value}" for name, value in exchange.response_headers)
    yield from ("", exchange.body)
