"""Ways in which correct gateways write values and frame responses: no requirement about values may count one as a violation."""

import json
from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.checks.liberties.test_liberties import Liberty
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.examples.response_examples import kept_for
from gatebench.conformance.selftest.support.outcome_marks import HARMLESS
from gatebench.conformance.selftest.support.transcript_base import STREAM_HEADERS
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder
from gatebench.conformance.selftest.support.upstream_failures import landed_as


def numbers_written_its_own_way(builder: TranscriptBuilder) -> None:
    """Writes numbers in another form of the same value, and other escapes, in both directions."""
    made = builder.ask("alice", "calculator", arguments={"value": [1.0, 100, 0.1, -0.0, "é", 2**53]})
    value = [1, 100.0, 0.10000000000000001, 0, "\u00e9", 2**53]
    made.arrives(changed={"arguments": {"value": value, "nonce": made.nonce}}, replies={"structuredContent": {"v": 1}})
    result = made.upstream_message["result"] | {"structuredContent": {"v": 1.0}, "_meta": {"gateway": 1}}
    made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": result})
    for case in ("integers", "fractions", "unicode", "structured"):
        builder.case(case, made)


def framings_of_its_own(builder: TranscriptBuilder) -> None:
    """Answers in another framing than the upstream's, under the client's id and with members of its own."""
    for case in ("byte-order-mark", "priming-event", "json-type-in-capitals", "notifications-before", "request-ids"):
        made = builder.ask("alice", "calculator", rpc_id="").arrives(events=[{"jsonrpc": "2.0", "method": "ping"}])
        result = made.upstream_message["result"] | {"isError": False, "_meta": {"gateway": True}}
        made.streamed({"jsonrpc": "2.0", "id": "", "result": result}, comment="\ufeff: priming\nid: 1\ndata:\n\n")
        builder.case(case, made)


def refusals_without_ids(builder: TranscriptBuilder) -> None:
    """Refuses with a status and no id in the body, or no body, whatever the id; or with the id in each."""
    for case in ("no-access-ids", "bad-override-ids"):
        made = [builder.ask("alice", "calculator", rpc_id=rpc_id) for rpc_id in (41, 0, "")]
        error = {"jsonrpc": "2.0", "error": {"code": -32600, "message": "no"}}
        made[0].answered(403, error)
        made[1].answered(403, error | {"id": None})
        made[2].answered(403, body="no access")
        builder.case(case, *made)
    builder.case(
        "unknown-tool-ids", *(builder.ask("alice", "calculator", rpc_id=one).refused("no", 404) for one in (41, 0, ""))
    )


def incomplete_responses_refused(builder: TranscriptBuilder) -> None:
    """Refuses an incomplete response with a status, with a JSON-RPC error or in a tool's error, or just ends."""
    refused = builder.ask("alice", "calculator").arrives().refused("the server calculator broke off", 502)
    failed = builder.ask("alice", "calculator").arrives().refused("the server calculator broke off", 200)
    ended = builder.ask("alice", "calculator").arrives().answered(headers=STREAM_HEADERS, body=": bye\n\n")
    cut = builder.ask("alice", "calculator").arrives().failed()
    complete = builder.ask("alice", "calculator").arrives()
    text = [{"type": "text", "text": "calculator broke off"}]
    complete.answered(200, complete.reply("calculator", isError=True, content=text))
    builder.case("stream-ends-in-the-response", refused, failed, ended, cut, complete)


def errors_under_another_status(builder: TranscriptBuilder) -> None:
    """Forwards errors under status 200 or 400, whatever the upstream's, with members in another order."""
    for status, other in ((200, 400), (400, 200)):
        made = builder.ask("alice", "calculator")
        error = {"code": 4711, "message": "no", "data": {"a": 1, "b": [None]}}
        landed_as(made, status, json.dumps({"jsonrpc": "2.0", "id": 9, "error": error}))
        swapped = {"data": {"b": [None], "a": 1.0}, "message": "no", "code": 4711}
        made.answered(other, {"error": swapped, "id": made.rpc_id, "jsonrpc": "2.0"})
        builder.case("errors-with-a-status", made)
        builder.case("errors-as-json", made)


def lists_in_pages_of_its_own(builder: TranscriptBuilder) -> None:
    """Lists tools in another order, on other pages, beside the tools of other members, under its prefix."""

    def page(server: str, names: list[str], **details: Any) -> ClientRequest:
        made = builder.ask("alice", server, "tools/list", **details)
        tools = [{"inputSchema": {"type": "object", "x-a": 1}, "name": name, "title": "T"} for name in names]
        return made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"tools": tools}})

    original = page("calculator", ["a", "b", "c"], client="direct")
    first = page("desk", ["web-search_a", "calculator_c"], at="calculator")
    second = page("desk", ["calculator_a", "calculator_b", "mine"], at="calculator")
    for case in ("thousand-tools", "annotated-tools", "described-tools"):
        builder.case(case, first, second, member="calculator", original=[original.exchange])


def hints_written_with_their_defaults(builder: TranscriptBuilder) -> None:
    """Writes the hints that a tool does not have, with the values that their absence means."""
    defaults = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False, "openWorldHint": True}

    def page(*annotations: dict[str, Any], **details: Any) -> ClientRequest:
        made = builder.ask("alice", "calculator", "tools/list", **details)
        tools = [{"name": f"t{n}", "inputSchema": {}} | one for n, one in enumerate(annotations)]
        return made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"tools": tools}})

    original = page({"annotations": {"readOnlyHint": True}}, {}, client="direct")
    anew = page({"annotations": defaults | {"readOnlyHint": True}}, {"annotations": defaults})
    builder.case("partly-annotated-tools", anew, member="calculator", original=[original.exchange])


def schemas_written_anew(builder: TranscriptBuilder) -> None:
    """Writes the schemas of tools with their members in another order, other escapes and forms of numbers."""
    written = (
        '{"type": "object", "properties": {"ü": {"default": null, "maximum": 1.0}, "b": {}}, "x-a": [], "$id": "a"}',
        '{"type": "object", "properties": {"n": {"maximum": 18446744073709551615, "multipleOf": 0.30000000000000004}}}',
    )
    anew = (
        r'{"\u0024id":"\u0061","x-a":[],"properties":{"b":{},"\u00fc":{"maximum":1,"default":null}},"type":"object"}',
        '{"properties":{"n":{"multipleOf":3.0000000000000004e-1,"maximum":18446744073709551615}},"type":"object"}',
    )

    def page(schemas: tuple[str, ...], server: str, prefix: str = "", **details: Any) -> ClientRequest:
        made = builder.ask("alice", server, "tools/list", at="calculator", **details)
        tools = [
            f'{{"inputSchema": {text}, "outputSchema": {text}, "name": "{prefix}{n}"}}'
            for n, text in enumerate(schemas)
        ]
        result = f'{{"tools": [{", ".join(tools)}]}}'
        return made.answered(body=f'{{"result": {result}, "id": {json.dumps(made.rpc_id)}, "jsonrpc": "2.0"}}')

    original = page(written, "calculator", client="direct")
    for listed in (page(anew, "calculator"), page(anew, "desk", "calculator_")):
        for case in ("schema-tools", "wide-number-tools", "thousand-tools"):
            builder.case(case, listed, member="calculator", original=[original.exchange])


def more_pages_than_the_upstream(builder: TranscriptBuilder) -> None:
    """Gives the tools of a member on more pages than the member does, some of them empty, each with members of its own."""

    def page(server: str, *names: str, **details: Any) -> ClientRequest:
        made = builder.ask("alice", server, "tools/list", **details)
        own = {} if server == "calculator" else {"_meta": {"gateway": {"page": len(names)}}, "ttlMs": 0}
        tools = [{"name": name, "inputSchema": {"type": "object", "$defs": {}}} for name in names]
        return made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"tools": tools, **own}})

    original = page("calculator", "a", "b", client="direct")
    pages = [page("desk", *names, at="calculator") for names in (["calculator_b"], [], ["calculator_a"], [])]
    for case in ("schema-tools", "thousand-tools"):
        builder.case(case, *pages, member="calculator", original=[original.exchange])


def lists_in_very_small_pages(builder: TranscriptBuilder) -> None:
    """Gives a long list on more pages than the client reads."""

    def page(names: str, client: str = "plain", **more: Any) -> ClientRequest:
        made = builder.ask("alice", "calculator", "tools/list", client=client)
        tools = [{"name": name, "inputSchema": {"type": "object"}} for name in names]
        return made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"tools": tools, **more}})

    original, first = page("abc", client="direct"), page("a", nextCursor="2")
    builder.case("thousand-tools", first, member="calculator", original=[original.exchange], cut=True)


def lists_kept_for_a_shorter_time(builder: TranscriptBuilder) -> None:
    """Declares the time to live of its upstream, a shorter one, or none."""
    kept_for(builder, REGISTRY["VAL-060"], "tools-with-a-time-to-live", 300, 299, 0, None)


def lists_kept_of_an_older_upstream(builder: TranscriptBuilder) -> None:
    """Asks its upstream in an older revision, which has no times to live: neither they nor changes are known."""
    made = builder.ask("alice", "calculator", "tools/list", client="direct")
    original = made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"tools": [{"name": "a"}]}})
    for case in ("tools-with-a-time-to-live", "tools-after-their-time-to-live"):
        kept = builder.ask("alice", "calculator", "tools/list")
        kept.answered(200, {"jsonrpc": "2.0", "id": kept.rpc_id, "result": {"tools": [], "ttlMs": 5000}})
        builder.case(case, kept, member="calculator", original=[original.exchange])


def lists_without_end_left(builder: TranscriptBuilder) -> None:
    """Stops at a page that it has read, or at a limit, and gives the tools so far; or answers with an error."""
    asked = [builder.ask("alice", "desk", "tools/list") for _ in range(3)]
    tools = {"jsonrpc": "2.0", "id": asked[0].rpc_id, "result": {"tools": [{"name": "calculator_echo"}]}}
    builder.case("repeated-cursor", asked[0].answered(200, tools))
    builder.case("repeated-cursor", asked[1].refused("the list of calculator has no end", 200))
    builder.case("repeated-cursor", asked[2].refused("the list of calculator has no end", 502))


def metadata_of_its_own_on_tools(builder: TranscriptBuilder) -> None:
    """Adds `_meta` to the tools of a list, where the upstream's tool has none or has some."""

    def page(server: str, *metas: Any, prefix: str = "", **details: Any) -> ClientRequest:
        made = builder.ask("alice", server, "tools/list", **details)
        tools = [
            {"inputSchema": {}, "name": f"{prefix}{n}"} | ({"_meta": one} if one else {}) for n, one in enumerate(metas)
        ]
        return made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": {"tools": tools}})

    original = page("calculator", {"a": [1]}, None, client="direct")
    listed = page("desk", {"gateway": "g", "a": [1]}, {"gateway": "g"}, prefix="calculator_", at="calculator")
    builder.case("described-tools", listed, member="calculator", original=[original.exchange])


def unusual_json_refused(builder: TranscriptBuilder) -> None:
    """Refuses JSON that only some parsers accept, in a request with 400 or an error, in a response with an error."""
    control = builder.call("alice", "calculator")
    attempts = [builder.ask("alice", "calculator").refused("this is not I-JSON", status) for status in (400, 200)]
    answered = builder.ask("alice", "calculator").arrives().refused("the server calculator sent no I-JSON", 502)
    for case in ("lone-surrogates", "prototype-keys", "great-depth", "request-with-names-in-other-cases"):
        builder.case(case, *attempts, control=control, tools=["echo"] * len(attempts))
    builder.case("lone-surrogates", answered, control=control)


def requests_written_anew(builder: TranscriptBuilder) -> None:
    """Writes a request anew, with its members in another order and without escapes."""
    value = {"name": "fail", "ü": ["calculator_echo"]}
    for case in ("request-in-reverse", "request-escaped", "request-that-names-its-tool-again"):
        made = builder.ask("alice", "calculator", arguments={"value": value})
        made.arrives(changed={"arguments": {"nonce": made.nonce, "value": dict(reversed(value.items()))}}).answered()
        builder.case(case, made)


def tools_listed_before_each_call(builder: TranscriptBuilder) -> None:
    """Lists a member's tools before each call, with the `_meta` of the call."""
    for case in ("odd-tools-called", "request-with-names-in-other-cases"):
        made = builder.ask("alice", "desk", tool="a")
        made.method = "tools/list"
        made.arrives("calculator")
        made.method = "tools/call"
        made.arrives("calculator", changed={"name": "a"}).answered()
        builder.case(case, made, tools=["a"])


LIBERTIES: list[Liberty] = [
    tools_listed_before_each_call,
    metadata_of_its_own_on_tools,
    unusual_json_refused,
    requests_written_anew,
    numbers_written_its_own_way,
    framings_of_its_own,
    refusals_without_ids,
    incomplete_responses_refused,
    errors_under_another_status,
    lists_in_pages_of_its_own,
    schemas_written_anew,
    more_pages_than_the_upstream,
    lists_in_very_small_pages,
    lists_without_end_left,
    lists_kept_for_a_shorter_time,
    hints_written_with_their_defaults,
]
ROWS = [requirement.id for requirement in REGISTRY.all() if requirement.group == "values"]


@pytest.mark.parametrize("liberty", LIBERTIES)
def test_conforming_behaviour_has_no_violation(builder: TranscriptBuilder, liberty: Liberty) -> None:
    liberty(builder)
    judgements = [builder.judged_by(row) for row in ROWS]
    wrong = [judgement for judgement in judgements if judgement.outcome not in HARMLESS]
    assert not wrong
    assert any(judgement.outcome is Outcome.PASS for judgement in judgements)


def test_times_to_live_are_not_judged_where_the_upstream_is_asked_in_an_older_revision(
    builder: TranscriptBuilder,
) -> None:
    lists_kept_of_an_older_upstream(builder)
    assert {builder.judged_by(row).outcome for row in ("VAL-059", "VAL-060")} == {Outcome.NOT_APPLICABLE}


@pytest.mark.parametrize("error", ["jsonrpc", "tool"])
def test_further_arguments_are_refused_by_the_schema(builder: TranscriptBuilder, error: str) -> None:
    refused = {"error": {"code": -32602, "message": "name is no argument"}}
    failed = {"result": {"content": [], "isError": True}}
    made = builder.ask("alice", "calculator")
    made.answered(200, {"jsonrpc": "2.0", "id": 1, **(refused if error == "jsonrpc" else failed)})
    builder.case("request-with-its-names-in-arguments", made)
    assert builder.judged_by("VAL-061").outcome is Outcome.PASS


@pytest.mark.parametrize("complete", [True, False])
def test_request_that_the_gateway_broke_off_is_left_to_other_requirements(
    builder: TranscriptBuilder, *, complete: bool
) -> None:
    made = builder.ask("alice", "calculator", arguments={"value": "é" * 9})
    part = json.dumps(made.message("echo") | {"params": {"arguments": {"nonce": made.nonce}}})
    request = {"method": "POST", "target": "/mcp", "headers": [], "body": part, "body_complete": complete}
    builder.far_end("upstream", "calculator", request, status=400, how="client-disconnected")
    builder.case("large", made.refused("the upstream is too slow", 504))
    assert builder.judged_by("VAL-057").outcome is (Outcome.FAIL if complete else Outcome.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("time", "outcome"), [(300, Outcome.PASS), (0, Outcome.PASS), (None, Outcome.PASS), (600, Outcome.WARN)]
)
def test_resource_may_be_kept_as_long_as_that_of_the_upstream(
    builder: TranscriptBuilder, time: int | None, outcome: Outcome
) -> None:
    made = builder.ask("alice", "everything", "resources/read", revision="2026-07-28")
    made.arrives(also=[("mcp-protocol-version", "2026-07-28")], replies={"contents": [], "ttlMs": 300})
    result: dict[str, object] = {"contents": []} | ({} if time is None else {"ttlMs": time})
    builder.case(
        "read-text", made.answered(200, {"jsonrpc": "2.0", "id": made.rpc_id, "result": result}), member="everything"
    )
    assert builder.judged_by("MCF-055").outcome is outcome
