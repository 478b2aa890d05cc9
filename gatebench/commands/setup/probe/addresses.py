"""The part of an MCP endpoint's address that names a server."""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

_BEFORE = frozenset({"mcp", "servers", "server"})  # a server's name follows one of these
_GENERAL = frozenset({"api", "gateway", "http", "llm", "mcp", "proxy", "rest", "server", "servers", "sse", "stream"})


@dataclass(frozen=True)
class ServerSegment:
    """The server's name in an address. `template` is the path with `{server}` in its place, `origin` is before the path."""

    name: str
    origin: str
    template: str

    def url(self, name: str, query: str = "") -> str:
        """Return the address of another server."""
        return self.origin + self.template.replace("{server}", name) + (f"?{query}" if query else "")


def server_segment(url: str) -> ServerSegment | None:
    """Return the segment after `mcp` or `servers`, or else the one before a last `mcp`; None if neither can be a name."""
    parts = urlsplit(url)
    path = parts.path.split("/")
    place = _place(path)
    if place is None or "{" in url or "}" in url:  # they have a meaning in templates
        return None
    template = "/".join([*path[:place], "{server}", *path[place + 1 :]])
    return ServerSegment(path[place], urlunsplit((parts.scheme, parts.netloc, "", "", "")), template)


def _place(path: list[str]) -> int | None:
    for place in range(len(path) - 1, 0, -1):
        if path[place - 1].lower() in _BEFORE and _is_name(path[place]):
            return place
    words = [word.lower() for word in path]
    while words and not words[-1]:
        words.pop()
    if len(words) > 1 and words[-1] == "mcp" and _is_name(path[len(words) - 2]):
        return len(words) - 2
    return None


def _is_name(word: str) -> bool:
    version = word[:1].lower() == "v" and word[1:].isdigit()
    return bool(word) and word.lower() not in _GENERAL and not version
