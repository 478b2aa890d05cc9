"""Example transcripts: one conforming and one violating transcript of each check, as small files; `python -m
gatebench.conformance.selftest.support.example_transcripts` writes them.

They come from the tests of the checks (the shortest transcript that passes a check, the shortest that fails it), in the
form of a recorded run, and reduced to what they need. `gatebench judge FILE` evaluates them without a server.
"""

import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gatebench.conformance import selftest
from gatebench.conformance.events import Event
from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.examples import shape_examples
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder
from gatebench.fixtures.gateways.descriptor import Dialect
from gatebench.fixtures.recording.labels import labels_in

FOLDER = Path(__file__).parents[1] / "transcripts"
KINDS = {"conforming": "passes", "violating": "fails"}
CLOCK = 1000.0  # the constant clock, in seconds
SCENARIO = "story"  # the scenario name in every example transcript
CLIENT = re.compile(r'"client-\d+"')


def path_of(requirement: str, kind: str) -> Path:
    """Return the path of the transcript of this kind."""
    return FOLDER / f"{requirement}.{kind}.jsonl"


def write_examples(requirement: str, kind: str) -> str:
    """Return the shortest example transcript; it is the same at any time and on any machine."""
    with patch("time.monotonic", return_value=CLOCK):  # timing would otherwise depend on the machine
        row = REGISTRY[requirement]
        if row.cases:
            return _of_a_row(row, kind)
        texts = [_example(requirement, function, params) for function, params in _tests_of(requirement, KINDS[kind])]
    return min(texts, key=len)


def _of_a_row(row: Requirement, kind: str) -> str:
    builder = TranscriptBuilder()
    builder.recorder.note("scenario", phase="begin", scenario=SCENARIO, params={})
    shape_examples.build(kind, builder, row, row.cases[0])
    return _recorded(builder, row.id, f"the shape {row.check}, case {row.cases[0]}, {kind}")


def _example(requirement: str, function: Any, params: dict[str, Any]) -> str:
    spoken: dict[str, Any] = next((mark.kwargs for mark in _marks(function) if mark.name == "dialect"), {})
    builder, build_events = TranscriptBuilder(**spoken), function.__wrapped__
    builder.recorder.note("scenario", phase="begin", scenario=SCENARIO, params={})
    build_events(builder, **params)
    about = " ".join((build_events.__doc__ or build_events.__name__.removeprefix("test_").replace("_", " ")).split())
    return _recorded(builder, requirement, about)


def _recorded(builder: TranscriptBuilder, requirement: str, about: str) -> str:
    """Complete a transcript as a recorded run; return its text."""
    builder.recorder.note("scenario", phase="end", scenario=SCENARIO, about=about)
    builder.recorder.note("played", scenario=SCENARIO, direct=False, outcome=None, reason="", seconds=0.0)
    builder.recorder.note("judged", requirement=requirement, scenario=SCENARIO)
    builder.recorder.close(complete=True)
    return _text(builder.events)


def _tests_of(requirement: str, kind: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield the tests that build such a transcript for a requirement, with their arguments, in the order of the files."""
    found = pkgutil.walk_packages(selftest.__path__, f"{selftest.__name__}.")
    for module, path in sorted((module.name.rpartition(".")[2], module.name) for module in found):
        if not module.endswith("_checks") and not module.startswith("test_troubleshooting"):
            continue
        for function in vars(importlib.import_module(path)).values():
            if requirement in getattr(function, "examples", {}).get(kind, []):
                yield function, _params(function, requirement)


def _marks(function: Any) -> list[Any]:
    return list(getattr(function, "pytestmark", []))


def _params(function: Any, requirement: str) -> dict[str, Any]:
    """Return the first choice of each parametrize mark; if a mark chooses the requirement, the first that chooses this one."""
    chosen: dict[str, Any] = {}
    for mark in _marks(function):
        if mark.name != "parametrize":
            continue
        given, rows = mark.args[:2]
        names = [name.strip() for name in given.split(",")] if isinstance(given, str) else list(given)
        mapped = [dict(zip(names, _values(row, names), strict=True)) for row in rows]
        chosen |= next(row for row in mapped if row.get("requirement", requirement) == requirement)
    chosen.pop("requirement", None)
    return chosen


def _values(row: Any, names: list[str]) -> Any:
    given = getattr(row, "values", None)  # of pytest.param, and a method of dictionaries
    return given if isinstance(given, tuple) else row if len(names) > 1 else [row]


def _text(events: list[Event]) -> str:
    """Serialise the events without unused secrets; lines, exchanges and times are counted from the first."""
    needed = {
        label for event in events if event["kind"] not in ("secret", "world") for label in labels_in(_json(event))
    }
    kept = [event for event in events if event["kind"] != "secret" or event["label"] in needed]
    begun = next(event["t"] for event in events if event["t"])
    lines: list[str] = []
    for event in kept:
        renumbered = {**event, "seq": len(lines) + 1, "t": float(round(event["t"] - begun)) if event["t"] else 0.0}
        for key in {"from", "to", "begin"} & renumbered.keys():  # line numbers in the transcript
            renumbered[key] = sum(one["seq"] <= renumbered[key] for one in kept)
        if event["kind"] == "target":
            renumbered["target"] = _trimmed(event["target"])
        if event["kind"] == "footer":
            renumbered["lines"] = len(lines) + 1
        lines.append(_json(renumbered))
    names: dict[str, str] = {}

    def renamed(match: re.Match[str]) -> str:
        return names.setdefault(match[0], f'"client-{len(names) + 1}"')

    return CLIENT.sub(renamed, "\n".join(lines) + "\n")


def _trimmed(target: dict[str, Any]) -> dict[str, Any]:
    """Return what checks use of a descriptor: a dialect of its own, claimed features, whether the bench started it."""
    usual = Dialect().model_dump(mode="json")
    dialect = {key: value for key, value in target["dialect"].items() if value != usual[key]}
    return {
        "gateway": {"name": target["gateway"]["name"]},
        "launch": target["launch"] and {"command": target["launch"]["command"]},
        "dialect": dialect,
        **({"features": target["features"]} if target.get("features") else {}),
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def main() -> int:
    """Write all of them, and delete those of removed checks."""
    FOLDER.mkdir(exist_ok=True)
    texts = {
        path_of(one.id, kind): write_examples(one.id, kind) for one in REGISTRY.all() if one.check for kind in KINDS
    }
    for path in set(FOLDER.glob("*.jsonl")) - set(texts):
        path.unlink()
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    print(f"{len(texts)} transcripts, {sum(map(len, texts.values())) // 1024} KiB, in {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
