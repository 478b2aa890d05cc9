"""The checks of agent.toml on trial."""

from typing import Any

import pytest

from conformance.selftest.asks import Ask
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, shows_nothing

URL = "http://127.0.0.1:5000/oauth/connect/1"
SHAPES: dict[str, dict[str, Any]] = {
    "success": {"success": True, "result": {"nonce": "n-1"}},
    "auth_required": {"success": False, "auth_required": True, "authorization_urls": [URL], "server": "mail"},
    "error": {"success": False, "error": "Unknown tool: no-such-tool"},
}
NEITHER: list[dict[str, Any]] = [
    {},
    {"success": False},
    {"success": False, "error": " "},
    {"success": True, "result": {"nonce": "n-2"}},
    {"success": True, "result": None},
    {"success": True},
    {"success": False, "auth_required": True, "authorization_urls": [], "server": "mail", "error": "x"},
    {"success": False, "auth_required": True, "authorization_urls": [URL], "server": "calendar"},
    {"success": False, "auth_required": True, "authorization_urls": [URL]},
]


def agent_call(story: Story, expected: str, answer: dict[str, Any]) -> None:
    """The agent has called a tool of mail."""
    story.observe("agent-call", server="mail", mode="auto", expected=expected, nonce="n-1", answer=answer)


@keeps("AGT-001")
def test_the_three_shapes(story: Story) -> int:
    for expected, answer in SHAPES.items():
        agent_call(story, expected, answer)
    return 3


@breaks("AGT-001")
@pytest.mark.parametrize("expected", SHAPES)
@pytest.mark.parametrize("other", SHAPES)
def test_another_shape(story: Story, expected: str, other: str) -> None:
    agent_call(story, expected, SHAPES[other] if other != expected else {})


@breaks("AGT-001")
@pytest.mark.parametrize("answer", NEITHER, ids=str)
@pytest.mark.parametrize("expected", SHAPES)
def test_no_shape_at_all(story: Story, expected: str, answer: dict[str, Any]) -> None:
    agent_call(story, expected, answer)


def unknown_server(story: Story, error: str = "ValueError", *, sends: bool = False) -> Ask | None:
    """The agent is asked for a server that it does not know."""
    story.call("alice", "calculator")
    begin = story.here()
    sent = story.call("alice", "calculator") if sends else None
    positions = {"from": begin, "to": story.here()}
    story.observe("agent-unknown-server", server="nowhere", error=error, **positions)
    story.call("alice", "calculator")
    return sent


@keeps("AGT-002")
def test_an_unknown_server(story: Story) -> int:
    unknown_server(story)
    return 1


@breaks("AGT-002")
def test_something_is_sent_for_an_unknown_server(story: Story) -> Ask | None:
    return unknown_server(story, sends=True)


@breaks("AGT-002")
@pytest.mark.parametrize("error", ["no error", "ConnectError"])
def test_another_error_for_an_unknown_server(story: Story, error: str) -> None:
    unknown_server(story, error)


@shows_nothing("AGT-001", "AGT-002")
def test_another_observation(story: Story) -> None:
    story.observe("guide-call", error="all is lost")
