"""The checks of troubleshooting.toml on trial: everybody else meanwhile, what is executed, and afterwards."""

import pytest

from conformance.selftest.asks import Ask, Line
from conformance.selftest.attempts import without_control
from conformance.selftest.failures import FAILED, fails, listed, page, runs, told
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, leaves_open, shows_nothing

EXPECTED = {
    "troubled": ("TRB-001", "TRB-002", "TRB-003", "TRB-004", "TRB-005", "TRB-006", "TRB-007", "TRB-008"),
    "elsewhere": ("TRB-009",),
    "well again": ("TRB-010",),
    "session regained": ("TRB-014",),
    "wrong address": ("TRB-015", "TRB-016"),
    "no such tool": ("TRB-017",),
    "new tool": ("TRB-018",),
}


@leaves_open({name: [expect] for expect, names in EXPECTED.items() for name in names})
@pytest.mark.parametrize("lands", [False, True], ids=["refused as well", "accepted but never seen"])
def test_a_server_that_never_worked(story: Story, value: str, lands: bool) -> None:
    without_control(story, value, FAILED, 502, lands=lands)


@shows_nothing(*(name for names in EXPECTED.values() for name in names), "TRB-011", "TRB-012", "TRB-013", "TRB-019")
def test_nothing_is_wrong(story: Story) -> None:
    story.call("alice", "calculator")


@keeps("TRB-009")
def test_another_server_works(story: Story) -> int:
    before = story.call("alice", "everything")
    hanging = fails(story)
    story.probe("elsewhere", story.call("alice", "everything"), before, FAILED)
    told(hanging, 504)
    return 1


@breaks("TRB-009")
@pytest.mark.parametrize("status", [200, 502, 503])
def test_another_server_fails_as_well(story: Story, status: int) -> Ask:
    before = story.call("alice", "everything")
    told(fails(story))
    made = told(story.ask("alice", "everything"), status)
    return story.probe("elsewhere", made, before, FAILED)


@breaks("TRB-009")
def test_another_server_waits(story: Story) -> Ask:
    before = story.call("alice", "everything")
    hanging = fails(story)
    waiting = story.ask("alice", "everything").arrives()
    told(hanging, 504)
    return story.probe("elsewhere", waiting.answered(), before, FAILED)


AFTERWARDS = {"TRB-010": ["well again"], "TRB-014": ["session regained"], "TRB-018": ["new tool"]}


@keeps(AFTERWARDS)
def test_it_works(story: Story, value: str) -> int:
    before = story.call("alice", "calculator")
    story.probe(value, story.call("alice", "calculator"), before, FAILED)
    return 1


@breaks(AFTERWARDS)
@pytest.mark.parametrize("status", [200, 400, 404, 503])
def test_it_does_not_work(story: Story, value: str, status: int) -> Ask:
    before = story.call("alice", "calculator")
    return story.probe(value, told(story.ask("alice", "calculator"), status), before, FAILED)


@keeps("TRB-011")
def test_once(story: Story) -> int:
    for _ in range(2):
        runs(story.ask("alice", "calculator"))
    story.ask("alice", "calculator").arrives().failed()
    return 2


@breaks("TRB-011")
@pytest.mark.parametrize("again", ["", "everything"], ids=["the same", "another"])
def test_twice(story: Story, again: str) -> Line:
    made = story.ask("alice", "calculator")
    runs(made)
    return runs(made.failed(), node=again)


@keeps("TRB-011")
def test_twice_because_it_was_sent_twice(story: Story) -> int:
    first, second = story.ask("alice", "calculator"), story.ask("alice", "calculator")
    for event in story.events:
        if event.get("exchange") == second.exchange:
            event["nonce"] = first.nonce
            event["body"] = event["body"].replace(second.nonce, first.nonce)
    runs(first)
    runs(first)
    return 2


# -- virtual servers


OTHERS = ["web-search_whoami", "mail_whoami"]


@keeps("TRB-012", "TRB-013")
@pytest.mark.parametrize("also", [[], ["calculator_whoami"]])
def test_the_other_members_are_listed(story: Story, also: list[str]) -> int:
    page(listed(story, "in trouble", OTHERS, at="workbench"), *OTHERS, *also)
    return 1


@breaks("TRB-012")
@pytest.mark.parametrize("given", [[], OTHERS[:1], ["calculator_whoami"]])
def test_other_members_are_missing(story: Story, given: list[str]) -> Line:
    return Line(page(listed(story, "in trouble", OTHERS, at="workbench"), *given).seq)


@breaks("TRB-013")
def test_nothing_is_listed(story: Story) -> Line:
    return Line(told(listed(story, "in trouble", OTHERS, at="workbench")).seq)


@shows_nothing("TRB-012")
def test_a_list_that_fails_is_not_short(story: Story) -> None:
    told(listed(story, "in trouble", OTHERS, at="workbench"))
