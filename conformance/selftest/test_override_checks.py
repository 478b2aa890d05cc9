"""The checks of override.toml on trial."""

from typing import Any

import pytest

from conformance.selftest.asks import Ask, Line, Pairs, bearer
from conformance.selftest.attempts import attempt, without_control
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, leaves_open, shows_nothing

MINE = {"Authorization": "Bearer «override»", "X-Custom-Header": "custom-value"}
HEADER = "x-tfy-mcp-headers"


def overriding(story: Story, server: str = "everything", **details: Any) -> Ask:
    """alice sends an override along."""
    story.secret("override", "override")
    made = story.ask("alice", server, also=[(HEADER, "{«override»}")], **details)
    story.observe("flat-override", exchange=made.exchange, server=server, headers=MINE)
    return made


@keeps("OVR-001")
@pytest.mark.parametrize("server", ["everything", "mail"])
def test_an_override_arrives(story: Story, server: str) -> int:
    overriding(story, server).arrives(auth=MINE.items(), status=401).answered(502)
    return 1


@breaks("OVR-001")
@pytest.mark.parametrize(
    "auth",
    [
        [],
        [("X-Custom-Header", "custom-value")],
        [("Authorization", "Bearer «override»")],
        [("Authorization", "«override»"), ("X-Custom-Header", "custom-value")],
        [*MINE.items(), ("X-Custom-Header", "custom-value")],
        [*MINE.items(), *bearer("access:alice:mail")],
        [*bearer("access:alice:mail"), ("X-Custom-Header", "custom-value")],
    ],
    ids=[
        "nothing",
        "no auth",
        "no custom header",
        "no scheme",
        "custom twice",
        "beside the configured",
        "the configured",
    ],
)
def test_an_override_does_not_arrive(story: Story, auth: Pairs) -> Line:
    return overriding(story, "mail").arrives(auth=auth).answered().arrival


@breaks("OVR-001")
@pytest.mark.parametrize("status", [200, 400])
def test_a_call_with_an_override_does_not_arrive(story: Story, status: int) -> Ask:
    return overriding(story).answered(status)


@breaks("OVR-001")
def test_an_override_is_lost_on_a_second_try(story: Story) -> Line:
    return overriding(story).arrives(auth=MINE.items(), status=503).arrives().answered().arrival


# -- OVR-002

NESTED = {"calculator": {"Authorization": "Bearer «override»", "X-Only": "calculator"}}


def nested(story: Story, member: str) -> Ask:
    """alice calls a tool of a member, with an override for calculator."""
    story.secret("override", "override")
    made = story.ask("alice", "workbench", at=member, also=[(HEADER, "{«override»}")])
    story.observe("nested-override", exchange=made.exchange, server="workbench", headers=NESTED)
    return made


@keeps("OVR-002")
def test_each_member_gets_its_own_entry(story: Story) -> None:
    nested(story, "calculator").arrives(auth=NESTED["calculator"].items()).answered()
    nested(story, "mail").arrives().answered()
    nested(story, "web-search").arrives().answered()
    story.ask("bob", "mail").arrives(auth=()).answered()  # no concern of this rule


@breaks("OVR-002")
@pytest.mark.parametrize(
    ("member", "auth"),
    [
        ("calculator", []),
        ("calculator", [("Authorization", "Bearer «override»")]),
        ("calculator", [*NESTED["calculator"].items(), ("X-Only", "calculator")]),
        ("mail", [("Authorization", "Bearer «override»")]),
        ("mail", [*bearer("access:alice:mail"), ("X-Only", "calculator")]),
        ("mail", []),
        ("web-search", []),
        ("web-search", [("X-API-Key", "«key:web-search»"), ("Authorization", "Bearer «override»")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_member_gets_something_else(story: Story, member: str, auth: Pairs) -> Line:
    nested(story, "calculator").arrives(auth=NESTED["calculator"].items()).answered()
    return nested(story, member).arrives(auth=auth).answered().arrival


@breaks("OVR-002")
@pytest.mark.parametrize("member", ["calculator", "mail"])
def test_a_call_beside_a_nested_override_does_not_arrive(story: Story, member: str) -> Ask:
    nested(story, "calculator").arrives(auth=NESTED["calculator"].items()).answered()
    return nested(story, member).answered(400)


@shows_nothing("OVR-001", "OVR-002", "OVR-004", "OVR-005")
def test_nobody_brings_anything(story: Story) -> None:
    story.call("alice", "workbench")
    story.observe("something-else", exchange="client-0", headers={})


# -- OVR-003


@keeps("OVR-003")
def test_a_bad_override_is_refused(story: Story) -> int:
    attempt(story, "bad override", "malformed JSON", 400)
    return 1


@breaks("OVR-003")
@pytest.mark.parametrize("status", [200, 403, 422, 500])
def test_a_bad_override_is_not_called_a_bad_request(story: Story, status: int) -> Ask:
    attempt(story, "bad override", "no object", 400)
    return attempt(story, "bad override", "malformed JSON", status)


@breaks("OVR-003")
@pytest.mark.parametrize("status", [200, 400])
def test_a_bad_override_is_passed_over(story: Story, status: int) -> Line:
    return attempt(story, "bad override", "the Host header", status, lands=True).arrival


@leaves_open("OVR-003")
@pytest.mark.parametrize("answer", [400, 200])
def test_a_bad_override_where_no_override_works(story: Story, answer: int) -> None:
    without_control(story, "bad override", "malformed JSON", 400, answer=answer)


# -- OVR-004


def afterwards(story: Story, server: str = "everything", principal: str = "alice", headers: Any = None) -> Ask:
    """A call without an override, after one that had some."""
    overriding(story, server).arrives(auth=MINE.items()).answered()
    made = story.ask(principal, server)
    story.observe("without-override", exchange=made.exchange, principal=principal, headers=headers or MINE)
    return made


@keeps("OVR-004")
@pytest.mark.parametrize("principal", ["alice", "carol"])
@pytest.mark.parametrize("server", ["everything", "web-search", "mail"])
def test_an_override_is_over(story: Story, server: str, principal: str) -> int:
    afterwards(story, server, principal).arrives().answered()
    return 2  # the override is gone, and the configured auth is there


@breaks("OVR-004")
@pytest.mark.parametrize("principal", ["alice", "carol"])
@pytest.mark.parametrize(
    "auth", [MINE.items(), [("authorization", "Bearer «override»")], [("x-custom-header", "custom-value")]], ids=str
)
def test_an_override_sticks(story: Story, principal: str, auth: Pairs) -> Line:
    return afterwards(story, principal=principal).arrives(auth=auth).answered().arrival


@breaks("OVR-004")
@pytest.mark.parametrize("server", ["web-search", "mail"])
def test_an_override_is_over_and_the_configured_auth_is_lost(story: Story, server: str) -> Line:
    return afterwards(story, server).arrives(auth=()).answered().arrival


@leaves_open("OVR-004")
def test_an_override_that_never_was(story: Story) -> None:
    overriding(story).answered(400)
    made = story.call("alice", "everything")
    story.observe("without-override", exchange=made.exchange, principal="alice", headers=MINE)


# -- OVR-005


@keeps("OVR-005")
def test_the_override_header_stays(story: Story) -> int:
    overriding(story).arrives(auth=MINE.items()).answered()
    return 1


@breaks("OVR-005")
@pytest.mark.parametrize("name", ["x-tfy-mcp-headers", "X-TFY-MCP-Headers"])
def test_the_override_header_is_passed_on(story: Story, name: str) -> Line:
    return overriding(story).arrives(auth=MINE.items(), also=[(name, "{}")]).arrival


@breaks("OVR-005")
def test_the_override_header_is_passed_on_with_something_else(story: Story) -> Line:
    overriding(story).arrives(auth=MINE.items()).answered()
    return story.errand("everything", headers=[(HEADER, "{}")])


def test_the_override_header_has_the_name_of_the_dialect() -> None:
    story = Story(override_header="x-upstream-headers")
    story.ask("alice", "everything", also=[("X-Upstream-Headers", "{}")]).arrives(also=[(HEADER, "{}")]).answered()
    assert story.judged_by("OVR-005").outcome == "pass"
