"""Standard streams of the command line: always open, safe to write to, and robust against closed pipes."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO, cast

from gatebench.conformance.text import SafeStream


class Output(SafeStream):
    """An output stream. After a closed pipe, output is dropped; any other error is stored in `failed`, and the rest dropped."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream, colours=stream.isatty())
        self.failed: OSError | None = None
        self._gone = False

    def write(self, text: str) -> int:
        """See SafeStream."""
        with self._errors():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Flush buffered output."""
        with self._errors():
            self._stream.flush()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._gone and not isinstance(error, BrokenPipeError):  # a closed pipe is not an error
                self.failed = error
            self._gone = True
            with contextlib.suppress(OSError, ValueError):  # so that flushing the buffer at exit raises no error
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)


@contextlib.contextmanager
def standing() -> Iterator[tuple[Output, Output]]:
    """Replace standard output and error while the block runs."""
    _open_closed()
    before = sys.stdout, sys.stderr
    for stream in before:
        stream.reconfigure(errors="replace")  # type: ignore[union-attr] # an unencodable character must not raise
    ours = Output(sys.stdout), Output(sys.stderr)
    sys.stdout, sys.stderr = cast("tuple[TextIO, TextIO]", ours)
    try:
        yield ours
    finally:
        for stream in ours:
            stream.flush()
        sys.stdout, sys.stderr = before


def _open_closed() -> None:
    """Open streams that were closed at start (`>&-`) on the null device; otherwise the next file would get their number."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
