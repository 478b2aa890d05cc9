"""Progress on a terminal: how far, how long still, what was found so far, and which scenario. In a pipe there is none."""

import os
from typing import TextIO


class Progress:
    """One line that is drawn over again; use it as `conformance.session.Display`. The stream is closed at the end."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415
        from rich.progress import Progress as Bar  # noqa: PLC0415
        from rich.table import Column  # noqa: PLC0415

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
        self._task = self._bar.add_task("judging", total=None, found="", now="")

    def show(self, done: int, total: int, findings: int, now: str) -> None:
        """`findings`: judgements so far that are not good; `now`: what is being done."""
        if not self._bar.live.is_started:
            self._bar.start()
        found = f"{findings} not good" if findings else "all good"
        self._bar.update(self._task, completed=done, total=total or None, found=found if done else "", now=now)

    def end(self) -> None:
        """Leave nothing on the screen."""
        self._bar.stop()
        self._stream.close()


def on(stream: TextIO, *, quiet: bool) -> Progress | None:
    """A progress line where the stream is a terminal that can show one."""
    if quiet or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return None
    # A descriptor of its own: pytest catches whatever goes to the usual ones while something is being judged.
    return Progress(os.fdopen(os.dup(stream.fileno()), "w", encoding=stream.encoding, errors="replace"))
