"""Requests for what one member of a virtual server has beside tools: its resources, prompts, completions and log levels."""

from dataclasses import dataclass, field
from typing import Any

from gatebench.conformance.scenarios.feature_client import FeatureClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.world.definition import UPSTREAMS

SERVERS = [("library", "everything", "web-search"), ("desk", "web-search", "calculator")]
"""A virtual server, the member to which access is withdrawn or that is gone, and the other one."""
TEMPLATE, VARIABLE = "template/{id}/data", "{id}"


@dataclass(frozen=True)
class MemberRequest:
    """A request about a member, whose case it is; `shown` is the name of what it is about, None if it is not known."""

    case: str
    method: str
    shown: str | None
    params: dict[str, Any] = field(default_factory=dict)
    key: str = ""  # of a list: the member of its result
    identity: str = ""

    @property
    def capability(self) -> str:
        """The capability without which the request is not answered."""
        kind = self.method.partition("/")[0]
        return {"completion": "completions"}.get(kind, kind)

    async def send(self, side: FeatureClient) -> list[McpResponse]:
        """Return the responses: one, or all pages of a list."""
        if self.key:
            return await side.pages(self.method)
        return [await side.client.request(self.method, self.params)]

    def control(self, pages: list[McpResponse]) -> McpResponse:
        """Return the response, or the page of a list that shows it."""
        shows = (
            page
            for page in pages
            for entry in page.result.get(self.key) or []
            if isinstance(entry, dict) and entry.get(self.identity) == self.shown
        )
        return next(shows, pages[0])


async def own_prompt(side: FeatureClient, name: str, other: str) -> str | None:
    """Return the name of the member's prompt here; None if it may be that of the other member's prompt as well."""
    shown = await side.prompt(name)
    return None if shown == name and UPSTREAMS[other].application == "features" else shown


async def resources(side: FeatureClient, other: str) -> list[MemberRequest]:
    """Return the requests about resources and templates."""
    del other
    uri, template = await side.uri("static-text"), await side.template(TEMPLATE)
    expanded = template.replace(VARIABLE, "7") if template and VARIABLE in template else None
    read = "resources/read"
    return [
        MemberRequest("member-resources-listed", "resources/list", uri, key="resources", identity="uri"),
        MemberRequest(
            "member-templates-listed",
            "resources/templates/list",
            template,
            key="resourceTemplates",
            identity="uriTemplate",
        ),
        MemberRequest("member-resource-read", read, uri, {"uri": uri or ""}),
        MemberRequest("member-resource-read-by-template", read, expanded, {"uri": expanded or ""}),
    ]


async def prompts(side: FeatureClient, other: str) -> list[MemberRequest]:
    """Return the requests about prompts."""
    name = await own_prompt(side, "test_simple_prompt", other)
    return [
        MemberRequest("member-prompts-listed", "prompts/list", name, key="prompts", identity="name"),
        MemberRequest("member-prompt", "prompts/get", name, {"name": name or ""}),
    ]


async def completions(side: FeatureClient, other: str) -> list[MemberRequest]:
    """Return the requests for completion."""
    name, template = await own_prompt(side, "test_prompt_with_arguments", other), await side.template(TEMPLATE)
    prompt = {"ref": {"type": "ref/prompt", "name": name or ""}, "argument": {"name": "arg1", "value": "a"}}
    resource = {"ref": {"type": "ref/resource", "uri": template or ""}, "argument": {"name": "id", "value": "a"}}
    method = "completion/complete"
    return [
        MemberRequest("member-completion-of-prompt", method, name, prompt),
        MemberRequest("member-completion-of-template", method, template, resource),
    ]


async def levels(side: FeatureClient, other: str) -> list[MemberRequest]:
    """Return the request that sets the level of log messages, which is about every member."""
    del side, other
    return [MemberRequest("member-level", "logging/setLevel", "", {"level": "debug"})]
