"""report.har: the exchanges of findings as HTTP Archive 1.2."""

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gatebench.reports.conformance import model
from gatebench.reports.conformance.formats import har

RUN = Path(__file__).parents[2] / "data" / "run"
PAIRS = {"type": "array", "items": {"type": "object", "required": ["name", "value"]}}
# What HTTP Archive 1.2 requires of an entry.
ENTRY = {
    "type": "object",
    "required": ["startedDateTime", "time", "request", "response", "cache", "timings"],
    "properties": {
        "startedDateTime": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)$"},
        "time": {"type": "number", "minimum": 0},
        "request": {
            "required": [
                "method",
                "url",
                "httpVersion",
                "cookies",
                "headers",
                "queryString",
                "headersSize",
                "bodySize",
            ],
            "properties": {
                "headers": PAIRS,
                "queryString": PAIRS,
                "postData": {"required": ["mimeType", "text"]},
                "url": {"pattern": "^https?://[^/]+/"},
            },
        },
        "response": {
            "required": [
                *("status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL"),
                *("headersSize", "bodySize"),
            ],
            "properties": {"headers": PAIRS, "content": {"required": ["size", "mimeType"]}},
        },
        "timings": {"required": ["send", "wait", "receive"]},
    },
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RUN, tmp_path / "run"))


def written(run: Path) -> dict[str, Any]:
    path = har.write(model.build(run), run)
    assert path == run / "report.har"
    log: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["log"]
    return log


def test_every_exchange_of_a_finding_is_a_valid_entry(run: Path) -> None:
    log = written(run)
    assert (log["version"], log["creator"]["name"]) == ("1.2", "gatebench")
    for entry in log["entries"]:
        jsonschema.validate(entry, ENTRY)
    named = {name for entry in log["entries"] for name in entry["comment"].partition(" · ")[0].split(", ")}
    assert named == {one["requirement"] for one in model.build(run)["findings"] if one["exchange"]}


def test_both_sides_of_the_gateway_are_in_order(run: Path) -> None:
    entries = written(run)["entries"]
    assert {"client", "upstream"} <= {entry["comment"].rpartition(" ")[2] for entry in entries}
    assert entries == sorted(entries, key=lambda entry: entry["startedDateTime"])


def test_a_run_without_findings_has_no_archive(run: Path) -> None:
    (run / "report.har").write_text("of an earlier run", encoding="utf-8")
    assert har.write(model.build(run) | {"findings": []}, run) is None
    assert not (run / "report.har").exists()
