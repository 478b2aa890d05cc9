"""The events of a transcript file by line, in little memory: large bodies stay in the file until they are needed."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from gatebench.conformance.events import Event, Shared, flaw
from gatebench.fixtures.recording import files

KEPT = 512  # characters of a body, or of a line of a log, that are kept
_LARGE = ("body", "body_base64", "text")


class StoredEvents(Mapping[int, Event]):
    """The valid events of a file, in order, by line number (`seq`). Unreadable lines are skipped.

    A lookup returns the whole event. `briefs` has them without large bodies. Raises OSError if the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offsets: dict[int, int] = {}  # of the events that are not whole
        self.briefs: dict[int, Event] = {}
        shared, offset = Shared(), 0
        with files.open_binary(path) as lines:
            for line in lines:
                event = _event(line)
                if event is not None:
                    self._store(shared.event(event), offset)
                offset += len(line)

    def _store(self, event: Event, offset: int) -> None:
        large = [key for key in _LARGE if len(str(event.get(key, ""))) > KEPT]
        for key in large:
            del event[key]
        if large:
            self._offsets[event["seq"]] = offset
        else:
            self._offsets.pop(event["seq"], None)
        self.briefs[event["seq"]] = event

    def whole(self, event: Event) -> Event:
        """Return the event with its body, read again if it is large; without it if the file has changed since."""
        offset = self._offsets.get(event["seq"])
        if offset is None:
            return event
        with files.open_binary(self._path) as lines:
            lines.seek(offset)
            found = _event(lines.readline())
        return found if found is not None and found["seq"] == event["seq"] else event

    def __getitem__(self, line: int) -> Event:
        return self.whole(self.briefs[line])

    def __iter__(self) -> Iterator[int]:
        return iter(self.briefs)

    def __len__(self) -> int:
        return len(self.briefs)


def _event(line: bytes) -> Event | None:
    try:
        value = json.loads(line.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return value if flaw(value) is None else None
