"""Reading resources, getting prompts, completing arguments, and tools with content of each kind."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.scenarios.feature_client import (
    OF_EACH_MEMBER,
    SERVERS,
    SINGLE,
    FeatureClient,
    base_of,
    feature_client,
)
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases, judged_by_groups
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps import scripted_calls
from gatebench.fixtures.world.definition import MODERN_REVISION, REVISIONS
from gatebench.mock_upstreams.mcp.features.catalogue import DOCUMENTS, FILES

READS = {
    "read-text": "static-text",
    "read-blob": "static-binary",
    "read-several": "several",
    "read-awkward-uri": "a%20b%2Fc/%C3%BC~!$&'()*+,;=:@?q=1%26&r=#part",
}
BY_ID = "template/{id}/data"
BY_TEMPLATE = {
    "read-by-template": (BY_ID, "template/7/data"),
    "read-by-template-encoded": (BY_ID, "template/%2e%2E%2Fa%20b/data"),
    "read-by-template-segments": (FILES, "files/a/b%20c/d"),
    "read-by-template-query": (FILES, "files/a?page=2&size=10"),
    "read-by-template-reserved": (DOCUMENTS, "documents/guide/part-1/start.md"),
}
PROMPTS: dict[str, tuple[str, Mapping[str, str] | None]] = {
    "prompt-simple": ("test_simple_prompt", None),
    "prompt-arguments": ("test_prompt_with_arguments", {"arg1": " 1.0 \u00fc\U0001d11e\u2028", "arg2": ""}),
    "prompt-embedded": ("test_prompt_with_embedded_resource", {"resourceUri": "test://a%2Fb?c=%20"}),
    "prompt-image": ("test_prompt_with_image", {}),
}
CONTENT = {
    f"content-{name}": f"test_{tool}"
    for name, tool in {
        "text": "simple_text",
        "image": "image_content",
        "audio": "audio_content",
        "embedded": "embedded_resource",
        "several": "multiple_content_types",
        "error": "error_handling",
    }.items()
}
COMPLETIONS = ("completion-of-prompt", "completion-of-template", "completion-with-context")
UNKNOWN = {"x-vendor": {"a": [1, None]}, "trace": "of the client", "_meta": {"note": {"a": [None, 0, ""]}}}
UNKNOWN_MEMBERS = ("read-unknown-members", "prompt-unknown-members")
UNKNOWN_PARAMS = ("read-unknown-params", "prompt-unknown-params")
GROUPS = {
    "reads": [*READS, *BY_TEMPLATE, "read-unknown-members", "read-unknown-params"],
    "prompts": [*PROMPTS, "prompt-unknown-members", "prompt-unknown-params"],
    "completions": [*COMPLETIONS, "completion-refused"],
}


async def read(here: FeatureClient, uri: str, **others: Any) -> McpResponse:
    """Read a resource."""
    return await here.client.request("resources/read", {"uri": uri, **others})


async def _reads(here: FeatureClient) -> None:
    for case, path in READS.items():
        uri = await here.uri(path)
        own = {"uri": base_of(here.member) + path}
        here.case(case, await read(here, uri or path), capability="resources", shown=uri, own=own)
    for case, (own_template, path) in BY_TEMPLATE.items():
        template = await here.template(own_template)
        uri = template and template.replace(own_template, path)
        own = {"uri": base_of(here.member) + path}
        here.case(case, await read(here, uri or path), capability="resources", shown=uri, own=own)
    uri = await here.uri("static-text")
    here.case("read-unknown-params", await read(here, uri or "", **UNKNOWN), capability="resources", shown=uri)
    with _answering(here, "resources/read", {"contents": [{"uri": uri, "text": "a", "x-vendor": None}]}):
        here.case("read-unknown-members", await read(here, uri or ""), capability="resources", shown=uri)


def _answering(here: FeatureClient, method: str, result: Mapping[str, Any]) -> Any:
    """Let the upstream answer a method with members that no revision defines."""
    members = {**result, "x-vendor": {"b": [1.5, None]}, "_meta": {"example.com/a": None}}
    response = scripted_calls.as_json(scripted_calls.result_of(members))
    return here.scenario.upstream_fault(here.member, {"method": method, "action": {"respond": response}})


async def _prompts(here: FeatureClient) -> None:
    for case, (name, arguments) in PROMPTS.items():
        shown = await here.prompt(name)
        params = {"name": shown or name} | ({} if arguments is None else {"arguments": dict(arguments)})
        answer = await here.client.request("prompts/get", params)
        here.case(case, answer, capability="prompts", shown=shown, own={"name": name})
    shown = await here.prompt("test_simple_prompt")
    answer = await here.client.request("prompts/get", {"name": shown or "", **UNKNOWN})
    here.case("prompt-unknown-params", answer, capability="prompts", shown=shown)
    message = {"role": "user", "content": {"type": "text", "text": "a", "x-vendor": 0}}
    with _answering(here, "prompts/get", {"messages": [message]}):
        answer = await here.client.request("prompts/get", {"name": shown or ""})
    here.case("prompt-unknown-members", answer, capability="prompts", shown=shown)


async def _completions(here: FeatureClient) -> None:
    prompt, template = await here.prompt("test_prompt_with_arguments"), await here.template(BY_ID)
    of_prompt = {"type": "ref/prompt", "name": prompt or ""}
    of_template = {"type": "ref/resource", "uri": template or ""}
    own_prompt = {"type": "ref/prompt", "name": "test_prompt_with_arguments"}
    own_template = {"type": "ref/resource", "uri": base_of(here.member) + BY_ID}
    context = {"arguments": {"arg1": "\u00fc", "other": ""}}
    for case, shown, params in (
        (COMPLETIONS[0], prompt, {"ref": of_prompt, "argument": {"name": "arg1", "value": "p\u00e4"}}),
        (COMPLETIONS[1], template, {"ref": of_template, "argument": {"name": "id", "value": ""}}),
        (COMPLETIONS[2], prompt, {"ref": of_prompt, "argument": {"name": "arg2", "value": "1"}, "context": context}),
    ):
        answer = await here.client.request("completion/complete", params)
        own = {"ref": own_template if params["ref"] is of_template else own_prompt}
        here.case(case, answer, capability="completions", shown=shown, own=own)
    error = '{"jsonrpc":"2.0","id":"$id","error":{"code":-32602,"message":"no such argument","data":{"name":"arg9"}}}'
    refusal = {"method": "completion/complete", "action": {"respond": scripted_calls.as_json(error)}}
    with here.scenario.upstream_fault(here.member, refusal):
        answer = await here.client.request(
            "completion/complete", {"ref": of_prompt, "argument": {"name": "arg9", "value": ""}}
        )
    here.case("completion-refused", answer, capability="completions", shown=prompt)


@judged_by_groups(GROUPS, *LEAKS, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), OF_EACH_MEMBER)
@pytest.mark.parametrize("case", list(GROUPS))
async def test_feature_results(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, revision: str
) -> None:
    """Requests about one resource, prompt or argument after the other."""
    here = await feature_client(scenario, principal, server, member, revision)
    await {"reads": _reads, "prompts": _prompts, "completions": _completions}[case](here)


@judged_by_groups({"content": CONTENT}, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS[:2])
@pytest.mark.parametrize("case", ["content"])
async def test_content(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, revision: str
) -> None:
    """Tools with content of each kind."""
    del case
    here = await feature_client(scenario, principal, server, member, revision)
    for name, tool in CONTENT.items():
        answer = await here.client.call(scenario.identities.tool(server, tool, member))
        scenario.case(name, answer, server=server, principal=principal)


CANARIES = {"unknown-mirrored-header": "a b", "unknown-mirrored-header-encoded": "=?base64?IMO8IA==?="}
MIRRORED = (
    "mirrored-uri",
    "mirrored-prompt",
    *CANARIES,
    "mirrored-another-uri",
    "mirrored-another-prompt",
)


@judged_by_groups({"mirrored": MIRRORED}, thorough=in_each_era)
@pytest.mark.parametrize("revision", [MODERN_REVISION])
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS)
@pytest.mark.parametrize("case", ["mirrored"])
async def test_mirrored_headers(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, revision: str
) -> None:
    """Headers that mirror parameters (2026-07-28): the name or URI, and one that the gateway does not know."""
    del case
    here = await feature_client(scenario, principal, server, member, revision)
    uri, prompt = await here.uri(READS["read-awkward-uri"]), await here.prompt("test_simple_prompt")
    for name, value in CANARIES.items():
        canary = {"Mcp-Param-Canary": value}
        answer = await here.client.request("resources/read", {"uri": uri or ""}, headers=canary)
        here.case(name, answer, capability="resources", shown=uri)
    here.case("mirrored-uri", answer, capability="resources", shown=uri)
    answer = await here.client.request("prompts/get", {"name": prompt or ""})
    here.case("mirrored-prompt", answer, capability="prompts", shown=prompt)
    other = {"Mcp-Name": "another"}
    answer = await here.client.request("resources/read", {"uri": uri or ""}, headers=other)
    here.case("mirrored-another-uri", answer, capability="resources", shown=uri)
    answer = await here.client.request("prompts/get", {"name": prompt or ""}, headers=other)
    here.case("mirrored-another-prompt", answer, capability="prompts", shown=prompt)


@judged_by_cases(["read-by-two-at-once"], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(
    ("principal", "other", "server", "member"),
    [("alice", "bob", *SINGLE[1:]), ("alice", "bob", "desk", "web-search"), ("alice", "bob", "mail", "mail")],
)
async def test_two_at_once(
    scenario: Scenario, *, principal: str, other: str, server: str, member: str, revision: str
) -> None:
    """Two callers read different resources under the same JSON-RPC id; the upstream answers when both have arrived."""
    one = await feature_client(scenario, principal, server, member, revision)
    two = await feature_client(scenario, other, server, member, revision)
    uris = [await one.uri("static-text"), await two.uri("several")]
    both = {"method": "resources/read", "action": {"together": 2}}
    with scenario.upstream_fault(member, both):
        answers = await asyncio.gather(
            *(
                side.client.request("resources/read", {"uri": uri or ""}, rpc_id=7)
                for side, uri in zip((one, two), uris, strict=True)
            )
        )
    shown = json.dumps(uris) if all(uris) else None
    one.case("read-by-two-at-once", *answers, capability="resources", shown=shown)
