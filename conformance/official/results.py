"""The results that the official suite writes: one folder for each scenario, with its checks as JSON."""

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gatebench.conformance.official.statuses import MOST_SEVERE_FIRST
from gatebench.fixtures.errors import HarnessError

REVISIONS = ("2025-11-25", "2026-07-28")
"""Protocol revisions for which the suite has a list of required scenarios."""

_FOLDER = re.compile(r"server-(?P<name>.{1,200})-(?P<time>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z)")
_TIME = "%Y-%m-%dT%H-%M-%S-%fZ"
_STATUS = {"FAILURE": "fail", "WARNING": "warn", "SUCCESS": "pass", "SKIPPED": "skipped", "INFO": "info"}


@dataclass(frozen=True)
class SuiteCheckResult:
    """The result of one check: its status (of `statuses.py`) and, where it did not pass, the text of the suite."""

    status: str
    message: str = ""


@dataclass(frozen=True)
class ScenarioResult:
    """The checks of one scenario by id; `started` is the time in seconds since the epoch."""

    started: float
    checks: Mapping[str, SuiteCheckResult]


@dataclass(frozen=True)
class ScenarioList:
    """The server scenarios of one revision: those that count, and the others with the reason why they do not."""

    scored: tuple[str, ...]
    unscored: Mapping[str, str]


def scenarios_of(package: Path, revision: str) -> ScenarioList:
    """Return the scenarios that the installed suite lists for a revision. Raise HarnessError if it has no such list."""
    path = package / "requirements" / f"{revision}.yaml"
    try:
        listed = yaml.safe_load(path.read_text(encoding="utf-8"))
        unscored = {one["scenario"]: str(one["reason"]) for one in listed["not_scored"] if one["leg"] == "server"}
        return ScenarioList(tuple(map(str, listed["server"])), unscored)
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError) as error:
        raise HarnessError(
            f"the official suite has no readable list of scenarios at {path} ({_what(error)})"
        ) from error


def read(folder: Path) -> dict[str, ScenarioResult]:
    """Return the results in an output folder of the suite, by scenario; of a scenario that ran twice the last one.

    Raise HarnessError if a file has another form than that of the pinned version.
    """
    found: dict[str, ScenarioResult] = {}
    for path in sorted(folder.glob("*/checks.json"), key=lambda path: path.parent.name[-24:]):
        named = _FOLDER.fullmatch(path.parent.name)
        if named is None:
            raise HarnessError(f"the official suite wrote results of an unknown form: {path.parent.name}")
        started = dt.datetime.strptime(named["time"], _TIME).replace(tzinfo=dt.UTC).timestamp()
        try:
            found[named["name"]] = ScenarioResult(started, _checks(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise HarnessError(
                f"the official suite wrote results of an unknown form: {path} ({_what(error)})"
            ) from error
    return found


def _checks(listed: Any) -> dict[str, SuiteCheckResult]:
    """Return the checks by id: of several with one id the most severe, with its message."""
    found: dict[str, SuiteCheckResult] = {}
    for one in listed:
        status = _STATUS[one["status"]]
        message = "" if status == "pass" else str(one.get("errorMessage") or "")
        before = found.get(str(one["id"]))
        if before is None or MOST_SEVERE_FIRST.index(status) < MOST_SEVERE_FIRST.index(before.status):
            found[str(one["id"])] = SuiteCheckResult(status, message)
    return found


def _what(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
