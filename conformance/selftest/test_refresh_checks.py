"""Checks of refresh.toml on trial: CONS-013 and CONS-014. (CONS-009 and CONS-010: with the consent flow.)"""

from conformance.selftest.asks import Ask
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, leaves_open

SPENT, NEXT = "refresh:alice:mail", "refresh:alice:mail#2"


# -- CONS-013


def rejected(story: Story, *, before: bool = True) -> Ask:
    """A call that worked (or did not), and one whose token the upstream rejects."""
    control = story.ask("alice", "mail")
    control = control.arrives().answered() if before else control.refused("no")
    return story.probe("renewed", story.ask("alice", "mail"), control, "token rejected")


@keeps("CONS-013")
def test_a_rejected_token_is_renewed(story: Story) -> int:
    attempt = rejected(story).arrives(status=401)
    story.refresh("vendor")
    attempt.arrives().answered()
    return 1


@keeps("CONS-013")
def test_a_rejected_token_leads_to_consent(story: Story) -> int:
    rejected(story).arrives(status=401).asked_to_consent("https://as.example/authorize")
    return 1


@breaks("CONS-013")
def test_a_rejected_token_is_a_bad_gateway(story: Story) -> Ask:
    return rejected(story).arrives(status=401).answered(502)


@breaks("CONS-013")
def test_the_upstreams_401_is_passed_on(story: Story) -> Ask:
    return rejected(story).arrives(status=401).answered(401)


@leaves_open("CONS-013")
def test_nothing_was_rejected(story: Story) -> None:
    rejected(story).arrives().answered()


@leaves_open("CONS-013")
def test_nothing_had_worked(story: Story) -> None:
    rejected(story, before=False).arrives(status=401).answered(502)


# -- CONS-014


def known(story: Story) -> None:
    """The refresh token that a renewal gives."""
    story.secret("refresh-token", NEXT, owner="alice", audience="mail")


@keeps("CONS-014")
def test_each_refresh_token_once(story: Story) -> int:
    known(story)
    story.refresh("vendor", SPENT, gives=NEXT)
    story.refresh("vendor", NEXT)
    story.refresh("calendar-as", "refresh:alice:calendar")
    return 3


@keeps("CONS-014")
def test_what_gave_no_other_may_be_used_again(story: Story) -> int:
    story.refresh("vendor", SPENT)
    story.refresh("vendor", SPENT, status=503)
    story.refresh("vendor", SPENT)
    return 3


@breaks("CONS-014")
def test_a_spent_refresh_token_is_used_again(story: Story) -> object:
    known(story)
    story.refresh("vendor", SPENT, gives=NEXT)
    return story.refresh("vendor", SPENT, status=400)


@breaks("CONS-014")
def test_two_who_wait_both_refresh(story: Story) -> object:
    known(story)
    story.refresh("vendor", SPENT, gives=NEXT)
    story.refresh("vendor", NEXT)
    return story.refresh("vendor", SPENT, gives=NEXT)
