"""Remarks of checks that are not results: unclaimed features that work, measured times, inferred dialects."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

_LINE_TO_ADD = re.compile(r"(not declared; add to \[\w+\]: )(\w+ = \[[^\]\n]*\])")


def of_requirements(judgements: Iterable[Mapping[str, Any]], most: int) -> list[tuple[str, list[str]]]:
    """Return requirements with their remarks, at most `most` different ones each, the longest times first.

    Descriptor lines that several scenarios suggest are merged into one for each key.
    """
    by_requirement: dict[str, dict[str, None]] = {}
    for judgement in judgements:
        if judgement.get("remarks"):
            by_requirement.setdefault(judgement["requirement"], {}).update(dict.fromkeys(judgement["remarks"]))
    return [(name, sorted(_merged(remarks), reverse=True)[:most]) for name, remarks in by_requirement.items()]


def _merged(remarks: Iterable[str]) -> list[str]:
    kept: list[str] = []
    lines: dict[tuple[str, str], dict[str, None]] = {}
    for remark in remarks:
        found = _LINE_TO_ADD.fullmatch(remark)
        if not found:
            kept.append(remark)
            continue
        for key, forms in tomllib.loads(found[2]).items():
            lines.setdefault((found[1], key), {}).update(dict.fromkeys(map(str, forms)))
    kept += [f"{words}{key} = [{_quoted(forms)}]" for (words, key), forms in lines.items()]
    return kept


def _quoted(forms: Iterable[str]) -> str:
    return ", ".join(f'"{form}"' for form in forms)
