"""What a probe has seen: the responses as they arrived, and what follows from them."""

from dataclasses import dataclass, field
from typing import Any, get_args

from gatebench.commands.setup.probe.addresses import ServerSegment
from gatebench.fixtures.clients.discovery import Document
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.gateways import dialects
from gatebench.fixtures.gateways.descriptor import Dialect, UnknownToolForm
from gatebench.fixtures.protocol.messages import as_object
from gatebench.fixtures.world.definition import MODERN_REVISION

REFUSALS = (401, 403, 404)  # statuses of a response that refuses a caller without a valid token
FEATURES = {  # a capability that a server announces, and the feature that a descriptor can claim for it
    "resources": "mcp.resources",
    "prompts": "mcp.prompts",
    "completions": "mcp.completion",
    "logging": "mcp.logging",
}


@dataclass
class Observations:
    """The responses to the requests of a probe; None or empty: not asked.

    `connected`: by revision, to `initialize` or `server/discover`; `stateless`: to a `tools/list` of 2026-07-28 where discovery
    failed; `without_token` and `wrong_token`: by JSON-RPC method.
    """

    connected: dict[str, McpResponse] = field(default_factory=dict)
    stateless: McpResponse | None = None
    tools: list[McpResponse] = field(default_factory=list)
    without_token: dict[str, McpResponse] = field(default_factory=dict)
    wrong_token: dict[str, McpResponse] = field(default_factory=dict)
    metadata: list[Document] = field(default_factory=list)
    unknown_tool: McpResponse | None = None
    segment: ServerSegment | None = None
    unknown_server: McpResponse | None = None

    @property
    def accepted(self) -> list[str]:
        """The protocol revisions that the gateway has accepted, the oldest first."""
        return [revision for revision in self.connected if self._accepts(revision)]

    def _accepts(self, revision: str) -> bool:
        result = self.connected[revision].result
        if revision != MODERN_REVISION:
            return bool(result.get("protocolVersion") == revision)
        supported = result.get("supportedVersions")
        listed = isinstance(supported, list) and revision in supported
        # Servers of older revisions may answer a request without a session as well, with a result of their own revision.
        return listed or (self.stateless is not None and "resultType" in self.stateless.result)

    @property
    def server_info(self) -> dict[str, Any]:
        """The `serverInfo` of a result; empty without one. In 2026-07-28 it is in `_meta`."""
        for revision in reversed(self.accepted):
            result = self.connected[revision].result
            for found in (result.get("serverInfo"), as_object(result.get("_meta")).get(_SERVER_INFO)):
                if isinstance(found, dict):
                    return found
        return {}

    @property
    def capabilities(self) -> dict[str, dict[str, Any]]:
        """The announced capabilities by name, by accepted revision."""
        return {revision: as_object(self.connected[revision].result.get("capabilities")) for revision in self.accepted}

    @property
    def features(self) -> dict[str, str]:
        """The features that a descriptor can claim later, each with its evidence."""
        found = {}
        for revision, announced in self.capabilities.items():
            if self.connected[revision].header("Mcp-Session-Id"):
                found["sessions"] = f"initialize with {revision} was answered with Mcp-Session-Id"
            for capability, feature in FEATURES.items():
                if capability in announced:
                    found[feature] = f"the capability {capability} was announced in {revision}"
        return found

    @property
    def tool_names(self) -> list[str]:
        """The names of the listed tools, in order."""
        lists = [page.result.get("tools") for page in self.tools]
        tools = [as_object(tool) for page in lists if isinstance(page, list) for tool in page]
        return [tool["name"] for tool in tools if isinstance(tool.get("name"), str)]

    @property
    def refusals(self) -> list[int]:
        """The statuses with which the gateway has refused a missing or a wrong token."""
        given = [*self.without_token.values(), *self.wrong_token.values()]
        return sorted({answer.status for answer in given if answer.status in REFUSALS})

    @property
    def open_to_all(self) -> bool:
        """Whether a request without a token, or with a wrong one, got a result: an error such as 400 or 500 opens nothing."""
        return any(answer.result for answer in (*self.without_token.values(), *self.wrong_token.values()))

    @property
    def challenges(self) -> list[str]:
        """The values of WWW-Authenticate in responses to a missing token, or else to a wrong one."""
        for answers in (self.without_token, self.wrong_token):
            found = [challenge for answer in answers.values() for challenge in challenges(answer)]
            if found:
                return found
        return []

    @property
    def unknown_tool_form(self) -> str | None:
        """The word of `dialect.unknown_tool` for the response to an unknown tool; None for any other response."""
        if self.unknown_tool is None:
            return None
        form = dialects.form_of(get_args(UnknownToolForm), Dialect(), self.unknown_tool.reply)
        return None if form is None else str(form)


def challenges(answer: McpResponse) -> list[str]:
    """Return the values of WWW-Authenticate of a response."""
    return [value for name, value in answer.headers if name.lower() == "www-authenticate"]


_SERVER_INFO = "io.modelcontextprotocol/serverInfo"
