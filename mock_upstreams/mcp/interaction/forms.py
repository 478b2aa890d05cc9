"""Parameters of what the tools ask the client for."""

from typing import Any

Params = dict[str, Any]

NEEDED = {"sampling/createMessage": "sampling", "elicitation/create": "elicitation", "roots/list": "roots"}
"""The client capability that a request needs."""

SAMPLES: dict[str, Params] = {
    "username": {"type": "string", "description": "User's response"},
    "email": {"type": "string", "description": "User's email address", "format": "email"},
}
DEFAULTS: dict[str, Params] = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}


def _titled(names: dict[str, str]) -> list[Params]:
    return [{"const": value, "title": title} for value, title in names.items()]


ENUMS: dict[str, Params] = {
    "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
    "titledSingle": {"type": "string", "oneOf": _titled({"value1": "First Option", "value2": "Second Option"})},
    "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
    "titledMulti": {
        "type": "array",
        "items": {"anyOf": _titled({"value1": "First Choice", "value2": "Second Choice"})},
    },
}


def sampling(prompt: str, tokens: int = 100) -> Params:
    """Return the parameters of sampling/createMessage."""
    return {
        "messages": [{"role": "user", "content": {"type": "text", "text": prompt}}],
        "modelPreferences": {"hints": [{"name": "any"}], "costPriority": 0.0, "speedPriority": 0.5},
        "systemPrompt": 'Answer briefly: ü, \u2028, "quoted".',
        "temperature": 0.0,
        "maxTokens": tokens,
        "stopSequences": [],
        "metadata": {"of": {"list": ["a", 1]}},
    }


def form(message: str, properties: dict[str, Params], required: tuple[str, ...] = ()) -> Params:
    """Return the parameters of elicitation/create."""
    schema: Params = {"type": "object", "properties": properties}
    return {"message": message, "requestedSchema": schema | ({"required": list(required)} if required else {})}


def name_form(message: str, member: str = "name", kind: str = "string") -> Params:
    """Return the parameters of an elicitation/create with one required member."""
    return form(message, {member: {"type": kind}}, (member,))
