"""Index of the transcripts of a run: events by line, exchanges, and their scenarios.

A run has one transcript, or one for each worker (`transcript-gw0.jsonl` ...). The number of a line is the `seq` of its event.
Unreadable lines (such as a truncated last line) are skipped.
"""

import base64
import contextlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from gatebench.conformance.events import Event
from gatebench.fixtures.recording import files
from gatebench.reports.conformance.traffic.stored_events import StoredEvents


def json_lines(path: Path) -> Iterator[Event]:
    """Yield the JSON objects of a file; other lines are skipped. Raises OSError if it cannot be read."""
    with files.open_text(path) as lines:
        for line in lines:
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                yield value


@dataclass
class ExchangeView:
    """One HTTP request of one leg, with its response. `events` are those of its transcript."""

    brief: Event  # the request without a large body
    events: StoredEvents
    response: Event | None = None
    chunks: list[Event] = field(default_factory=list)
    end: Event | None = None

    @property
    def request(self) -> Event:
        """The request."""
        return self.events.whole(self.brief)

    @property
    def leg(self) -> str:
        """`client`, `upstream` or `idp`."""
        return str(self.brief["leg"])

    @property
    def begins(self) -> float:
        """The time of the request."""
        return float(self.brief["t"])

    @property
    def ends(self) -> float:
        """The time of its last event; infinite while it is open."""
        return float(self.end["t"]) if self.end else float("inf")

    @property
    def lines(self) -> set[int]:
        """All its lines in the transcript."""
        parts = [self.brief, self.response, self.end, *self.chunks]
        return {int(part["seq"]) for part in parts if part}

    @property
    def tags(self) -> Event:
        """The tags that clients of the bench add to requests: principal, server, client, revision, nonce."""
        return self.brief

    @property
    def body(self) -> str:
        """The response body as text; undecodable bytes are replaced by U+FFFD."""
        return "".join(_text(self.events.whole(chunk)) for chunk in self.chunks)

    @property
    def rpc(self) -> Event:
        """The JSON-RPC message of the request; empty if the body is not one."""
        return _object(self.request.get("body"))

    @cached_property
    def nonce(self) -> str | None:
        """The nonce that identifies the request on the upstream side."""
        params = self.rpc.get("params")
        holders = [self.brief]
        if isinstance(params, dict):
            holders += [h for h in (params.get("arguments"), params.get("_meta")) if isinstance(h, dict)]
        found = (holder.get(key) for holder in holders for key in ("nonce", "gatebench/nonce"))
        return next((nonce for nonce in found if isinstance(nonce, str)), None)


def _text(chunk: Event) -> str:
    with contextlib.suppress(KeyError, ValueError, TypeError):
        return base64.b64decode(chunk["body_base64"]).decode(errors="replace")
    return str(chunk.get("body", chunk.get("body_base64", "")))


def _object(text: Any) -> Event:
    try:
        value = json.loads(text) if text else None
    except (ValueError, TypeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


@dataclass
class ScenarioRun:
    """One run of a scenario: its first and last line."""

    scenario: str
    begin: int
    end: int = 1 << 62  # not finished at the end of the transcript


class TranscriptIndex:
    """Index of one transcript file."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.events = StoredEvents(path)
        self.exchanges: dict[str, ExchangeView] = {}
        self.world: Event = {}
        self.labels: set[str] = set()
        self.timings: dict[str, float] = {}
        self.restarts: list[Event] = []
        self.seconds = 0.0
        self.complete = False
        self._plays: list[ScenarioRun] = []
        self._first: dict[str, ScenarioRun] = {}
        briefs = self.events.briefs
        for event in briefs.values():
            self._take(event)
        times = [event["t"] for event in briefs.values()]
        self.seconds = max(times) - min(times) if times else 0.0
        self.last = max(self.events, default=0)  # number of the last line
        self._begun = sorted(self.exchanges.values(), key=_line)

    def _take(self, event: Event) -> None:
        kind, exchange = event["kind"], self.exchanges.get(event.get("exchange", ""))
        if kind == "request" and "exchange" in event:
            self.exchanges[event["exchange"]] = ExchangeView(event, self.events)
        elif exchange and kind == "response":
            exchange.response = event
        elif exchange and kind == "chunk":
            exchange.chunks.append(event)
        elif exchange and kind == "end":
            exchange.end = event
        elif event["leg"] == "harness":
            self._note(event)

    def _note(self, event: Event) -> None:
        kind = event["kind"]
        if kind == "scenario" and event.get("phase") == "begin":
            self._plays.append(ScenarioRun(event["scenario"], event["seq"]))
            self._first.setdefault(event["scenario"], self._plays[-1])
        elif kind == "scenario" and self._plays:
            self._plays[-1].end = event["seq"]
        elif kind == "world":
            self.world = event["sheet"]
        elif kind == "secret":
            self.labels.add(event["label"])
        elif kind == "timing":
            self.timings[event["what"]] = float(event["seconds"])
        elif kind == "restart" and "number" in event:  # of the bench, not of a scenario
            self.restarts.append(event)
        elif kind == "footer":
            self.complete = bool(event.get("complete"))

    def play_at(self, line: int) -> ScenarioRun | None:
        """Return the scenario run that contains a line, or the last one before it."""
        later = bisect_right(self._plays, line, key=lambda play: play.begin)
        return self._plays[later - 1] if later else None

    def first_play(self, scenario: str) -> ScenarioRun | None:
        """Return the first run of a scenario, which determines its results; reruns only show whether a failure is stable."""
        return self._first.get(scenario)

    def during(self, play: ScenarioRun | None) -> list[ExchangeView]:
        """Return the exchanges that began during a scenario run, in order."""
        if not play:
            return []
        return self._begun[
            bisect_left(self._begun, play.begin, key=_line) : bisect_right(self._begun, play.end, key=_line)
        ]

    def between(self, play: ScenarioRun) -> list[Event]:
        """The events of a play, in order."""
        return [self.events[line] for line in self.events if play.begin <= line <= play.end]

    def exchange_at(self, line: int) -> ExchangeView | None:
        """Return the exchange of a line."""
        return self.exchanges.get(self.events.briefs.get(line, {}).get("exchange", ""))


def _line(exchange: ExchangeView) -> int:
    return int(exchange.brief["seq"])


class Evidence:
    """All transcripts of the folder of a run."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(folder.glob("transcript*.jsonl"))
        self._by_name = {path.name: TranscriptIndex(path) for path in paths}
        self.transcripts = list(self._by_name.values())

    def of(self, scenario: str, name: str | None = None) -> TranscriptIndex | None:
        """Return the transcript with this name, or the one with this scenario, or the only one."""
        if name in self._by_name:
            return self._by_name[name]
        found = next((transcript for transcript in self.transcripts if transcript.first_play(scenario)), None)
        return found or (self.transcripts[0] if len(self.transcripts) == 1 else None)

    def lines_of(self, scenario: str, name: str | None = None) -> list[int] | None:
        """Return the first and last line of the first run of a scenario; None if it was not run."""
        transcript = self.of(scenario, name)
        play = transcript.first_play(scenario) if transcript else None
        return [play.begin, min(play.end, transcript.last)] if transcript and play else None

    @property
    def names(self) -> dict[str, set[str]]:
        """Names in this world: credentials (labels), principals and servers."""
        worlds = [transcript.world for transcript in self.transcripts]
        return {
            "credential": {label for transcript in self.transcripts for label in transcript.labels if ":" in label},
            "principal": _keys(worlds, "principals"),
            "server": _keys(worlds, "upstreams") | _keys(worlds, "virtual_servers"),
        }

    @property
    def timings(self) -> dict[str, float]:
        """Seconds to start world and gateway (of the slowest worker)."""
        found: dict[str, float] = {}
        for transcript in self.transcripts:
            for what, seconds in transcript.timings.items():
                found[what] = max(seconds, found.get(what, 0.0))
        return found

    @property
    def restarts(self) -> list[dict[str, str]]:
        """When and why the bench started the gateway again, and after which scenario."""
        return [
            {"scenario": str(event["scenario"]), "why": str(event["why"]), "failure": str(event.get("failure", ""))}
            for transcript in self.transcripts
            for event in transcript.restarts
        ]

    @property
    def seconds(self) -> float:
        """Seconds from the first to the last line (of the slowest worker)."""
        return max((transcript.seconds for transcript in self.transcripts), default=0.0)


def _keys(worlds: Iterable[Event], part: str) -> set[str]:
    return {name for world in worlds for name in world.get(part, {})}
