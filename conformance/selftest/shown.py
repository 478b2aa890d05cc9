"""One conforming and one violating transcript of each check, as small files: `python -m conformance.selftest.shown` writes them.

They are stories that the checks are tried with (the shortest that a check passes, the shortest that it fails), written down as
a run would have recorded them, and trimmed to what they need. `gatebench judge FILE` judges them without any server.
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

from conformance import selftest
from conformance.selftest.story import REGISTRY, Story
from conformance.transcript import Event
from fixtures.gateways.descriptor import Dialect
from fixtures.secrets import labels_in

FOLDER = Path(__file__).parent / "transcripts"
KINDS = {"conforming": "keeps", "violating": "breaks"}
STILL = 1000.0  # seconds, all the time
SCENARIO = "story"  # the name that everything in a story bears
CLIENT = re.compile(r'"client-\d+"')


def path_of(requirement: str, kind: str) -> Path:
    """Where the transcript of this kind stands."""
    return FOLDER / f"{requirement}.{kind}.jsonl"


def written(requirement: str, kind: str) -> str:
    """What stands there: the same text whenever and wherever it is made, of the shortest story that there is."""
    with patch("time.monotonic", return_value=STILL):  # else a busy machine would be seen in it
        texts = [_told(requirement, function, params) for function, params in _tellings(requirement, KINDS[kind])]
    return min(texts, key=len)


def _told(requirement: str, function: Any, params: dict[str, Any]) -> str:
    spoken: dict[str, Any] = next((mark.kwargs for mark in _marks(function) if mark.name == "dialect"), {})
    story, tell = Story(**spoken), function.__wrapped__
    story.recorder.note("scenario", phase="begin", scenario=SCENARIO, params={})
    tell(story, **params)
    about = " ".join((tell.__doc__ or tell.__name__.removeprefix("test_").replace("_", " ")).split())
    story.recorder.note("scenario", phase="end", scenario=SCENARIO, about=about)
    story.recorder.note("played", scenario=SCENARIO, direct=False, outcome=None, reason="", seconds=0.0)
    story.recorder.note("judged", requirement=requirement, scenario=SCENARIO)
    story.recorder.close(complete=True)
    return _text(story.events)


def _tellings(requirement: str, kind: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The tests that tell such a story of a requirement, with what they are told with, in the order of the files."""
    for module in pkgutil.iter_modules(selftest.__path__, f"{selftest.__name__}."):
        if not module.name.endswith("_checks") and "test_troubleshooting" not in module.name:
            continue
        for function in vars(importlib.import_module(module.name)).values():
            if requirement in getattr(function, "stories", {}).get(kind, []):
                yield function, _params(function, requirement)


def _marks(function: Any) -> list[Any]:
    return list(getattr(function, "pytestmark", []))


def _params(function: Any, requirement: str) -> dict[str, Any]:
    """The first choice of each parametrize mark; where a mark chooses the requirement, the first that chooses this one."""
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
    """Without secrets that nothing mentions; lines, exchanges and times counted from the first."""
    needed = {
        label for event in events if event["kind"] not in ("secret", "world") for label in labels_in(_json(event))
    }
    kept = [event for event in events if event["kind"] != "secret" or event["label"] in needed]
    begun = next(event["t"] for event in events if event["t"])
    lines: list[str] = []
    for event in kept:
        said = {**event, "seq": len(lines) + 1, "t": float(round(event["t"] - begun)) if event["t"] else 0.0}
        for key in {"from", "to"} & said.keys():  # places in the transcript
            said[key] = sum(one["seq"] <= said[key] for one in kept)
        if event["kind"] == "target":
            said["target"] = _trimmed(event["target"])
        if event["kind"] == "footer":
            said["lines"] = len(lines) + 1
        lines.append(_json(said))
    names: dict[str, str] = {}

    def renamed(match: re.Match[str]) -> str:
        return names.setdefault(match[0], f'"client-{len(names) + 1}"')

    return CLIENT.sub(renamed, "\n".join(lines) + "\n")


def _trimmed(target: dict[str, Any]) -> dict[str, Any]:
    """Of a descriptor, what checks look at: its dialect where it differs from the guide's, and whether we started it."""
    usual = Dialect().model_dump(mode="json")
    dialect = {key: value for key, value in target["dialect"].items() if value != usual[key]}
    return {
        "gateway": {"name": target["gateway"]["name"]},
        "launch": target["launch"] and {"command": target["launch"]["command"]},
        "dialect": dialect,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def main() -> int:
    """Write them all, and remove those of checks that are gone."""
    FOLDER.mkdir(exist_ok=True)
    texts = {path_of(one.id, kind): written(one.id, kind) for one in REGISTRY.all() if one.check for kind in KINDS}
    for path in set(FOLDER.glob("*.jsonl")) - set(texts):
        path.unlink()
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    print(f"{len(texts)} transcripts, {sum(map(len, texts.values())) // 1024} KiB, in {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
