"""load/BENCHMARKS.md: one section for each part, each replaced when it is measured again."""

import os
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from load import machine

BEFORE = os.getloadavg()[0]
PAGE = Path(__file__).parent.parent / "BENCHMARKS.md"
HEAD = """# Benchmarks of the bench itself

Written by `make bench`. All competitors of a part take turns in one run against the same server, so a ratio compares
what was measured within one round, seconds apart; the median over the rounds is given, and the range. CPU microseconds
by themselves say as much about the machine and its neighbours as about the programs.
"""


@dataclass
class Section:
    """What a part found: Markdown, and a sentence for each goal that was missed."""

    text: str
    missed: list[str] = field(default_factory=list)


Part = Callable[[int, float], Section]  # rounds, seconds


@dataclass(frozen=True)
class Turn:
    """One competitor's turn in one round."""

    requests: int
    cpu: float  # seconds
    wall: float  # seconds
    warmup: int = 0  # requests that came before, which the server has to bear as well

    @property
    def everything(self) -> int:
        """All requests that the server got."""
        return self.requests + self.warmup

    @property
    def microseconds(self) -> float:
        """CPU time for each request."""
        return self.cpu / max(self.requests, 1) * 1e6


def ratios(of: Sequence[Turn], to: Sequence[Turn]) -> tuple[float, float, float]:
    """Requests per CPU second of one in times of the other's: median, lowest and highest of all rounds."""
    all_of_them = [other.microseconds / one.microseconds for one, other in zip(of, to, strict=True)]
    return statistics.median(all_of_them), min(all_of_them), max(all_of_them)


def spoken(ratio: tuple[float, float, float]) -> str:
    """A ratio with its range."""
    return f"{ratio[0]:.2f} ({ratio[1]:.2f} to {ratio[2]:.2f})"


def conditions(rounds: int, seconds: float) -> str:
    """When, where, how."""
    here = machine.describe()
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    lasted = f"one round of {seconds:g} s" if rounds == 1 else f"{rounds} rounds of {seconds:g} s each"
    return (
        f"{today}, {lasted}, Python {here.python}, {here.system}, "
        f"{here.cpu}, {here.cores} cores, load average {BEFORE:.1f} before it began."
    )


def known(name: str) -> str:
    """What stands there for a part; empty when it has never been measured."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    return text.partition(f"<!-- {name} -->")[2].partition(f"<!-- end of {name} -->")[0]


def write(name: str, section: Section) -> None:
    """Put a section into its place."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else HEAD
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = f"{begin}\n{section.text.strip()}\n{end}"
    known = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    page = known.sub(lambda _: text, page) if known.search(page) else f"{page.rstrip()}\n\n{text}\n"
    PAGE.write_text(page.rstrip() + "\n", encoding="utf-8")
