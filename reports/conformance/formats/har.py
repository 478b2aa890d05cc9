"""report.har: the exchanges of all findings, on both sides of the gateway, for the developer tools of browsers.

Source: HTTP Archive 1.2. Credentials are labels, as in the transcripts. The `comment` of an exchange has the requirements whose
findings show it, and the leg: `CRED-001, CRED-006 · upstream`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from gatebench.fixtures.recording import files
from gatebench.fixtures.recording.labels import parse_with_labels
from gatebench.reports.conformance.traffic.evidence import ExchangeView, TranscriptIndex

NAME = "report.har"
Report = Mapping[str, Any]
Entry = dict[str, Any]


def write(report: Report, folder: Path) -> Path | None:
    """Write report.har into the folder of the run and return its path; None, and no file, if no finding has an exchange."""
    lines: dict[str, dict[int, list[str]]] = {}
    for finding in report["findings"]:
        exchange = finding["exchange"]
        for message in exchange["messages"] if exchange else ():
            named = lines.setdefault(exchange["transcript"], {}).setdefault(message["line"], [])
            if finding["requirement"] not in named:
                named.append(finding["requirement"])
    entries = [entry for name, wanted in lines.items() for entry in _entries(folder / name, wanted, report["time"])]
    path = folder / NAME
    if not entries:
        path.unlink(missing_ok=True)
        return None
    entries.sort(key=lambda entry: entry["startedDateTime"])
    creator = {"name": "gatebench", "version": report["gatebench"]}
    files.write_text(path, json.dumps({"log": {"version": "1.2", "creator": creator, "entries": entries}}, indent=1))
    return path


def _entries(path: Path, wanted: Mapping[int, list[str]], began: str) -> Iterator[Entry]:
    """Yield the exchanges of these lines; `wanted` maps each line to the requirements whose findings show it."""
    transcript = TranscriptIndex(path)
    first = min((float(event["t"]) for event in transcript.events.briefs.values()), default=0.0)
    found: dict[str, tuple[ExchangeView, list[str]]] = {}
    for line, requirements in wanted.items():
        exchange = transcript.exchange_at(line)
        if exchange is not None:
            named = found.setdefault(str(exchange.brief["exchange"]), (exchange, []))[1]
            named += [one for one in requirements if one not in named]
    for exchange, requirements in found.values():
        start = _time(began) + timedelta(seconds=exchange.begins - first)
        yield entry_of(exchange, start, f"{', '.join(requirements)} · {exchange.leg}")


def _time(began: str) -> datetime:
    try:
        return datetime.fromisoformat(began)
    except ValueError:  # of a damaged run
        return datetime.fromtimestamp(0, UTC)


def entry_of(exchange: ExchangeView, start: datetime, comment: str) -> Entry:
    """Return one exchange as an entry of HAR."""
    head = exchange.response
    answered = float(head["t"]) if head else exchange.begins
    ended = max(float(exchange.end["t"]) if exchange.end else answered, answered)
    wait, receive = round((answered - exchange.begins) * 1000, 3), round((ended - answered) * 1000, 3)
    return {
        "startedDateTime": start.isoformat(timespec="milliseconds"),
        "time": round(wait + receive, 3),
        "request": _request(exchange),
        "response": _response(exchange),
        "cache": {},
        "timings": {"send": 0, "wait": wait, "receive": receive},
        "comment": comment,
    }


def _request(exchange: ExchangeView) -> Entry:
    request = exchange.request
    headers = _pairs(request.get("headers", []))
    host = _first(headers, "host") or str(request.get("node", "unknown"))
    target = str(request["target"])
    url = target if "://" in target else f"http://{host}{target}"
    text = str(request.get("body") or "")
    body = {"postData": {"mimeType": _first(headers, "content-type"), "text": text}} if text else {}
    return {
        "method": str(request["method"]),
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers,
        "queryString": _query(url),
        **body,
        "headersSize": -1,
        "bodySize": len(text.encode(errors="replace")),
    }


def _query(url: str) -> list[dict[str, str]]:
    pairs = parse_with_labels(url.partition("?")[2].partition("#")[0], _parameters)
    return [{"name": name, "value": value} for name, value in pairs]


def _parameters(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def _response(exchange: ExchangeView) -> Entry:
    head = exchange.response
    status = int(head["status"]) if head else 0
    headers = _pairs(head.get("headers", [])) if head else []
    text = exchange.body
    known = status in {one.value for one in HTTPStatus}
    return {
        "status": status,  # 0: no response
        "statusText": HTTPStatus(status).phrase if known else "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers,
        "content": {
            "size": len(text.encode(errors="replace")),
            "mimeType": _first(headers, "content-type"),
            "text": text,
        },
        "redirectURL": _first(headers, "location"),
        "headersSize": -1,
        "bodySize": -1,
    }


def _pairs(headers: Iterable[Iterable[str]]) -> list[dict[str, str]]:
    return [{"name": str(name), "value": str(value)} for name, value in headers]


def _first(headers: Iterable[Mapping[str, str]], name: str) -> str:
    return next((one["value"] for one in headers if one["name"].lower() == name), "")
