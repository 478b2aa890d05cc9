"""A judgement as Allure tells it: where it belongs in the registry, each exchange as a step, what failed as attachments.

Everything comes from the transcript, in which every secret is a label already. Parameters masked by Allure are not used: it
keeps their values in clear (`mode="masked"` only hides them from view).
"""

from collections.abc import Iterator
from typing import Any

import allure

from conformance.features import PROFILES
from conformance.registry import Requirement
from conformance.run import Run
from conformance.transcript import Exchange, Transcript
from conformance.verdict import Judgement

MOST = 40  # exchanges of one scenario that become steps
SHOWN = 3  # violations whose exchanges are attached; the message names them all
_dynamic: Any = allure.dynamic  # has no types
_SEVERITIES = {"hard": allure.severity_level.BLOCKER, "spec": allure.severity_level.CRITICAL}
_OF_LEVEL = {"SHOULD": allure.severity_level.NORMAL, "SHOULD NOT": allure.severity_level.NORMAL}


class Narrator:
    """Tells the judgements of one run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._read = 0
        self._plays: dict[str, tuple[int, int]] = {}  # scenario -> where its first play begins and ends in the events
        self._open: tuple[str, int] | None = None

    def tell(self, judgement: Judgement) -> None:
        """To be called while the test that judged is still running."""
        requirement = self._run.registry[judgement.requirement]
        _place(requirement, judgement)
        shown = judgement.violations[:SHOWN]
        guilty = {line for violation in shown for line in (violation.seq, violation.control) if line}
        for violation in shown:
            text = f"{violation.what}\n\nexpected: {violation.expected}\nactual:   {violation.actual}\n"
            allure.attach(text, violation.what[:120], allure.attachment_type.TEXT)
        for exchange in self._exchanges(judgement.scenario)[:MOST]:
            _step(exchange, shown=exchange.seq in guilty)

    def _exchanges(self, scenario: str) -> list[Exchange]:
        for place in range(self._read, len(self._run.events)):
            event = self._run.events[place]
            if event["kind"] == "scenario" and event["phase"] == "begin":
                self._open = (event["scenario"], place)
            elif event["kind"] == "scenario" and self._open:
                self._plays.setdefault(self._open[0], (self._open[1], place + 1))
        self._read = len(self._run.events)
        begin, end = self._plays.get(scenario, (0, 0))
        played = Transcript(self._run.events[begin:end], self._run.facts)
        return sorted(played.exchanges.values(), key=lambda exchange: exchange.seq)


def _place(requirement: Requirement, judgement: Judgement) -> None:
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


def _step(exchange: Exchange, *, shown: bool) -> None:
    who = {"client": "client → gateway", "upstream": f"gateway → {exchange.node}"}.get(
        exchange.leg, f"→ {exchange.node}"
    )
    answer = str(exchange.status) if exchange.status is not None else f"no answer ({exchange.detail or exchange.how})"
    with allure.step(f"{who}: {exchange.describe()} → {answer}"):
        if shown:
            allure.attach("\n".join(_written(exchange)), f"transcript line {exchange.seq}", allure.attachment_type.TEXT)


def _written(exchange: Exchange) -> Iterator[str]:
    yield f"{exchange.method} {exchange.target}"
    yield from (f"{name}: {value}" for name, value in exchange.request_headers)
    yield from ("", exchange.request_body, "")
    yield f"{exchange.status or 'no answer'}"
    yield from (f"{name}: {value}" for name, value in exchange.response_headers)
    yield from ("", exchange.body)
