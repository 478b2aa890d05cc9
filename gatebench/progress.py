"""Progress of long work on a terminal; nothing in a pipe."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column


class Progress:
    """A progress bar (`gatebench.conformance.pytest_plugin.invoke.Display`). `end` closes the stream."""

    def __init__(self, stream: TextIO) -> None:
        self._bar = Bar(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[found]}", style="bold"),
            TextColumn(
                "{task.fields[now]}", style="dim", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
            ),
            console=Console(file=stream, highlight=False),
            transient=True,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._stream = stream
        self._task = self._bar.add_task("running", total=None, found="", now="")

    def show(self, done: int, total: int, findings: int, now: str) -> None:
        """Update the bar. `findings`: findings so far; `now`: the current scenario."""
        if not self._bar.live.is_started:
            self._bar.start()
        found = f"{findings} not passed" if findings else "all passed"
        self._bar.update(self._task, completed=done, total=total or None, found=found if done else "", now=now)

    def end(self) -> None:
        """Remove the bar and close the stream."""
        self._bar.stop()
        self._stream.close()


def on(stream: TextIO, *, quiet: bool) -> Progress | None:
    """Return a progress bar if the stream is a terminal that can display one."""
    if quiet or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return None
    # A duplicate descriptor: pytest captures the standard ones during a run.
    return Progress(os.fdopen(os.dup(stream.fileno()), "w", encoding=stream.encoding, errors="replace"))


@contextmanager
def status(what: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show a status line on stderr if that is a terminal; yield a function that shows what happens now behind `what`."""
    if quiet or not sys.stderr.isatty():
        yield lambda _line: None
        return
    with Console(stderr=True).status(what) as shown:
        yield lambda line: shown.update(f"{what}: [dim]{escape(line[:90])}[/]")
