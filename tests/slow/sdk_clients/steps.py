"""The steps that every client runs, and the result that each must have."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gatebench.mock_upstreams.mcp.features import catalogue

NODE = catalogue.SUITE_NODE
TOOLS = (
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_progress",
    "test_log_messages",
    "test_sampling",
    "test_elicitation",
    "test_roots",
    "test_trigger_tool_change",
)
ANSWERED = '{"username": "u", "email": "u@example.org"}'

Expectation = Callable[[Any], bool]


def _is(value: Any) -> Expectation:
    return lambda found: bool(found == value)


def _holds(*values: str) -> Expectation:
    return lambda found: all(value in found for value in values)


def _texts(node: str, path: str) -> list[str]:
    entries = catalogue.contents(node, catalogue.base_of(node) + path, None) or []
    return [entry.get("text", entry.get("blob")) for entry in entries]


def _contents(path: str) -> Expectation:
    return lambda found: [entry.get("text", entry.get("blob")) for entry in found] == _texts(NODE, path)


def _end_with(names: list[str]) -> Expectation:
    """Expect these names at least, each possibly with a prefix."""
    return lambda found: all(any(one.endswith(name) for one in found) for name in names)


EXPECTED: Mapping[str, Expectation] = {
    "tools": _end_with(list(TOOLS)),
    "text": _is("This is a simple text response for testing."),
    "image": _is(["image"]),
    "audio": _is(["audio"]),
    "embedded resource": _is(["resource"]),
    "several kinds": lambda found: {"text", "image", "resource"} <= set(found),
    "error of a tool": _is(True),
    "progress": _is([0, 50, 100]),
    "log messages": _is(["Tool execution started", "Tool processing data", "Tool execution completed"]),
    "sampling": _holds("answer to "),  # the rest differs in the two eras
    "elicitation": _holds("accept", ANSWERED),
    "roots": _holds("file:///work/a"),
    "resources": _end_with([entry["uri"] for entry in catalogue.resources(NODE)]),
    "templates": _end_with([entry["uriTemplate"] for entry in catalogue.templates(NODE)]),
    "resource of text": _contents("static-text"),
    "resource of bytes": _contents("static-binary"),
    "resource of a template": _contents("template/7/data"),
    "prompts": _end_with([entry["name"] for entry in catalogue.prompts()]),
    "prompt": lambda found: found[0]["text"] == "Prompt with arguments: arg1='one', arg2='two'",
    "completion": _is(["par1", "par2"]),
    "subscription": _is(True),
    "change of the tools": _is(True),
}
BY_COMMAND_LINE = ("tools", "text", "resources", "templates", "resource of text", "prompts", "prompt")
"""The steps of a client that runs one command each, and can neither be asked nor notified."""


def problems(where: str, results: Mapping[str, Any], names: tuple[str, ...] = tuple(EXPECTED)) -> Iterator[str]:
    """Yield a sentence for each step whose result is missing, an error, or another one."""
    if "connect" in results:
        yield f"{where}: the client could not connect: {results['connect']['error']}"
        return
    for name in names:
        found = results.get(name)
        if isinstance(found, dict) and "error" in found:
            yield f"{where}, {name}: {found['error']}"
        elif found is None or not EXPECTED[name](found):
            yield f"{where}, {name}: unexpected result {found!r}"[:400]
