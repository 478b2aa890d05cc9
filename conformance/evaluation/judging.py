"""Runs one check on one transcript. No network, clock or SDK: the recording is the only input."""

import traceback
from collections.abc import Set as AbstractSet
from pathlib import Path

from gatebench.conformance.outcomes import FAILURES, CheckContext, CheckResult, Outcome, conclude
from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.errors import BenchError


def judge(
    requirement: Requirement, scenario: str, transcript: Transcript, deviations: AbstractSet[str] = frozenset()
) -> CheckResult:
    """Run a requirement's check on a transcript; `deviations` are the ids that the target breaks on purpose."""
    collected = CheckContext()
    try:
        requirement.load_check()(collected, transcript)
    except BenchError:
        raise
    except Exception as error:  # noqa: BLE001 - an exception in a check is an error of the bench
        return CheckResult(
            requirement.id, scenario, Outcome.HARNESS_ERROR, reason=f"the check failed: {describe_error(error)}"
        )
    outcome, reason = conclude(collected, level=requirement.level, declared=requirement.id in deviations)
    return CheckResult(
        requirement.id,
        scenario,
        outcome,
        collected.subjects,
        tuple(collected.violations),
        reason,
        tuple(collected.remarks),
        failed=int(outcome in FAILURES),
    )


def describe_error(error: BaseException) -> str:
    """Describe an exception in one line: what and where, without a stack trace."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"
