"""The commands of our documents, and their marks for running them.

A block of commands has a mark on the line before its fence:

    <!-- run: quick -->              run by `make test`; `slow` ones by `make readme-test`
    <!-- run: quick, status 1 -->    its last command ends with this status (all others with 0)
    <!-- run: slow, status any -->   what is measured decides how its commands end, but none is our fault
    <!-- run: quick gateway -->      http://127.0.0.1:4000/mcp/docs is a running gateway, and ... the token that it gave out
    <!-- run: quick world -->        what serves is stopped when it is up; then a gateway is configured from its world.json
    <!-- run: quick serve -->        what serves is stopped when it has said where
    <!-- run: checkout -->           quick, in the folder of the checkout
    <!-- run: ci -->                 .ci/run has the very same lines
    <!-- run: in PATH -->            run, as they stand or with other names, by the tests there
    <!-- run: no, REASON -->         not run, and why
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(
    r"(?:^<!-- run: (?P<mark>[^\n]*?) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
RUNNABLE = {"sh"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: str
    section: str
    mark: str
    language: str
    text: str

    @property
    def kind(self) -> str:
        """`quick`, `slow`, `checkout`, `ci`, `in` or `no`; empty without a mark."""
        return re.split(r"[ ,]", self.mark)[0]

    @property
    def context(self) -> str:
        """`gateway`, `world`, `serve`, or nothing."""
        words = self.mark.partition(",")[0].split()
        return words[1] if len(words) > 1 else ""

    @property
    def status(self) -> str | None:
        """The exit status of its last command; None if it depends on the machine."""
        found = re.search(r"status (\d+|any)", self.mark)
        return {"any": None}.get(found[1], found[1]) if found else "0"

    @property
    def commands(self) -> list[str]:
        """Its lines without comments."""
        lines = (re.sub(r"\s+#.*$", "", line).strip() for line in self.text.splitlines())
        return [line for line in lines if line and not line.startswith("#")]

    @property
    def file(self) -> str | None:
        """The file name in its first line, if that is a comment with a file name only."""
        found = re.match(r"# ([\w./-]+\.\w+)\n", self.text)
        return found[1] if found else None


def blocks(path: Path, name: str) -> Iterator[Block]:
    """The blocks of a document, in order; `name` is what the document is called."""
    text = path.read_text(encoding="utf-8")
    places = headings(text)
    for found in _FENCE.finditer(text):
        section = next((name for place, name in reversed(places) if place < found.start()), "")
        yield Block(name, section, found["mark"] or "", found["language"], found["text"])


def anchors(text: str) -> set[str]:
    """The anchors of the headings, by which links name a section."""
    return {re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for _, name in headings(text)}


def headings(text: str) -> list[tuple[int, str]]:
    """Return offset and text of every heading outside code blocks."""
    inside = [found.span() for found in _FENCE.finditer(text)]
    found = ((heading.start(), heading[1]) for heading in _HEADING.finditer(text))
    return [(place, name) for place, name in found if not any(begin <= place < end for begin, end in inside)]
