"""Tables of cases in one test: with a test for each, pytest takes longer than the cases themselves."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Case = TypeVar("Case")


def check_each(cases: Iterable[Case], check: Callable[[Case], None], name: Callable[[Case], str] = str) -> None:
    """Run the check on every case. Raises ExceptionGroup, which names each case that failed, with its error."""
    failures: dict[str, Exception] = {}
    for case in cases:
        try:
            check(case)
        except Exception as error:  # noqa: BLE001 - raised below, when all cases have run
            error.add_note(f"in the case {name(case)}")
            failures[name(case)] = error
    if failures:
        raise ExceptionGroup(f"{len(failures)} cases failed: {', '.join(failures)}", [*failures.values()])
