"""The transcript of a whole run as the final sweep reads it, without what only takes memory.

Rules of the sweep relate requests across scenarios (a session that two callers share, a tool that ran twice), so that they need
the whole run at once. They are about requests, about responses of the gateway to clients, and about notes and logs.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from gatebench.conformance.events import Event
from gatebench.conformance.exchange import Exchange, add_event
from gatebench.conformance.transcript import Facts, Transcript

_OF_AN_EXCHANGE = frozenset({"request", "response", "chunk", "end"})
_UNUSED = frozenset({"judged"})  # notes that no check reads


class _NothingKept(dict[str, Any]):
    """A dictionary that stays empty: the parsed messages of a whole run would not fit into the memory limit."""

    def __setitem__(self, key: str, value: Any) -> None:
        """Keep nothing."""


class SweptTranscript(Transcript):
    """All exchanges through the gateway until the sweep: the shutdown of a run is not checked.

    Runs against the upstream alone are left out, as they are not attributed to the gateway. Exchanges with upstreams and identity
    providers have no response bodies, which come from the bench's own mocks. `events` are those that belong to no exchange.
    """

    def __init__(self, events: Iterable[Event], facts: Facts) -> None:
        super().__init__((), facts)
        self._found: dict[str, Exchange] = {}
        for event in _through_the_gateway(_until_sweep(events)):
            if event["kind"] not in _OF_AN_EXCHANGE:
                if event["kind"] not in _UNUSED:
                    self.events.append(event)
            elif event["kind"] != "chunk" or event["leg"] == "client":
                add_event(self._found, event)
        for exchange in self._found.values():
            exchange.keep_messages_in(_NothingKept())

    @property
    def exchanges(self) -> dict[str, Exchange]:  # a cached property there
        """Return all exchanges by id, in the order of their start."""
        return self._found


def _until_sweep(events: Iterable[Event]) -> Iterator[Event]:
    for event in events:
        if event["kind"] == "sweep":
            return
        yield event


def _through_the_gateway(events: Iterable[Event]) -> Iterator[Event]:
    """Yield all events except those of runs against the upstream alone, from the note that begins one to the one that ends it."""
    play: list[Event] = []
    for event in events:
        if event["kind"] == "scenario" and event["phase"] == "begin":
            yield from play
            play = []
        play.append(event)
        if event["kind"] == "played":
            if not event["direct"]:
                yield from play
            play = []
    yield from play
