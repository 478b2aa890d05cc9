import json
from pathlib import Path
from typing import Any

from gatebench.reports.conformance.traffic.evidence import TranscriptIndex
from gatebench.reports.conformance.traffic.stored_events import KEPT, StoredEvents

LARGE = "é" * KEPT * 4


def written(folder: Path, *events: Any) -> Path:
    path = folder / "transcript.jsonl"
    lines = [json.dumps({"t": 0.5, "leg": "client", **event}, ensure_ascii=False) for event in events]
    path.write_text("\n".join([lines[0], "no event", *lines[1:]]) + "\n", encoding="utf-8")
    return path


def exchange(body: str) -> list[dict[str, Any]]:
    return [
        {"seq": 1, "kind": "request", "exchange": "e1", "method": "POST", "target": "/", "headers": [], "body": body},
        {"seq": 2, "kind": "response", "exchange": "e1", "status": 200, "headers": [["a", "b"]]},
        {"seq": 3, "kind": "chunk", "exchange": "e1", "body": LARGE},
        {"seq": 4, "kind": "chunk", "exchange": "e1", "body": "small"},
        {"seq": 5, "kind": "end", "exchange": "e1", "how": "complete"},
        {"seq": 6, "leg": "gateway", "kind": "log", "text": LARGE},
    ]


def test_large_body_is_read_on_demand(tmp_path: Path) -> None:
    events = StoredEvents(written(tmp_path, *exchange("{}")))
    assert list(events) == [1, 2, 3, 4, 5, 6]
    assert "body" not in events.briefs[3]
    assert "text" not in events.briefs[6]
    assert (events[3]["body"], events[4]["body"], events[6]["text"]) == (LARGE, "small", LARGE)


def test_exchange_has_body_method_and_nonce(tmp_path: Path) -> None:
    message = json.dumps({"method": "ping", "params": {"_meta": {"gatebench/nonce": "n-1"}, "x": LARGE}})
    index = TranscriptIndex(written(tmp_path, *exchange(message)))
    view = index.exchanges["e1"]
    assert (view.body, view.rpc["method"], view.nonce) == (LARGE + "small", "ping", "n-1")
    assert index.events.get(99) is None


def test_large_bodies_of_a_changed_file_are_missing(tmp_path: Path) -> None:
    path = written(tmp_path, *exchange("{}"))
    events = StoredEvents(path)
    path.write_text("", encoding="utf-8")
    assert "body" not in events[3]
    assert events[4]["body"] == "small"
