"""Validation of report.json against its public schema."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

PATH = Path(__file__).parent / "report.schema.json"


@cache
def _validator() -> Any:
    return jsonschema_rs.validator_for(json.loads(PATH.read_text(encoding="utf-8")))


def check(report: Mapping[str, Any]) -> None:
    """Raise ValueError, with one sentence and the location, if the report violates the schema."""
    try:
        if _validator().is_valid(report):
            return
    except UnicodeEncodeError:  # a name with half a surrogate pair, which is valid in JSON
        report = json.loads(json.dumps(report, ensure_ascii=False).encode("utf-8", "replace"))
    error = min(_validator().iter_errors(report), key=lambda error: len(error.instance_path), default=None)
    if error is not None:
        message = error.message if len(error.message) < 300 else f"{error.message[:300]}…"
        raise ValueError(f"the report violates its schema at {_location(error.instance_path)}: {message}")


def _location(path: list[str | int]) -> str:
    """Return a place in a document as a JSONPath (RFC 9535): `$.findings[0].id`."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
