"""The checks of not_found.toml on trial: wrong addresses and tools."""

from typing import Any

import pytest

from conformance.selftest.asks import Ask, Line
from conformance.selftest.failures import listed, page, runs, told
from conformance.selftest.story import Story
from conformance.selftest.trial import breaks, keeps, shows_nothing

UNKNOWN = ["an unknown name", "a name with something behind it", "a name with something before it"]


def astray(story: Story, attribute: str, names: str = "", *, by: str = "alice", method: str = "tools/call") -> Ask:
    """Somebody's request to a wrong address, which names this server when it is tidied up."""
    control = story.call("alice", "calculator")
    made = story.ask(by if by != "nobody" else "alice", "calculator", method)
    made.control = control.seq
    whose = {"server": names, "principal": by, "attribute": attribute}
    exchanges = {"attempt": made.exchange, "control": control.exchange}
    story.recorder.note("probe", expect="wrong address", scenario="story", **whose, **exchanges)
    return made


@keeps("TRB-015", "TRB-016")
@pytest.mark.parametrize("attribute", UNKNOWN)
@pytest.mark.parametrize("method", ["initialize", "tools/list", "tools/call"])
def test_no_such_server(story: Story, attribute: str, method: str) -> int:
    told(astray(story, attribute, method=method), 404)
    return 1


@breaks("TRB-016")
@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 500])
def test_no_such_server_in_another_way(story: Story, status: int) -> Ask:
    return told(astray(story, UNKNOWN[0]), status)


@keeps("TRB-016")
def test_a_dialect_for_unknown_servers(story: Story) -> int:
    other = Story(unknown_server=[403, 410])
    told(astray(other, UNKNOWN[0]), 410)
    assert other.judged_by("TRB-016").outcome == "pass"
    told(astray(story, UNKNOWN[0]), 404)
    return 1


@shows_nothing("TRB-016")
def test_other_addresses_and_those_who_need_not_know(story: Story) -> None:
    told(astray(story, "a slash at the end", "calculator"), 403)
    told(astray(story, UNKNOWN[0], by="nobody"), 401)


@keeps("TRB-015")
@pytest.mark.parametrize("status", [200, 307, 400, 404])
def test_an_address_that_is_understood_or_not(story: Story, status: int) -> int:
    made = astray(story, "a slash at the end", "calculator")
    if status == 200:
        made.arrives().answered()
    else:
        made.answered(status)
    return 1


@breaks("TRB-015")
@pytest.mark.parametrize("attribute", ["a name with something behind it", "part of a name", "no name"])
def test_an_address_that_names_nothing_is_served(story: Story, attribute: str) -> Line:
    made = astray(story, attribute).arrives()
    made.answered()
    return made.arrival


@breaks("TRB-015")
def test_an_address_that_names_nothing_is_refused_and_served_all_the_same(story: Story) -> Line:
    return told(astray(story, UNKNOWN[0]).arrives(), 404).arrival


@breaks("TRB-015")
def test_a_list_without_an_upstream(story: Story) -> Ask:
    return astray(story, UNKNOWN[0], method="tools/list").answered()


@breaks("TRB-015")
@pytest.mark.parametrize("by", ["alice", "intern-bot"])
def test_another_server_is_served(story: Story, by: str) -> Line:
    made = astray(story, "two dots", "calculator", by=by).arrives("web-search")
    made.answered()
    return made.arrival


@breaks("TRB-015")
def test_a_server_that_the_caller_may_not_use(story: Story) -> Line:
    made = astray(story, "two slashes", "calculator", by="dave").arrives()
    made.answered()
    return made.arrival


@breaks("TRB-015")
def test_the_right_server_without_a_token(story: Story) -> Line:
    made = astray(story, "a slash at the end, no token", "calculator", by="nobody").arrives()
    made.answered()
    return made.arrival


# -- tools


def no_such_tool(story: Story, **details: Any) -> Ask:
    control = story.call("alice", "calculator")
    made = story.ask("alice", "calculator", tool="WHOAMI", **details)
    return story.probe("no such tool", made, control, "another case")


@keeps("TRB-017")
@pytest.mark.parametrize("status", [200, 400, 404])
def test_a_tool_that_does_not_exist(story: Story, status: int) -> int:
    told(no_such_tool(story).arrives(), status, "unknown tool")
    return 1


@keeps("TRB-017")
def test_a_tool_error_for_one_that_does_not_exist(story: Story) -> int:
    made = no_such_tool(story)
    made.answered(200, made.reply("calculator", isError=True))
    return 1


@breaks("TRB-017")
def test_a_tool_that_does_not_exist_succeeds(story: Story) -> Ask:
    return no_such_tool(story).answered()


@breaks("TRB-017")
@pytest.mark.parametrize("says", ["yes", "no", "nothing"])
def test_another_tool_is_executed(story: Story, says: str) -> Ask:
    made = no_such_tool(story)
    runs(made)
    return made.answered() if says == "yes" else told(made, 200) if says == "no" else made.failed()


@breaks("TRB-017")
def test_no_word_about_a_tool_that_does_not_exist(story: Story) -> Ask:
    return no_such_tool(story).answered(202)


@keeps("TRB-018")
@pytest.mark.parametrize("when", ["at rest", "changed"])
def test_a_list_of_what_exists(story: Story, when: str) -> int:
    page(listed(story, when, ["whoami", "farewell"], hides=("add",)), "farewell", "whoami", "a tool of the gateway")
    return 1


@keeps("TRB-018")
def test_a_list_of_several_pages(story: Story) -> int:
    pages = [page(story.ask("alice", "calculator", "tools/list"), name).exchange for name in ("whoami", "echo")]
    story.observe("listing", pages=pages, server="calculator", when="at rest", shows=["whoami", "echo"], hides=[])
    return 1


@breaks("TRB-018")
@pytest.mark.parametrize("given", [["whoami"], ["whoami", "farewell", "add"], ["whoami", "Farewell"], []])
def test_a_list_of_something_else(story: Story, given: list[str]) -> Line:
    return Line(page(listed(story, "changed", ["whoami", "farewell"], hides=("add",)), *given).seq)


@breaks("TRB-018")
def test_no_list(story: Story) -> Line:
    return Line(told(listed(story, "at rest", ["whoami"])).seq)


def listening(story: Story, *messages: dict[str, Any], promised: Any = True, status: int = 200) -> Ask:
    connected = story.ask("alice", "calculator", "initialize")
    capabilities = {"capabilities": {"tools": {"listChanged": promised}}}
    connected.answered(200, {"jsonrpc": "2.0", "id": connected.rpc_id, "result": capabilities})
    stream = story.ask("alice", "calculator", "GET")
    exchanges = {"connected": connected.exchange, "stream": stream.exchange}
    story.observe("listening", server="calculator", seconds=2.0, **exchanges)
    return stream.streamed(*messages, how="closed") if status == 200 else stream.answered(status)


CHANGED = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
PROGRESS = {"jsonrpc": "2.0", "method": "notifications/message", "params": {}}


@keeps("TRB-019")
def test_a_change_is_announced(story: Story) -> int:
    listening(story, PROGRESS, CHANGED)
    return 1


@breaks("TRB-019")
def test_a_change_is_not_announced(story: Story) -> Line:
    return Line(listening(story, PROGRESS).seq)


@shows_nothing("TRB-019")
@pytest.mark.parametrize("promised", [False, None, "yes"])
def test_no_announcements_are_promised(story: Story, promised: Any) -> None:
    listening(story, PROGRESS, promised=promised)


@shows_nothing("TRB-019")
def test_nobody_can_listen(story: Story) -> None:
    listening(story, status=405)
