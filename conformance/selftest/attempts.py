"""The shape of most scenarios: an attempt beside an accepted request that differs from it in one attribute, then the fence."""

from typing import Any

from conformance.selftest.asks import JSON_HEADERS, Ask
from conformance.selftest.story import Story

CHALLENGE = [*JSON_HEADERS, ("WWW-Authenticate", 'Bearer realm="story"')]


def attempt(
    story: Story,
    expect: str,
    attribute: str,
    status: int,
    *,
    by: str = "alice",
    server: str = "calculator",
    method: str = "tools/call",
    lands: bool = False,
    **details: Any,
) -> Ask:
    """Somebody's attempt with this answer; alice's control before it and fence behind it go well."""
    control = story.call("alice", server, method=method)
    made = story.ask(by, server, method, **details)
    if lands:
        made.arrives()
    made.answered(status, headers=CHALLENGE if status == 401 else JSON_HEADERS)
    story.probe(expect, made, control, attribute)
    story.fence("alice", server)
    return made


def without_control(
    story: Story, expect: str, attribute: str, status: int, *, lands: bool = False, answer: int | None = None
) -> None:
    """An attempt beside a control that is refused with this status (or, `lands`, accepted but seen by no upstream).

    `answer`: what the attempt is answered, if not the same.
    """
    control = story.ask("alice", "calculator").answered(200 if lands else status)
    made = story.ask("alice", "calculator").answered(status if answer is None else answer)
    story.probe(expect, made, control, attribute)
    story.fence("alice", "calculator")
