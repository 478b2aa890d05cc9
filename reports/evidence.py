"""The transcript of a run as reports read it: events by line, exchanges, and which scenario they belong to.

A run has one transcript, or one for each worker (`transcript-gw0.jsonl` ...). A line's number is the event's `seq`.
Whatever cannot be read (a last line that was cut off) is left out: reports are made of what there is.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

Event = dict[str, Any]


def json_lines(path: Path) -> Iterator[Event]:
    """The JSON objects of a file, in order; lines that are none are skipped. OSError when it cannot be read."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value


@dataclass
class Exchange:
    """One HTTP request of one leg, with whatever came back."""

    request: Event
    response: Event | None = None
    chunks: list[Event] = field(default_factory=list)
    end: Event | None = None

    @property
    def leg(self) -> str:
        """`client`, `upstream` or `idp`."""
        return str(self.request["leg"])

    @property
    def begins(self) -> float:
        """When the request was seen."""
        return float(self.request["t"])

    @property
    def ends(self) -> float:
        """When the last that belongs to it was seen; infinite while it is open."""
        return float(self.end["t"]) if self.end else float("inf")

    @property
    def lines(self) -> set[int]:
        """Every line of the transcript that belongs to it."""
        parts = [self.request, self.response, self.end, *self.chunks]
        return {int(part["seq"]) for part in parts if part}

    @property
    def tags(self) -> Event:
        """The remarks that our own clients leave on their requests: principal, server, client, revision, nonce."""
        return self.request

    @property
    def body(self) -> str:
        """The answer's body as text; base64 where it is no text."""
        return "".join(str(chunk.get("body", chunk.get("body_base64", ""))) for chunk in self.chunks)

    @cached_property
    def rpc(self) -> Event:
        """The JSON-RPC message that was sent; empty when the body is none."""
        return _object(self.request.get("body"))

    @cached_property
    def nonce(self) -> str | None:
        """The mark by which a request is found again on the far side."""
        params = self.rpc.get("params")
        holders = [self.request]
        if isinstance(params, dict):
            holders += [h for h in (params.get("arguments"), params.get("_meta")) if isinstance(h, dict)]
        found = (holder.get(key) for holder in holders for key in ("nonce", "gatebench/nonce"))
        return next((nonce for nonce in found if isinstance(nonce, str)), None)


def _object(text: Any) -> Event:
    try:
        value = json.loads(text) if text else None
    except (ValueError, TypeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


@dataclass
class Play:
    """One play of a scenario: the lines from its first to its last."""

    scenario: str
    begin: int
    end: int = 1 << 62  # still going on when the transcript ends


class Transcript:
    """One transcript file."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.events: dict[int, Event] = {}
        self.exchanges: dict[str, Exchange] = {}
        self.world: Event = {}
        self.labels: set[str] = set()
        self.timings: dict[str, float] = {}
        self.seconds = 0.0
        self.complete = False
        self._plays: list[Play] = []
        self._first: dict[str, Play] = {}
        for event in json_lines(path):
            if {"seq", "t", "leg", "kind"} <= event.keys():
                self.events[event["seq"]] = event
                self._take(event)
        times = [event["t"] for event in self.events.values()]
        self.seconds = max(times) - min(times) if times else 0.0

    def _take(self, event: Event) -> None:
        kind, exchange = event["kind"], self.exchanges.get(event.get("exchange", ""))
        if kind == "request" and "exchange" in event:
            self.exchanges[event["exchange"]] = Exchange(event)
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
            self._plays.append(Play(event["scenario"], event["seq"]))
            self._first.setdefault(event["scenario"], self._plays[-1])
        elif kind == "scenario" and self._plays:
            self._plays[-1].end = event["seq"]
        elif kind == "world":
            self.world = event["sheet"]
        elif kind == "secret":
            self.labels.add(event["label"])
        elif kind == "timing":
            self.timings[event["what"]] = float(event["seconds"])
        elif kind == "footer":
            self.complete = bool(event.get("complete"))

    @property
    def last(self) -> int:
        """Number of the last line."""
        return max(self.events, default=0)

    def play_at(self, line: int) -> Play | None:
        """The play of a scenario that a line was written in, or the last one before it."""
        return next((play for play in reversed(self._plays) if play.begin <= line), None)

    def first_play(self, scenario: str) -> Play | None:
        """The play that a scenario is judged by; further ones only say how steady a failure is."""
        return self._first.get(scenario)

    def during(self, play: Play | None) -> list[Exchange]:
        """The exchanges that began during a play, in order."""
        return [x for x in self.exchanges.values() if play and play.begin <= x.request["seq"] <= play.end]

    def exchange_at(self, line: int) -> Exchange | None:
        """The exchange that a line belongs to."""
        return self.exchanges.get(self.events.get(line, {}).get("exchange", ""))


class Evidence:
    """All transcripts of a run folder."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(folder.glob("transcript*.jsonl"))
        self._by_name = {path.name: Transcript(path) for path in paths}
        self.transcripts = list(self._by_name.values())

    def of(self, scenario: str, name: str | None = None) -> Transcript | None:
        """The transcript that a judgement names, or that holds its scenario, or the only one."""
        if name in self._by_name:
            return self._by_name[name]
        found = next((transcript for transcript in self.transcripts if transcript.first_play(scenario)), None)
        return found or (self.transcripts[0] if len(self.transcripts) == 1 else None)

    def lines_of(self, scenario: str, name: str | None = None) -> list[int] | None:
        """The first and the last line of the play that a scenario is judged by; None for what was never played."""
        transcript = self.of(scenario, name)
        play = transcript.first_play(scenario) if transcript else None
        return [play.begin, min(play.end, transcript.last)] if transcript and play else None

    @property
    def names(self) -> dict[str, set[str]]:
        """What is called how in this world: names of credentials (labels), principals and servers."""
        worlds = [transcript.world for transcript in self.transcripts]
        return {
            "credential": {label for transcript in self.transcripts for label in transcript.labels if ":" in label},
            "principal": _keys(worlds, "principals"),
            "server": _keys(worlds, "upstreams") | _keys(worlds, "virtual_servers"),
        }

    @property
    def timings(self) -> dict[str, float]:
        """Seconds until the world and the gateway stood (the slowest worker's)."""
        found: dict[str, float] = {}
        for transcript in self.transcripts:
            for what, seconds in transcript.timings.items():
                found[what] = max(seconds, found.get(what, 0.0))
        return found

    @property
    def seconds(self) -> float:
        """From the first to the last line (the slowest worker's)."""
        return max((transcript.seconds for transcript in self.transcripts), default=0.0)


def _keys(worlds: Iterable[Event], part: str) -> set[str]:
    return {name for world in worlds for name in world.get(part, {})}
