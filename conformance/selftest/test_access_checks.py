"""The checks of access.toml on trial."""

import pytest

from conformance.selftest.asks import Ask, Line
from conformance.selftest.attempts import attempt, without_control
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, leaves_open, shows_nothing

DENIALS = {
    "ACC-001": ["no access", "no access for a virtual account"],
    "ACC-003": ["access not granted yet", "access withdrawn"],
}
EITHER = {**DENIALS, "ACC-002": ["no access", "access withdrawn"]}


def granted(story: Story, outcome: int = 200) -> Ask:
    """Access is granted, and used."""
    control = story.call("support-bot", "everything")
    used = story.ask("dave", "everything")
    used = used.arrives().answered() if outcome == 200 else used.answered(outcome)
    return story.probe("granted", used, control, "access granted now")


@keeps(EITHER)
def test_denied(story: Story, value: str) -> int:
    attempt(story, "denied", value, 403, by="dave")
    return 1


@breaks(DENIALS)
@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_denied_in_another_way(story: Story, value: str, status: int) -> Ask:
    return attempt(story, "denied", value, status, by="dave")


@breaks("ACC-001")
def test_only_the_call_is_denied_and_the_list_is_given(story: Story) -> Ask:
    attempt(story, "denied", "no access", 403, by="dave")
    return attempt(story, "denied", "no access", 200, by="dave", method="tools/list", lands=True)


@breaks("ACC-001")
def test_denied_in_a_tool_result(story: Story) -> Ask:
    control = story.call("alice", "calculator")
    made = story.ask("dave", "calculator")
    made.answered(200, made.reply("calculator", isError=True))
    return story.probe("denied", made, control, "no access")


@keeps("ACC-001", "ACC-002")
def test_a_dialect_that_hides_servers(story: Story) -> int:
    hiding = Story(denied=[404])
    attempt(hiding, "denied", "no access", 404, by="dave")
    assert hiding.judged_by("ACC-001").outcome == "pass"
    attempt(story, "denied", "no access", 403, by="dave")
    return 1


@breaks("ACC-002")
def test_denied_and_passed_on_all_the_same(story: Story) -> Line:
    return attempt(story, "denied", "no access", 403, by="dave", lands=True).arrival


@breaks("ACC-002")
def test_denied_and_arriving_after_the_fence(story: Story) -> Line:
    return attempt(story, "denied", "no access", 403, by="dave").arrives().arrival


@breaks("ACC-002")
def test_denied_and_arriving_elsewhere(story: Story) -> Line:
    return attempt(story, "denied", "no access", 403, by="dave").arrives(at="everything").arrival


@leaves_open("ACC-002")
@pytest.mark.parametrize("fenced", ["nowhere", "at another server", "before", "in vain"])
def test_denied_and_perhaps_still_on_its_way(story: Story, fenced: str) -> None:
    control = story.call("alice", "calculator")
    if fenced == "before":
        story.fence("alice", "calculator")
    made = story.ask("dave", "calculator").answered(403)
    story.probe("denied", made, control, "no access")
    if fenced == "at another server":
        story.fence("alice", "everything")
    if fenced == "in vain":
        lost = story.ask("alice", "calculator").answered(502)
        story.recorder.note("fence", nonce=lost.nonce, exchange=lost.exchange, scenario="story")


@leaves_open(EITHER)
@pytest.mark.parametrize("lands", [False, True], ids=["refused as well", "accepted but never seen"])
def test_denied_to_everybody(story: Story, value: str, lands: bool) -> None:
    without_control(story, "denied", value, 403, lands=lands)


@keeps("ACC-003")
def test_granted(story: Story) -> int:
    granted(story)
    return 1


@breaks("ACC-003")
def test_granted_and_still_denied(story: Story) -> Ask:
    return granted(story, 403)


@leaves_open("ACC-003")
def test_granted_while_nothing_works(story: Story) -> None:
    control = story.ask("support-bot", "everything").answered(502)
    story.probe("granted", story.ask("dave", "everything").answered(502), control, "access granted now")


@shows_nothing("ACC-001", "ACC-003")
def test_somebody_elses_probes(story: Story) -> None:
    attempt(story, "unauthenticated", "no access", 401)
    attempt(story, "denied", "the moon is full", 200)


@keeps("ACC-004")
def test_everybody_uses_what_they_may(story: Story) -> int:
    story.call("alice", "calculator")
    story.call("support-bot", "web-search")
    story.call("carol", "crm").streamed()
    story.ask("alice", "calculator", "tools/list").answered(500)  # what is judged is the call
    return 3


@breaks("ACC-004")
@pytest.mark.parametrize("principal", ["alice", "support-bot", "carol"])
def test_one_who_may_is_refused(story: Story, principal: str) -> Ask:
    story.call("bob", "calculator")
    return story.ask(principal, "calculator").answered(403)


@breaks("ACC-004")
def test_one_who_may_gets_an_error_in_a_good_answer(story: Story) -> Ask:
    return story.ask("alice", "calculator").refused("no", status=200)


@breaks("ACC-004")
def test_one_who_may_gets_a_tool_error(story: Story) -> Ask:
    made = story.ask("alice", "calculator")
    return made.answered(200, made.reply("calculator", isError=True))


@shows_nothing("ACC-004")
def test_one_who_may_not(story: Story) -> None:
    story.ask("dave", "calculator").answered(403)
    story.ask("intern-bot", "web-search").answered(403)
