"""The structure of most scenarios: an attempt, an accepted request that differs from it in one attribute, then the fence."""

from typing import Any

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

CHALLENGE = [*JSON_HEADERS, ("WWW-Authenticate", 'Bearer realm="story"')]


def attempt(
    builder: TranscriptBuilder,
    expect: str,
    attribute: str,
    status: int,
    *,
    by: str = "alice",
    server: str = "calculator",
    method: str = "tools/call",
    lands: bool = False,
    **details: Any,
) -> ClientRequest:
    """Add an attempt with this response; alice's control before it and the fence after it succeed."""
    control = builder.call("alice", server, method=method)
    made = builder.ask(by, server, method, **details)
    if lands:
        made.arrives()
    made.answered(status, headers=CHALLENGE if status == 401 else JSON_HEADERS)
    builder.probe(expect, made, control, attribute)
    builder.fence("alice", server)
    return made


def without_control(
    builder: TranscriptBuilder,
    expect: str,
    attribute: str,
    status: int,
    *,
    lands: bool = False,
    answer: int | None = None,
) -> None:
    """Add an attempt with a control that is refused with this status (or, `lands`, accepted but not seen upstream).

    `answer`: the response to the attempt, if it differs.
    """
    control = builder.ask("alice", "calculator").answered(200 if lands else status)
    made = builder.ask("alice", "calculator").answered(status if answer is None else answer)
    builder.probe(expect, made, control, attribute)
    builder.fence("alice", "calculator")
