"""Validation of report.json against its public schema."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).parent / "report.schema.json"


@cache
def _validator() -> Any:
    import jsonschema  # type: ignore[import-untyped] # noqa: PLC0415 - slow to import

    return jsonschema.Draft202012Validator(json.loads(PATH.read_text(encoding="utf-8")))


def check(report: Mapping[str, Any]) -> None:
    """Raise ValueError, with one sentence and the location, if the report violates the schema."""
    import jsonschema  # noqa: PLC0415

    error = jsonschema.exceptions.best_match(_validator().iter_errors(report))
    if error is not None:
        message = error.message if len(error.message) < 300 else f"{error.message[:300]}…"
        raise ValueError(f"the report violates its schema at {error.json_path}: {message}")
