"""What names in addresses and tool lists say about servers."""

import pytest

from gatebench.commands.setup.probe.addresses import server_segment
from gatebench.commands.setup.probe.tool_names import prefixes


@pytest.mark.parametrize(
    ("url", "name", "template"),
    [
        ("http://gw:4000/mcp/docs", "docs", "/mcp/{server}"),
        ("http://gw:4000/mcp/docs/", "docs", "/mcp/{server}/"),
        ("https://gw/api/llm/mcp/docs/server", "docs", "/api/llm/mcp/{server}/server"),
        ("https://gw/servers/1f0a/mcp", "1f0a", "/servers/{server}/mcp"),
        ("https://gw/docs/mcp/", "docs", "/{server}/mcp/"),
    ],
)
def test_server_segment(url: str, name: str, template: str) -> None:
    found = server_segment(url)
    assert found
    assert (found.name, found.template) == (name, template)
    assert found.url(name) == url
    assert found.url("x", "k=v").endswith("?k=v")


@pytest.mark.parametrize("path", ["", "/", "/mcp", "/mcp/", "/api/v1/mcp", "/mcp/v1", "/mcp/sse", "/other", "/mcp/{a}"])
def test_no_server_segment(path: str) -> None:
    assert server_segment(f"http://gw{path}") is None


@pytest.mark.parametrize(
    ("names", "separator", "counts"),
    [
        ("github_open github_close jira_find jira_add", "_", {"github": 2, "jira": 2}),
        ("web-search_a web-search_b", "_", {"web-search": 2}),
        ("a__x a__y b__z", "__", {"a": 2, "b": 1}),
        ("a.x a.y", ".", {"a": 2}),
        ("get_user get_item list_users list_items", "", {}),
        ("github_open github_close jira_find", "", {}),
        ("one two", "", {}),
        ("a__x", "", {}),
        ("", "", {}),
    ],
)
def test_prefixes(names: str, separator: str, counts: dict[str, int]) -> None:
    assert prefixes(names.split()) == (separator, counts)
