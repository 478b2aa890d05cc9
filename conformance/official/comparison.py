"""Direct beside gateway, check by check: only what passes directly and does not pass through the gateway is the gateway's."""

import fnmatch
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from gatebench.conformance.official.results import ScenarioList, ScenarioResult, SuiteCheckResult
from gatebench.conformance.official.statuses import BEST_FIRST
from gatebench.conformance.requirements.expectations import Expectation

Outcome = Literal["same", "fail", "warn", "known-failure", "known-flaw", "better", "not-scored", "not-run"]
"""`same`: as directly. `fail`, `warn`: it passes directly and not through the gateway. `better`: the reverse.

`not-scored`: different in a scenario that the suite does not score. `not-run`: the suite ended before the scenario.
"""

ABSENT = SuiteCheckResult("absent", "the suite has no result of this check")


@dataclass(frozen=True)
class Row:
    """One check: its result directly and through the gateway, and what follows."""

    revision: str
    scenario: str
    check: str
    direct: SuiteCheckResult
    gateway: SuiteCheckResult
    outcome: Outcome
    reason: str = ""

    @property
    def name(self) -> str:
        """The name of the check, as in an expectations file."""
        return f"{self.revision}/{self.scenario}"


@dataclass(frozen=True)
class _Flaw:
    scenario: str
    check: str
    reason: str


@cache
def _flaws() -> tuple[_Flaw, ...]:
    listed = tomllib.loads((Path(__file__).parent / "known_flaws.toml").read_text(encoding="utf-8"))
    return tuple(_Flaw(**one) for one in listed["flaw"])


def compare(
    revision: str,
    listed: ScenarioList,
    direct: Mapping[str, ScenarioResult],
    gateway: Mapping[str, ScenarioResult],
    expected: Iterable[Expectation] = (),
) -> Iterator[Row]:
    """Yield a row for each check of each listed scenario, in the order of the suite's list."""
    known = tuple(expected)
    for scenario in (*listed.scored, *listed.unscored):
        one = direct[scenario].checks if scenario in direct else {}
        other = gateway[scenario].checks if scenario in gateway else {}
        for check in dict.fromkeys((*one, *other)) or ("*",):
            before, after = one.get(check, ABSENT), other.get(check, ABSENT)
            outcome, reason = _outcome(scenario, check, before, after)
            if outcome in ("fail", "warn") and scenario not in gateway:
                outcome, reason = "not-run", ABSENT.message
            if outcome in ("fail", "warn") and scenario in listed.unscored:
                outcome, reason = "not-scored", listed.unscored[scenario]
            row = Row(revision, scenario, check, before, after, outcome, reason)
            yield _as_expected(row, known)


def _outcome(scenario: str, check: str, direct: SuiteCheckResult, gateway: SuiteCheckResult) -> tuple[Outcome, str]:
    if direct.status == gateway.status:
        return "same", ""
    if BEST_FIRST.index(gateway.status) < BEST_FIRST.index(direct.status):
        return "better", ""
    flaw = next((flaw for flaw in _flaws() if _matches(flaw, scenario, check)), None)
    if flaw is not None:
        return "known-flaw", flaw.reason
    passed = direct.status in ("pass", "info", "skipped")
    return ("fail" if passed and gateway.status in ("fail", "absent") else "warn"), gateway.message


def _matches(flaw: _Flaw, scenario: str, check: str) -> bool:
    return fnmatch.fnmatchcase(scenario, flaw.scenario) and fnmatch.fnmatchcase(check, flaw.check)


def _as_expected(row: Row, known: Iterable[Expectation]) -> Row:
    if row.outcome not in ("fail", "warn"):
        return row
    entry = next((one for one in known if one.matches(f"official/{row.check}", row.name)), None)
    if entry is None:
        return row
    return Row(row.revision, row.scenario, row.check, row.direct, row.gateway, "known-failure", entry.reason)


def passed(scenario: ScenarioResult | None) -> bool:
    """Return whether the suite counts this scenario as passed: it has checks, and none of them failed."""
    return (
        scenario is not None and bool(scenario.checks) and all(one.status != "fail" for one in scenario.checks.values())
    )
