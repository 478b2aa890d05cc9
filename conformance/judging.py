"""A requirement, a transcript, a judgement: no network, no clock, no SDK. What was recorded is all there is."""

import traceback
from collections.abc import Set as AbstractSet
from pathlib import Path

from conformance.registry import Requirement
from conformance.transcript import Transcript
from conformance.verdict import RED, Judge, Judgement, Outcome, conclude
from fixtures.errors import BenchError


def judge(
    requirement: Requirement, scenario: str, transcript: Transcript, deviations: AbstractSet[str] = frozenset()
) -> Judgement:
    """Have a requirement's check look at a transcript; `deviations` are the ids that the target breaks on purpose."""
    collected = Judge()
    try:
        requirement.load_check()(collected, transcript)
    except BenchError:
        raise
    except Exception as error:  # noqa: BLE001 - a check that trips is our fault, not the gateway's
        return Judgement(
            requirement.id, scenario, Outcome.HARNESS_ERROR, reason=f"the check failed: {described(error)}"
        )
    outcome, reason = conclude(collected, level=requirement.level, declared=requirement.id in deviations)
    return Judgement(
        requirement.id,
        scenario,
        outcome,
        collected.subjects,
        tuple(collected.violations),
        reason,
        tuple(collected.remarks),
        failed=int(outcome in RED),
    )


def described(error: BaseException) -> str:
    """An exception in a line: what and where, without a stack."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})"
