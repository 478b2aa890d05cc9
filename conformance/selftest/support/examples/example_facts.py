"""What the example transcripts of all shapes have in common: their type, options, and facts of their cases."""

import json
from collections.abc import Callable
from typing import Any

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.fixtures.protocol import messages
from gatebench.fixtures.world import definition

Example = Callable[[TranscriptBuilder, Requirement, str], ClientRequest | TranscriptLine]
"""A function that adds the case of a row to a transcript, and returns where a violation of it is reported."""


def with_options(example: Any, **options: Any) -> Example:
    """Return an example that is called with these options."""
    return lambda builder, row, case: example(builder, row, case, **options)


def group_of(row: Requirement, *made: ClientRequest) -> dict[str, Any]:
    """Return the fact that names these attempts, for a row with the option `group`."""
    return {row.options["group"]: [one.exchange for one in made]} if "group" in row.options else {}


def asked_in_newest(builder: TranscriptBuilder, row: Requirement, method: str, node: str) -> None:
    """Add the request of a gateway for a list in 2026-07-28, for a row that is about that revision at the upstream."""
    if row.options.get("newest_leg"):
        meta = {messages.META_VERSION: definition.MODERN_REVISION}
        message = {"jsonrpc": "2.0", "id": "own", "method": method, "params": {"_meta": meta}}
        builder.errand(node, body=json.dumps(message))
