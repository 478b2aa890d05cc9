"""The resources, templates and prompts of an upstream, as on the wire; names as the official conformance suite has them."""

import base64
import re
from typing import Any
from urllib.parse import quote, unquote

Entry = dict[str, Any]

SUITE_NODE = "everything"  # its URIs are those of the official suite
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="  # one red pixel
)
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="  # no samples
BYTES = base64.b64encode(bytes(place * 167 % 256 for place in range(256))).decode()
ICON = {"src": f"data:image/png;base64,{PNG}", "mimeType": "image/png", "sizes": ["1x1"]}
AWKWARD_PATH = "a%20b%2Fc/%C3%BC~!$&'()*+,;=:@?q=1%26&r=#part"
PERSONAL = "personal"
FILES, DOCUMENTS = "files{/path*}{?page,size}", "documents/{+path}"
OF_A_TEMPLATE = re.compile(r"(files(/|\?|$)|documents/)")  # paths that FILES or DOCUMENTS expands to


def base_of(node: str) -> str:
    """Return the beginning of an upstream's URIs: `test://`, with the upstream's name unless it is that of the suite."""
    return "test://" if node == SUITE_NODE else f"test://{node}/"


def resources(node: str) -> list[Entry]:
    """Return the resources that an upstream has at its start."""
    base = base_of(node)
    return [
        {
            "uri": f"{base}static-text",
            "name": "static-text",
            "title": "Static text, \u00fc\U0001d11e",
            "description": "A text that never changes.",
            "mimeType": "text/plain",
            "size": 0,
            "annotations": {"audience": ["user", "assistant"], "priority": 0.5, "lastModified": "2026-01-31T00:00:00Z"},
            "icons": [ICON],
            "_meta": {"example.com/a": {"b": None}},
        },
        {"uri": f"{base}static-binary", "name": "static-binary", "mimeType": "image/png", "size": 70},
        {"uri": f"{base}watched-resource", "name": "watched-resource", "description": "It can change."},
        {"uri": f"{base}several", "name": "several", "annotations": {"priority": 1, "audience": []}},
        {"uri": base + AWKWARD_PATH, "name": "awkward", "mimeType": "text/plain; charset=utf-8"},
        {"uri": f"{base}{PERSONAL}", "name": PERSONAL, "mimeType": "text/plain"},
    ]


def added_resource(node: str, name: str) -> Entry:
    """Return a resource that is added while the server runs."""
    return {"uri": f"{base_of(node)}added/{quote(name)}", "name": name, "mimeType": "text/plain"}


def templates(node: str) -> list[Entry]:
    """Return the resource templates of an upstream (RFC 6570)."""
    base = base_of(node)
    return [
        {
            "uriTemplate": f"{base}template/{{id}}/data",
            "name": "template",
            "title": "Data by id",
            "description": "One resource for each id.",
            "mimeType": "application/json",
            "annotations": {"priority": 0.0},
            "icons": [ICON],
            "_meta": {"example.com/a": [1]},
        },
        {"uriTemplate": f"{base}{FILES}", "name": "files"},
        {"uriTemplate": f"{base}{DOCUMENTS}", "name": "documents"},
    ]


def prompts() -> list[Entry]:
    """Return the prompts that an upstream has at its start."""
    arguments = [
        {"name": "arg1", "title": "First", "description": "The first argument.", "required": True},
        {"name": "arg2", "required": False},
    ]
    return [
        {
            "name": "test_simple_prompt",
            "title": "Simple",
            "description": "Without arguments.",
            "icons": [ICON],
            "_meta": {"example.com/a": 0},
        },
        {"name": "test_prompt_with_arguments", "description": "With two.", "arguments": arguments},
        {
            "name": "test_prompt_with_embedded_resource",
            "description": "With a resource.",
            "arguments": [{"name": "resourceUri", "description": "Its URI.", "required": True}],
        },
        {"name": "test_prompt_with_image", "description": "With an image.", "arguments": []},
    ]


def contents(node: str, uri: str, owner: str | None) -> list[Entry] | None:
    """Return the contents of a resource for the owner of the token, None if there is no such resource."""
    base = base_of(node)
    path = uri.removeprefix(base) if uri.startswith(base) else ""
    text = {"uri": uri, "mimeType": "text/plain"}
    blob = {"uri": f"{uri}/2", "mimeType": "application/octet-stream", "blob": BYTES}
    content = f"This is a static text of {node}.\n\u00fc\u2028\U0001d11e"
    fixed: dict[str, list[Entry]] = {
        "static-text": [{**text, "text": content, "_meta": {"a": None}}],
        "static-binary": [{"uri": uri, "mimeType": "image/png", "blob": PNG}],
        "watched-resource": [{**text, "text": "Watched."}],
        "several": [{**text, "text": ""}, blob, {"uri": f"{uri}/3", "text": "third"}, {**text, "text": ""}],
        PERSONAL: [{**text, "text": f"mailbox of {owner or 'nobody'}"}],
        AWKWARD_PATH: [{**text, "text": uri}],
    }
    if path.startswith("added/"):
        return [{**text, "text": uri}]
    if path.startswith("template/") and path.endswith("/data"):
        identifier = unquote(path.removeprefix("template/").removesuffix("/data"))
        return [{"uri": uri, "mimeType": "application/json", "text": f'{{"id": "{identifier}"}}'}]
    if OF_A_TEMPLATE.match(path):
        return [{**text, "text": uri}]
    return fixed.get(path)


def prompt(node: str, name: str, arguments: dict[str, str]) -> Entry | None:
    """Return the messages of a prompt, None if there is no such prompt."""
    content: list[Entry]
    match name:
        case "test_simple_prompt":
            content = [{"type": "text", "text": f"This is a simple prompt of {node}."}]
        case "test_prompt_with_arguments":
            one, two = arguments.get("arg1", ""), arguments.get("arg2", "")
            content = [{"type": "text", "text": f"Prompt with arguments: arg1='{one}', arg2='{two}'"}]
        case "test_prompt_with_embedded_resource":
            uri = arguments.get("resourceUri", f"{base_of(node)}static-text")
            resource = {"uri": uri, "mimeType": "text/plain", "text": "Embedded.", "_meta": {"a": 1}}
            content = [
                {"type": "resource", "resource": resource, "annotations": {"priority": 0.0}},
                {"type": "text", "text": "Process the embedded resource above."},
            ]
        case "test_prompt_with_image":
            content = [
                {"type": "image", "data": PNG, "mimeType": "image/png", "annotations": {"audience": ["user"]}},
                {"type": "text", "text": "Analyze the image above."},
            ]
        case _ if name.startswith("added"):
            content = [{"type": "text", "text": "A prompt that was added."}]
        case _:
            return None
    roles = ("user", "user", "assistant")
    messages = [{"role": role, "content": one} for role, one in zip(roles, content, strict=False)]
    return {"description": f"{name}, \u00fc", "messages": messages, "_meta": {"example.com/of": node}}


def completion(node: str, reference: str, argument: Entry, context: Entry) -> Entry:
    """Return values that name what they were asked for: the upstream, the reference, the value and the context."""
    known = ",".join(f"{name}={value}" for name, value in sorted(context.items()))
    value = argument.get("value", "")
    return {"values": [f"{value}1", f"{value}2", f"{node}|{reference}|{known}"], "total": 150, "hasMore": True}
