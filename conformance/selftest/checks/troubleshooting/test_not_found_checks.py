"""Tests of the checks of not_found.toml: wrong addresses and tools."""

from typing import Any

import pytest

from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_base import TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder
from gatebench.conformance.selftest.support.upstream_failures import listed, page, runs, surfaced

UNKNOWN = ["an unknown name", "a name with something behind it", "a name with something before it"]


def request_to_wrong_address(
    builder: TranscriptBuilder, attribute: str, names: str = "", *, by: str = "alice", method: str = "tools/call"
) -> ClientRequest:
    """Add a request to a wrong address, which names this server after normalisation."""
    control = builder.call("alice", "calculator")
    made = builder.ask(by if by != "anonymous" else "alice", "calculator", method)
    made.control = control.seq
    whose = {"server": names, "principal": by, "attribute": attribute}
    exchanges = {"attempt": made.exchange, "control": control.exchange}
    builder.recorder.note("probe", expect="wrong address", scenario="story", **whose, **exchanges)
    return made


@passes("TRB-015", "TRB-016")
@pytest.mark.parametrize("attribute", UNKNOWN)
@pytest.mark.parametrize("method", ["initialize", "tools/list", "tools/call"])
def test_unknown_server_is_answered_with_404(builder: TranscriptBuilder, attribute: str, method: str) -> int:
    surfaced(request_to_wrong_address(builder, attribute, method=method), 404)
    return 1


@fails("TRB-016")
@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 500])
def test_unknown_server_gets_another_status(builder: TranscriptBuilder, status: int) -> ClientRequest:
    return surfaced(request_to_wrong_address(builder, UNKNOWN[0]), status)


@passes("TRB-016")
def test_unknown_server_gets_the_status_of_the_dialect(builder: TranscriptBuilder) -> int:
    other = TranscriptBuilder(unknown_server=[403, 410])
    surfaced(request_to_wrong_address(other, UNKNOWN[0]), 410)
    assert other.judged_by("TRB-016").outcome == "pass"
    surfaced(request_to_wrong_address(builder, UNKNOWN[0]), 404)
    return 1


@not_observed("TRB-016")
def test_other_addresses_and_anonymous_requests_are_not_judged(builder: TranscriptBuilder) -> None:
    surfaced(request_to_wrong_address(builder, "a slash at the end", "calculator"), 403)
    surfaced(request_to_wrong_address(builder, UNKNOWN[0], by="anonymous"), 401)


@passes("TRB-015")
@pytest.mark.parametrize("status", [200, 307, 400, 404])
def test_address_with_a_slash_is_served_or_refused(builder: TranscriptBuilder, status: int) -> int:
    made = request_to_wrong_address(builder, "a slash at the end", "calculator")
    if status == 200:
        made.arrives().answered()
    else:
        made.answered(status)
    return 1


@fails("TRB-015")
@pytest.mark.parametrize("attribute", ["a name with something behind it", "part of a name", "no name"])
def test_address_of_no_server_is_forwarded(builder: TranscriptBuilder, attribute: str) -> TranscriptLine:
    made = request_to_wrong_address(builder, attribute).arrives()
    made.answered()
    return made.arrival


@fails("TRB-015")
def test_address_of_no_server_is_refused_but_forwarded(builder: TranscriptBuilder) -> TranscriptLine:
    return surfaced(request_to_wrong_address(builder, UNKNOWN[0]).arrives(), 404).arrival


@fails("TRB-015")
def test_list_at_an_unknown_server_is_answered(builder: TranscriptBuilder) -> ClientRequest:
    return request_to_wrong_address(builder, UNKNOWN[0], method="tools/list").answered()


@fails("TRB-015")
@pytest.mark.parametrize("by", ["alice", "intern-bot"])
def test_wrong_address_is_forwarded_to_another_server(builder: TranscriptBuilder, by: str) -> TranscriptLine:
    made = request_to_wrong_address(builder, "two dots", "calculator", by=by).arrives("web-search")
    made.answered()
    return made.arrival


@fails("TRB-015")
def test_wrong_address_reaches_a_server_without_access(builder: TranscriptBuilder) -> TranscriptLine:
    made = request_to_wrong_address(builder, "two slashes", "calculator", by="dave").arrives()
    made.answered()
    return made.arrival


@fails("TRB-015")
def test_wrong_address_reaches_a_server_without_token(builder: TranscriptBuilder) -> TranscriptLine:
    made = request_to_wrong_address(builder, "a slash at the end, no token", "calculator", by="anonymous").arrives()
    made.answered()
    return made.arrival


@passes("TRB-015")
@pytest.mark.parametrize("method", ["initialize", "tools/list"])
def test_address_without_a_name_is_an_endpoint_of_the_gateway(builder: TranscriptBuilder, method: str) -> int:
    request_to_wrong_address(builder, "no name", method=method).answered()
    return 1


@fails("TRB-015")
def test_call_at_an_address_without_a_name_is_served(builder: TranscriptBuilder) -> ClientRequest:
    return request_to_wrong_address(builder, "no name").answered()


# -- tools


def call_of_unknown_tool(builder: TranscriptBuilder, **details: Any) -> ClientRequest:
    control = builder.call("alice", "calculator")
    made = builder.ask("alice", "calculator", tool="WHOAMI", **details)
    return builder.probe("no such tool", made, control, "another case")


@passes("TRB-017")
@pytest.mark.parametrize("status", [200, 400, 404])
def test_unknown_tool_is_an_error(builder: TranscriptBuilder, status: int) -> int:
    surfaced(call_of_unknown_tool(builder).arrives(), status, "unknown tool")
    return 1


@passes("TRB-017")
def test_unknown_tool_is_a_tool_error(builder: TranscriptBuilder) -> int:
    made = call_of_unknown_tool(builder)
    made.answered(200, made.reply("calculator", isError=True))
    return 1


@fails("TRB-017")
def test_unknown_tool_succeeds(builder: TranscriptBuilder) -> ClientRequest:
    return call_of_unknown_tool(builder).answered()


@fails("TRB-017")
@pytest.mark.parametrize("says", ["yes", "no", "nothing"])
def test_unknown_tool_executes_another_tool(builder: TranscriptBuilder, says: str) -> ClientRequest:
    made = call_of_unknown_tool(builder)
    runs(made)
    return made.answered() if says == "yes" else surfaced(made, 200) if says == "no" else made.failed()


@fails("TRB-017")
def test_unknown_tool_is_answered_with_202(builder: TranscriptBuilder) -> ClientRequest:
    return call_of_unknown_tool(builder).answered(202)


@passes("TRB-018")
@pytest.mark.parametrize("when", ["at rest", "changed"])
def test_tool_list_is_complete(builder: TranscriptBuilder, when: str) -> int:
    page(listed(builder, when, ["whoami", "farewell"], hides=("add",)), "farewell", "whoami", "a tool of the gateway")
    return 1


@passes("TRB-018")
def test_tool_list_of_several_pages_is_complete(builder: TranscriptBuilder) -> int:
    pages = [page(builder.ask("alice", "calculator", "tools/list"), name).exchange for name in ("whoami", "echo")]
    builder.observe("listing", pages=pages, server="calculator", when="at rest", shows=["whoami", "echo"], hides=[])
    return 1


@fails("TRB-018")
@pytest.mark.parametrize("given", [["whoami"], ["whoami", "farewell", "add"], ["whoami", "Farewell"], []])
def test_tool_list_misses_or_adds_tools(builder: TranscriptBuilder, given: list[str]) -> TranscriptLine:
    return TranscriptLine(page(listed(builder, "changed", ["whoami", "farewell"], hides=("add",)), *given).seq)


@fails("TRB-018")
def test_tool_list_fails(builder: TranscriptBuilder) -> TranscriptLine:
    return TranscriptLine(surfaced(listed(builder, "at rest", ["whoami"])).seq)


def change_stream(
    builder: TranscriptBuilder, *messages: dict[str, Any], promised: Any = True, status: int = 200
) -> ClientRequest:
    connected = builder.ask("alice", "calculator", "initialize")
    capabilities = {"capabilities": {"tools": {"listChanged": promised}}}
    connected.answered(200, {"jsonrpc": "2.0", "id": connected.rpc_id, "result": capabilities})
    stream = builder.ask("alice", "calculator", "GET")
    exchanges = {"connected": connected.exchange, "stream": stream.exchange}
    builder.observe("listening", server="calculator", seconds=2.0, **exchanges)
    return stream.streamed(*messages, how="closed") if status == 200 else stream.answered(status)


CHANGED = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
PROGRESS = {"jsonrpc": "2.0", "method": "notifications/message", "params": {}}


@passes("TRB-019")
def test_tool_change_is_announced(builder: TranscriptBuilder) -> int:
    change_stream(builder, PROGRESS, CHANGED)
    return 1


@fails("TRB-019")
def test_tool_change_is_not_announced(builder: TranscriptBuilder) -> TranscriptLine:
    return TranscriptLine(change_stream(builder, PROGRESS).seq)


@not_observed("TRB-019")
@pytest.mark.parametrize("promised", [False, None, "yes"])
def test_changes_without_the_capability_are_not_judged(builder: TranscriptBuilder, promised: Any) -> None:
    change_stream(builder, PROGRESS, promised=promised)


@not_observed("TRB-019")
def test_changes_without_a_get_stream_are_not_judged(builder: TranscriptBuilder) -> None:
    change_stream(builder, status=405)
