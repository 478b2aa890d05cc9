"""Values in requests about prompts, arguments and resources, and in their results: texts, contents, URIs, and errors."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from gatebench.conformance.scenarios.common import refresh
from gatebench.conformance.scenarios.feature_client import SERVERS, SINGLE, FeatureClient, base_of, feature_client
from gatebench.conformance.scenarios.marks import in_each_era, judged_by_cases, judged_by_groups
from gatebench.conformance.scenarios.protocol.features.test_feature_lists import added
from gatebench.conformance.scenarios.protocol.features.test_feature_owners import LISTS
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.harness.steps import scripted_calls
from gatebench.fixtures.world.corpus import catalog
from gatebench.fixtures.world.definition import REVISIONS
from gatebench.mock_upstreams.mcp.features.catalogue import BYTES, PNG, WAV

PROMPT, TEMPLATE = "test_prompt_with_arguments", "template/{id}/data"
TEXTS = (
    "{{ arg2 }} {{arg2}} {arg2} ${arg2} $arg2 %(arg2)s {0} %s <%= arg2 %>",
    '{"json": [1, 2.0]}',
    "[]",
    "true",
    "null",
    "007",
    "1.0",
    "2026-02-30",
    " \tbefore\r\nand after \n\n",
    "e\u0301 is not \u00e9, \u212b \ufeff\u200b \U0001f469\u200d\U0001f467",
    "<b>bold</b> &amp; &#39; %20 +",
    'C:\\new \\u0041 "quoted" \\n',
    "\u0001\u001b[31m\u007f",
    "alice@example.com",
    "a" * 500,
    "-",
)
PAIRS = [{"arg1": one, "arg2": other} for one, other in zip(TEXTS[::2], TEXTS[1::2], strict=True)]
TEXT = {"type": "text", "text": "a"}
NOTES = {"audience": ["assistant"], "priority": 0.5, "lastModified": "2026-01-31T00:00:00Z"}
PROMPTS: list[dict[str, Any]] = [
    {"description": " \u00fc\n", "messages": [{"role": "user", "content": TEXT}] * 2},
    {"description": "Without messages", "messages": []},
    {
        "messages": [
            {"role": "assistant", "content": {"type": "audio", "data": WAV, "mimeType": "audio/wav"}},
            {"role": "assistant", "content": {"type": "image", "data": PNG, "mimeType": "image/png"}},
            {"role": "user", "content": {"type": "resource_link", "uri": "test://a%2Fb", "name": "a"}},
            {"role": "user", "content": {"type": "resource", "resource": {"uri": "test://b", "blob": BYTES}}},
            {"role": "user", "content": {"type": "text", "text": "", "annotations": NOTES}},
        ]
    },
]
READS: list[list[dict[str, Any]]] = [
    [],
    [{"uri": "test://a/1", "text": " \r\n"}, {"uri": "test://a/1", "text": " \r\n"}],
    [{"uri": "test://a%2Fb", "blob": ""}, {"uri": "test://a/2", "blob": BYTES}],
    [{"uri": "test://c", "mimeType": "application/json", "text": '{"a": 1.0}', "_meta": {"example.com/a": None}}],
    [{"uri": "test://d", "mimeType": "text/html;profile=mcp-app", "text": "<p>&amp; \u0001 \u212b e\u0301</p>"}],
]
COMPLETED: list[dict[str, Any]] = [
    {"values": []},
    {"values": ["b", "a", "b", "", " a ", "A"], "hasMore": True},
    {"values": [f"value {number}" for number in range(100)], "total": 100, "hasMore": True},
    {"values": ["\u212b", "null", "7"], "total": 9},
]
GROUPS = {
    "texts": ["prompt-texts", "completion-texts", "completion-contexts"],
    "results": ["prompt-results", "read-results", "completion-results"],
    "errors": ["prompt-errors", "read-errors", "completion-errors"],
}
ERRORS = [one for one in catalog.errors() if one["code"] not in (-32600, -32601)]


class _Asking:
    """Requests of a client about a prompt, a template and a resource of the member, under the names that it sees."""

    def __init__(self, here: FeatureClient, prompt: str | None, template: str | None, uri: str | None) -> None:
        self.here = here
        self.shown = {"prompts/get": prompt, "resources/read": uri, "completion/complete": prompt, "template": template}

    async def prompt(self, arguments: Mapping[str, str]) -> McpResponse:
        name = self.shown["prompts/get"] or PROMPT
        return await self.here.client.request("prompts/get", {"name": name, "arguments": dict(arguments)})

    async def read(self) -> McpResponse:
        uri = self.shown["resources/read"] or f"{base_of(self.here.member)}static-text"
        return await self.here.client.request("resources/read", {"uri": uri})

    async def complete(self, value: str, argument: str = "arg1", **context: Any) -> McpResponse:
        of_prompt = {"type": "ref/prompt", "name": self.shown["prompts/get"] or PROMPT}
        of_template = {"type": "ref/resource", "uri": self.shown["template"] or TEMPLATE}
        ref = of_template if argument == "id" else of_prompt
        asked = {"ref": ref, "argument": {"name": argument, "value": value}, **context}
        return await self.here.client.request("completion/complete", asked)

    async def answered(self, method: str, response: Mapping[str, Any]) -> McpResponse:
        """Send a request of this method, which the member answers so."""
        rule = {"method": method, "action": {"respond": response}}
        with self.here.scenario.upstream_fault(self.here.member, rule):
            if method == "prompts/get":
                return await self.prompt({"arg1": "a"})
            return await (self.read() if method == "resources/read" else self.complete("a"))


def _result(members: Mapping[str, Any], *, cacheable: bool = False) -> dict[str, Any]:
    text = scripted_calls.result_of(members)
    return scripted_calls.as_json(
        text.replace(scripted_calls.COMPLETE, ',"$cacheable":0') if cacheable else text  # what a read of its era has
    )


async def _texts(here: FeatureClient, asking: _Asking) -> None:
    shown = asking.shown["prompts/get"]
    attempts = [await asking.prompt(one) for one in [*PAIRS, {"arg1": "alone"}]]
    here.case("prompt-texts", *attempts, capability="prompts", shown=shown)
    attempts = [await asking.complete(text, argument) for text in TEXTS for argument in ("arg1", "id")]
    both = shown and asking.shown["template"]
    here.case("completion-texts", *attempts, capability="completions", shown=both)
    known: list[dict[str, str]] = [*PAIRS[:5], {"arg1": "1", "": "", "a.b": "c"}, {"arg2": "1"}]
    attempts = [await asking.complete("1", "arg2", context={"arguments": one}) for one in known]
    here.case("completion-contexts", *attempts, capability="completions", shown=shown)


async def _results(here: FeatureClient, asking: _Asking) -> None:
    scripted = {
        "prompts/get": ("prompt-results", "prompts", [_result(one) for one in PROMPTS]),
        "resources/read": ("read-results", "resources", [_result({"contents": one}, cacheable=True) for one in READS]),
        "completion/complete": (
            "completion-results",
            "completions",
            [_result({"completion": one}) for one in COMPLETED],
        ),
    }
    for method, (case, capability, responses) in scripted.items():
        attempts = [await asking.answered(method, one) for one in responses]
        here.case(case, *attempts, capability=capability, shown=asking.shown[method])


async def _errors(here: FeatureClient, asking: _Asking) -> None:
    bodies = ['{"jsonrpc":"2.0","id":"$id","error":' + json.dumps(one) + "}" for one in ERRORS]
    framed = [
        (scripted_calls.as_event if number % 2 else scripted_calls.as_json)(one) for number, one in enumerate(bodies)
    ]
    methods = {"prompts/get": "prompts", "resources/read": "resources", "completion/complete": "completions"}
    for case, (first, (method, capability)) in zip(GROUPS["errors"], enumerate(methods.items()), strict=True):
        attempts = [await asking.answered(method, one) for one in framed[first :: len(methods)]]
        here.case(case, *attempts, capability=capability, shown=asking.shown[method])


@judged_by_groups(GROUPS, thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), SERVERS)
@pytest.mark.parametrize("case", list(GROUPS))
async def test_feature_values(
    scenario: Scenario, *, case: str, principal: str, server: str, member: str, revision: str
) -> None:
    """Requests for one prompt, one resource and one argument after the other, which differ in their values or responses."""
    here = await feature_client(scenario, principal, server, member, revision)
    names = await here.prompt(PROMPT), await here.template(TEMPLATE), await here.uri("static-text")
    await {"texts": _texts, "results": _results, "errors": _errors}[case](here, _Asking(here, *names))


URIS = (
    "file:///C:/a%20b/%C3%BC/~x.txt",
    "urn:isbn:0451450523",
    "HTTPS://User@Example.COM:443/A/../b/./c//d?x=%41&y#",
    "https://example.org",
    "mailto:a@b.example",
    "custom+scheme.v1://HOST/Path;v=1,2",
    "git://x/y?ref=a%2Fb#L1-L2",
    "ui://widget/main.html",
    "https://[2001:DB8::1]/a?b?c=/d",
    "test:///%7Euser/%e4%bd%a0/",
)
OF_SCHEMES = "read-uris-of-any-scheme"


@judged_by_cases([OF_SCHEMES], thorough=in_each_era)
@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize(("principal", "server", "member"), [SINGLE, ("alice", "desk", "web-search")])
async def test_uris_of_any_scheme(
    scenario: Scenario, *, principal: str, server: str, member: str, revision: str
) -> None:
    """Resources of a list whose URIs have other schemes, no host, capitals, or parts that need no escape."""
    entries = {"resources": [{"uri": uri, "name": uri} for uri in URIS], "resourceTemplates": []}
    rules = [
        {"method": method, "action": {"respond": _result({key: entries[key]}, cacheable=True)}}
        for method, key in LISTS.items()
    ]
    contents = _result({"contents": [{"uri": "test://any", "text": "as asked"}]}, cacheable=True)
    rules.append({"method": "resources/read", "action": {"respond": contents}})
    with ExitStack() as scripted:
        scripted.enter_context(scenario.upstream_fault(member, *rules))
        scripted.enter_context(added(scenario, member, "resources"))  # it announces the change
        for one in dict.fromkeys((member, server)):
            refresh(scenario, one)
        here = await feature_client(scenario, principal, server, member, revision)
        listed = [one for page in await here.pages("resources/list") for one in page.result.get("resources") or []]
        named = {one.get("uri") for one in listed if isinstance(one, dict)}
        attempts = [await here.client.request("resources/read", {"uri": uri}) for uri in URIS]
    for one in dict.fromkeys((member, server)):
        refresh(scenario, one)
    shown = "" if here.alone or named.issuperset(URIS) else None
    here.case(OF_SCHEMES, *attempts, capability="resources", shown=shown)
