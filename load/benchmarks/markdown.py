"""load/BENCHMARKS.md: one section for each part, replaced when the part is measured again."""

import os
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gatebench.load.testbed import host as host_stats

BEFORE = os.getloadavg()[0]
PAGE = Path(__file__).parent.parent / "BENCHMARKS.md"
HEAD = """# Benchmarks of gatebench itself

Written by `make bench`. All competitors of a part take turns in one run against the same server, so a ratio compares values
measured within one round, seconds apart; the tables give the median over the rounds and the range. Absolute CPU microseconds
depend on the machine and its other load as much as on the programs.
"""


@dataclass
class Section:
    """The result of a part: Markdown, a sentence for each missed goal, and further files by their path beside the page."""

    text: str
    missed: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


Part = Callable[[int, float], Section]  # rounds, seconds


@dataclass(frozen=True)
class Turn:
    """The turn of one competitor in one round."""

    requests: int
    cpu: float  # seconds
    wall: float  # seconds
    warmup: int = 0  # earlier requests, which the server also handled
    system: float = 0.0  # seconds of the CPU time that the kernel used, where measured

    @property
    def everything(self) -> int:
        """All requests that the server received."""
        return self.requests + self.warmup

    @property
    def microseconds(self) -> float:
        """CPU time per request."""
        return self.cpu / max(self.requests, 1) * 1e6


def ratios(of: Sequence[Turn], to: Sequence[Turn]) -> tuple[float, float, float]:
    """Return the ratio of requests per CPU second: median, minimum and maximum over all rounds."""
    all_of_them = [other.microseconds / one.microseconds for one, other in zip(of, to, strict=True)]
    return statistics.median(all_of_them), min(all_of_them), max(all_of_them)


def spoken(ratio: tuple[float, float, float]) -> str:
    """Format a ratio with its range."""
    return f"{ratio[0]:.2f} ({ratio[1]:.2f} to {ratio[2]:.2f})"


def conditions(rounds: int, seconds: float) -> str:
    """Describe date, machine and duration."""
    here = host_stats.describe()
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    lasted = f"one round of {seconds:g} s" if rounds == 1 else f"{rounds} rounds of {seconds:g} s each"
    return (
        f"{today}, {lasted}, Python {here.python}, {here.system}, "
        f"{here.cpu}, {here.cores} cores, load average {BEFORE:.1f} before the start."
    )


def known(name: str) -> str:
    """Return the section of a part; empty if it was never measured."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    return text.partition(f"<!-- {name} -->")[2].partition(f"<!-- end of {name} -->")[0]


def write(name: str, section: Section) -> None:
    """Write or replace a section, and its files."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = f"{begin}\n{section.text.strip()}\n{end}"
    known = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    page = known.sub(lambda _: text, page) if known.search(page) else f"{page.rstrip()}\n\n{text}\n"
    PAGE.write_text(page.rstrip() + "\n", encoding="utf-8")
    for path, content in section.files.items():
        (PAGE.parent / path).parent.mkdir(exist_ok=True)
        (PAGE.parent / path).write_text(content, encoding="utf-8")
