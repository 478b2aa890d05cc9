"""The evidence for each line of a probed descriptor: the sentences of its comments."""

from collections.abc import Iterator

from gatebench.commands.setup.probe import tool_names
from gatebench.commands.setup.probe.observations import REFUSALS, Observations, challenges
from gatebench.commands.setup.probe.wording import Wording
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.world.definition import MODERN_REVISION

SHOWN_TOOLS = 8
"""Names of tools in the evidence; the others are counted."""
SHOWN_PREFIXES = 4
MAX_CAPABILITIES = 600
"""Characters of the announced capabilities that are shown."""


class DescriptorEvidence:
    """Sentences about observations, section by section of the descriptor."""

    def __init__(self, seen: Observations, says: Wording) -> None:
        self._seen = seen
        self._says = says

    @property
    def revisions(self) -> list[str]:
        """For each revision: whether the gateway accepted it, and by which response."""
        return [self._of_revision(revision) for revision in self._seen.connected]

    def _of_revision(self, revision: str) -> str:
        answer = self._seen.connected[revision]
        word = "accepted" if revision in self._seen.accepted else "not accepted"
        method = "server/discover" if revision == MODERN_REVISION else "initialize"
        what = f"{method} {self._says.outcome(answer)}"
        if revision == MODERN_REVISION and "supportedVersions" in answer.result:
            what += f", supportedVersions {self._says.value(answer.result['supportedVersions'])}"
        elif answer.result:
            what += f", protocolVersion {self._says.value(answer.result.get('protocolVersion'))}"
            session = answer.header("Mcp-Session-Id")
            what += ", a session (Mcp-Session-Id)" if session else ", no session"
        if revision == MODERN_REVISION and self._seen.stateless is not None:
            what += f"; tools/list {self._says.outcome(self._seen.stateless)}"
            what += _without_type(self._seen.stateless)
        return f"{revision} is {word}: {what}."

    @property
    def name(self) -> list[str]:
        """Where name and version come from."""
        info = self._seen.server_info
        if not info:
            return ["The gateway gave no serverInfo; the name is its address."]
        facts = ", ".join(f"{key} {self._says.value(info[key])}" for key in ("name", "version") if key in info)
        return [
            f"serverInfo: {facts}. A gateway may pass on what a server behind it says; change it if it is not its own."
        ]

    @property
    def unauthenticated(self) -> list[str]:
        """The responses to a missing and to a wrong token, and what follows for the dialect."""
        lines = list(self._refusals())
        statuses = {answer.status for answer in (*self._seen.without_token.values(), *self._seen.wrong_token.values())}
        if not statuses & set(REFUSALS):
            lines.append(
                "No request was refused, so the default stands: the gateway needs no token at this address."
                if self._seen.open_to_all
                else "No request was served, and none got 401, which MCP requires: that is a finding. The default stands."
            )
        elif self._seen.refusals != [401]:
            lines.append("MCP requires 401 here, so other statuses are findings; with this line they are accepted.")
        return lines

    def _refusals(self) -> Iterator[str]:
        for credential, answers in (
            ("Without a token", self._seen.without_token),
            ("With a random token", self._seen.wrong_token),
        ):
            if answers:
                tried = ", ".join(f"{method} {self._says.outcome(answer)}" for method, answer in answers.items())
                challenge = next((one for answer in answers.values() for one in challenges(answer)), None)
                yield f"{credential}, {tried}{f'; WWW-Authenticate: {self._says.plain(challenge)}' if challenge else ''}."

    @property
    def metadata(self) -> list[str]:
        """The protected resource metadata, if any is published."""
        named = any("resource_metadata" in challenge.lower() for challenge in self._seen.challenges)
        lines = [f"The challenge has {'a' if named else 'no'} resource_metadata."] if self._seen.challenges else []
        for document in {document.url: document for document in self._seen.metadata}.values():
            facts = [
                f"{key} {self._says.value(document.value[key])}"
                for key in ("resource", "authorization_servers")
                if key in document.value
            ]
            lines.append(f"Protected resource metadata at {self._says.address(document.url)}: {', '.join(facts)}.")
        return lines or ["There is no protected resource metadata (RFC 9728)."]

    @property
    def unknown_tool(self) -> list[str]:
        """The response to a call of a tool that does not exist."""
        if self._seen.unknown_tool is None:
            return []
        lines = [f"A call of a tool that does not exist {self._says.outcome(self._seen.unknown_tool)}."]
        return lines if self._seen.unknown_tool_form else [*lines, "That is none of the forms; the default stands."]

    @property
    def unknown_server(self) -> list[str]:
        """The response at the address of another server."""
        if self._seen.segment is None:
            return ["The address has no part that is recognisable as a server's name; the default stands."]
        name = self._says.quoted(self._seen.segment.name)
        if self._seen.unknown_server is None:
            return [f"In the address, {name} is taken for the server's name."]
        outcome = self._says.outcome(self._seen.unknown_server)
        lines = [f"In the address, {name} is taken for the server's name. A request with another name there {outcome}."]
        return lines if self.unknown_server_status else [*lines, "That refuses no server; the default stands."]

    @property
    def unknown_server_status(self) -> int | None:
        """The status with which the gateway refuses an unknown server; None if it has not refused it with a client error."""
        status = self._seen.unknown_server.status if self._seen.unknown_server else 0
        return status if 400 <= status < 500 else None

    @property
    def tools(self) -> list[str]:
        """The listed tools, and whether their names look prefixed."""
        names = self._seen.tool_names
        first = self._seen.tools[0]
        if not first.result:
            return [f"tools/list {self._says.outcome(first)}; gatebench run needs a list of tools at this address."]
        shown = ", ".join(self._says.quoted(name, 60) for name in names[:SHOWN_TOOLS])
        more = f" and {len(names) - SHOWN_TOOLS} more" if len(names) > SHOWN_TOOLS else ""
        unread = " (and further pages)" if self._seen.tools[-1].result.get("nextCursor") else ""
        return [
            f"tools/list: {_tools(len(names))}{unread}{f': {shown}{more}' if names else ''}.",
            *self._prefixes(names),
        ]

    def _prefixes(self, names: list[str]) -> Iterator[str]:
        separator, counts = tool_names.prefixes(names)
        if not counts:
            yield "Their names do not look prefixed with a server's name."
            return
        some = ", ".join(
            f"{self._says.quoted(prefix + separator, 40)} ({count})"
            for prefix, count in list(counts.items())[:SHOWN_PREFIXES]
        )
        rest = f" and {len(counts) - SHOWN_PREFIXES} more" if len(counts) > SHOWN_PREFIXES else ""
        yield f"Their names look prefixed, as on a virtual server: {some}{rest}."
        yield f'If so, it is: tool_name = "{{server}}{separator}{{tool}}"'

    @property
    def capabilities(self) -> list[str]:
        """The announced capabilities."""
        announced = {
            revision: self._says.value(facts, MAX_CAPABILITIES) for revision, facts in self._seen.capabilities.items()
        }
        revisions = {facts: [one for one in announced if announced[one] == facts] for facts in announced.values()}
        return [f"Capabilities in {', '.join(same)}: {facts}." for facts, same in revisions.items()]


def _tools(number: int) -> str:
    return f"{number} tool{'' if number == 1 else 's'}"


def _without_type(answer: McpResponse) -> str:
    return " without resultType" if answer.result and "resultType" not in answer.result else ""


def summary(seen: Observations, says: Wording) -> str:
    """Return the line of the command about what it has seen."""
    name = says.quoted(seen.server_info.get("name", ""), 60) if seen.server_info else "no serverInfo"
    sessions = "sessions" if "sessions" in seen.features else "no sessions"
    refusals = ", ".join(map(str, seen.refusals))
    security = f"{refusals} without a valid token" if refusals else _without_refusal(seen)
    return f"seen: {name}; MCP {', '.join(seen.accepted)}; {sessions}; {_tools(len(seen.tool_names))}; {security}"


def _without_refusal(seen: Observations) -> str:
    if seen.open_to_all:
        return "no token needed"
    given = {answer.status for answer in (*seen.without_token.values(), *seen.wrong_token.values()) if answer.status}
    return f"{', '.join(map(str, sorted(given))) or 'no response'}, not 401, without a valid token"
