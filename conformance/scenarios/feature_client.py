"""A client of one caller for what servers have beside tools, and the facts that its cases record."""

from dataclasses import dataclass, field
from typing import Any

from gatebench.conformance.checks.shapes.cases import FEATURE_OF
from gatebench.fixtures.clients.mcp import McpClient
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.gateways.shown_names import shown_as
from gatebench.fixtures.harness.scenario import Scenario
from gatebench.fixtures.world.definition import UPSTREAMS

SINGLE = ("alice", "everything", "everything")
SERVERS = [SINGLE, ("alice", "desk", "web-search"), ("alice", "workbench", "mail")]
"""A caller, a server and the member that it is about: single, shared by all callers, and with per-user OAuth."""
SEVERAL = [("alice", "library", member) for member in ("everything", "web-search")]
"""The same for each of two members that have the same features. A gateway need not be configured with this server."""
OF_TOOLS = [("alice", "calculator", "calculator"), ("alice", "toolbox", "calculator")]
"""The same for servers that have tools alone, a virtual one too. A gateway need not be configured with that."""
NEED_NOT_BE = {"library", "toolbox", "portal"}
OF_EACH_MEMBER = [*SERVERS, ("alice", "workbench", "web-search")]
"""The same, and the other member of a virtual server with two that have more than tools."""
MOST_PAGES = 50


def base_of(member: str) -> str:
    """Return the beginning of the URIs of a member's resources (`gatebench.mock_upstreams.mcp.features.catalogue`)."""
    return "test://" if member == "everything" else f"test://{member}/"


@dataclass(eq=False)
class FeatureClient:
    """A connected client; `connected` is the response that announces the capabilities."""

    scenario: Scenario
    client: McpClient
    connected: McpResponse
    principal: str
    server: str
    member: str
    shown: dict[str, list[str]] = field(default_factory=dict)

    @property
    def alone(self) -> bool:
        """Whether the server is the upstream itself."""
        return self.server == self.member

    @property
    def configured(self) -> bool:
        """Whether the gateway has this server; it need not have those of SEVERAL and OF_TOOLS (see there)."""
        return self.server not in NEED_NOT_BE or self.connected.succeeded

    def offers(self, capability: str) -> bool:
        """Return whether the gateway announces a capability (`resources.subscribe`: a part of it), or claims it."""
        name, _, part = capability.partition(".")
        details = (self.connected.result.get("capabilities") or {}).get(name)
        announced = isinstance(details, dict) and (not part or details.get(part) is True)
        return announced or FEATURE_OF.get(name) in self.scenario.bench.features

    def case(self, name: str, *attempts: McpResponse, capability: str, shown: str | None = "", **facts: Any) -> None:
        """Record a case of a capability; `shown` is the name of what it is about here, None if the gateway shows none."""
        self.scenario.case(
            name,
            *attempts,
            server=self.server,
            principal=self.principal,
            capability=capability,
            connected=self.connected.exchange,
            renamed=shown is None,
            member=self.member,
            **facts,
        )

    async def pages(self, method: str) -> list[McpResponse]:
        """Fetch all pages of a list."""
        return await self.client.pages(method, MOST_PAGES)

    async def _identities(self, method: str, key: str, identity: str) -> list[str]:
        if method not in self.shown:
            entries = [one for page in await self.pages(method) for one in page.result.get(key) or []]
            self.shown[method] = [str(one.get(identity)) for one in entries if isinstance(one, dict)]
        return self.shown[method]

    async def uri(self, path: str) -> str | None:
        """Return the URI under which a member's resource is listed here; None if that URI is not known."""
        return await self._shown("resources/list", "resources", "uri", base_of(self.member) + path)

    async def template(self, path: str) -> str | None:
        """Return a member's template as it is listed here."""
        own = base_of(self.member) + path
        return await self._shown("resources/templates/list", "resourceTemplates", "uriTemplate", own)

    async def prompt(self, name: str) -> str | None:
        """Return the name of a member's prompt here."""
        named = self.scenario.identities.tool(self.server, name, self.member)
        return await self._shown("prompts/list", "prompts", "name", name, named)

    async def _shown(self, method: str, key: str, identity: str, own: str, *preferred: str) -> str | None:
        if self.alone and set(preferred) <= {own}:
            return own
        members = (self.member, *self.scenario.identities.members(self.server))
        return shown_as(own, await self._identities(method, key, identity), members, *preferred)


async def feature_client(scenario: Scenario, principal: str, server: str, member: str, revision: str) -> FeatureClient:
    """Return a connected client, of a principal who has consented where that is needed."""
    if any(UPSTREAMS[one].model == "oauth" for one in scenario.identities.members(server)):
        await scenario.consented(principal, server, revision)
    client = await scenario.client(principal, server, revision)
    return FeatureClient(scenario, client, await client.connect(), principal, server, member)
