"""What a user fills into the form of an elicitation: values that its schema allows (MCP 2025-11-25, client/elicitation)."""

from typing import Any

from gatebench.conformance.checks.answers import mapping

FORMATS = {
    "email": "user@example.com",
    "uri": "https://example.com/",
    "date": "2026-01-31",
    "date-time": "2026-01-31T00:00:00Z",
}
OTHER: dict[str, Any] = {"integer": 30, "number": 1.5, "boolean": True}


def filled(params: Any, text: str) -> dict[str, Any]:
    """Return a value for each property of the schema in the parameters of elicitation/create; free texts have `text`."""
    schema = mapping(mapping(params).get("requestedSchema"))
    return {name: _value(mapping(one), text) for name, one in mapping(schema.get("properties")).items()}


def _value(schema: dict[str, Any], text: str) -> Any:
    if schema.get("type") == "array":
        return _choices(mapping(schema.get("items")))
    if choices := _choices(schema):
        return choices[-1]
    kind = str(schema.get("type"))
    return OTHER[kind] if kind in OTHER else FORMATS.get(str(schema.get("format")), text)


def _choices(schema: dict[str, Any]) -> list[Any]:
    """Return the first and the last choice of a schema; of titled ones, their values."""
    titled = [mapping(one).get("const") for key in ("oneOf", "anyOf") for one in schema.get(key) or []]
    found = [*(schema.get("enum") or []), *titled]
    return found[:1] + found[1:][-1:]
