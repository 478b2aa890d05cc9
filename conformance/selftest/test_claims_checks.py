"""The checks of claims.toml on trial."""

from typing import Any

import pytest

from conformance.selftest.asks import Ask
from conformance.selftest.story import REGISTRY, Story
from conformance.selftest.trial import breaks, keeps, shows_nothing
from conformance.transcript import Transcript
from conformance.verdict import Judge


def feature(story: Story, by: str, exchange: Ask | None = None, *, claimed: bool = True, **facts: Any) -> Ask | None:
    """A feature and the example that shows it."""
    shown = {"by": by, "example": "an example", "detail": "nothing", **facts}
    shown |= {"exchange": exchange.exchange} if exchange else {}
    story.observe("feature", feature="a feature", claimed=claimed, **shown)
    return exchange


def listed(story: Story, tools: Any) -> Ask:
    made = story.ask("alice", "workbench", "tools/list")
    return made.answered(200, made.reply("mail", tools=tools))


def connected(story: Story, **result: Any) -> Ask:
    made = story.ask("alice", "calculator", "initialize")
    return made.answered(200, made.reply("calculator", **result))


OVERRIDE: dict[str, Any] = {"header": "X-Custom-Header", "value": "n-1"}
NEW = "2026-07-28"


@keeps("CLM-001")
def test_what_is_claimed_shows(story: Story) -> int:
    feature(story, "call", story.call("alice", "calculator"))
    feature(story, "refusal", story.ask("dave", "calculator").answered(403))
    feature(story, "list", listed(story, [{"name": "whoami"}]))
    overriding = story.ask("alice", "calculator").arrives(also=[("x-custom-header", "n-1")])
    feature(story, "header", overriding.answered(), **OVERRIDE)
    feature(story, "revision", connected(story, protocolVersion=NEW), revision=NEW)
    feature(story, "revision", connected(story, supportedVersions=["2025-11-25", NEW]), revision=NEW)
    feature(story, "verb", supported=True)
    return 7


@breaks("CLM-001")
@pytest.mark.parametrize("status", [200, 403])
def test_a_claimed_call_fails(story: Story, status: int) -> Ask | None:
    return feature(story, "call", story.ask("alice", "calculator").arrives().refused("no", status=status))


@breaks("CLM-001")
def test_a_claimed_call_arrives_nowhere(story: Story) -> Ask | None:
    return feature(story, "call", story.ask("alice", "calculator").answered())


@breaks("CLM-001")
@pytest.mark.parametrize("status", [200, 400, 401, 404, 500])
def test_nobody_is_refused(story: Story, status: int) -> Ask | None:
    return feature(story, "refusal", story.ask("dave", "calculator").answered(status))


@breaks("CLM-001")
def test_somebody_is_refused_and_passed_on(story: Story) -> Ask | None:
    return feature(story, "refusal", story.ask("dave", "calculator").arrives().answered(403))


@breaks("CLM-001")
@pytest.mark.parametrize("tools", [[], None])
def test_nothing_is_listed(story: Story, tools: Any) -> Ask | None:
    return feature(story, "list", listed(story, tools))


@breaks("CLM-001")
@pytest.mark.parametrize("header", [("x-custom-header", "n-2"), ("x-custom", "n-1")], ids=str)
def test_an_override_does_not_show(story: Story, header: tuple[str, str]) -> Ask | None:
    overriding = story.ask("alice", "calculator").arrives(also=[header])
    return feature(story, "header", overriding.answered(), **OVERRIDE)


@breaks("CLM-001")
@pytest.mark.parametrize(
    "result",
    [
        {},
        {"protocolVersion": "2025-11-25"},
        {"supportedVersions": ["2025-11-25"]},
        {"supportedVersions": NEW},
        {"supportedVersions": 5},
    ],
    ids=str,
)
def test_another_revision_is_spoken(story: Story, result: dict[str, Any]) -> Ask | None:
    return feature(story, "revision", connected(story, **result), revision=NEW)


@breaks("CLM-001")
@pytest.mark.parametrize("by", ["list", "revision", "call"])
@pytest.mark.parametrize("result", [[1], "text", None, 5], ids=str)
def test_an_answer_that_is_none(story: Story, by: str, result: Any) -> Ask | None:
    made = story.ask("alice", "calculator").arrives().answered(200, {"jsonrpc": "2.0", "id": 1, "result": result})
    return feature(story, by, made, revision=NEW)


@breaks("CLM-001")
@pytest.mark.parametrize("facts", [{"by": "verb", "supported": False}, {"by": "nothing"}], ids=str)
def test_there_is_not_even_an_exchange(story: Story, facts: dict[str, Any]) -> None:
    feature(story, **facts)


@keeps("CLM-001")
def test_what_is_not_claimed_may_fail(story: Story) -> int:
    feature(story, "call", story.ask("alice", "calculator").answered(403), claimed=False)
    return 1


def test_what_works_without_being_claimed_is_mentioned(story: Story) -> None:
    feature(story, "verb", supported=True, claimed=False)
    feature(story, "verb", supported=False, claimed=False)
    feature(story, "verb", supported=True)
    judge = Judge()
    REGISTRY["CLM-001"].load_check()(judge, Transcript(story.events, story.facts))
    assert judge.remarks == ["a feature is not claimed, and works: an example"]
    assert not judge.violations


@shows_nothing("CLM-001")
def test_another_observation(story: Story) -> None:
    story.observe("guide-call", error="all is lost")
