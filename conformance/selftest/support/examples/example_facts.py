"""Facts of cases in example transcripts."""

from typing import Any

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.asks import ClientRequest


def group_of(row: Requirement, *made: ClientRequest) -> dict[str, Any]:
    """Return the fact that names these attempts, for a row with the option `group`."""
    return {row.options["group"]: [one.exchange for one in made]} if "group" in row.options else {}
