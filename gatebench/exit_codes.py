"""Exit status of commands, and orderly shutdown on signals."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator

from gatebench.conformance.text import visible

CONFORMANT, FINDINGS, BAD_INPUT, OUR_FAULT, BUDGET_BROKEN, INTERRUPTED = 0, 1, 2, 3, 4, 130
MEANINGS = {
    CONFORMANT: "conformant for what the gateway claims",
    FINDINGS: "findings, or something worse than before (`compare`)",
    BAD_INPUT: "bad invocation, unreachable target, or nothing judged",
    OUR_FAULT: "an error of the bench itself, or a run that was cut off",
    BUDGET_BROKEN: "a performance budget is broken",
    INTERRUPTED: "interrupted; what was recorded is kept",
}
OF_CONCLUSION = {
    "conformant": CONFORMANT,
    "findings": FINDINGS,
    "nothing-judged": BAD_INPUT,
    "harness-error": OUR_FAULT,
    "incomplete": OUR_FAULT,
}


def complain(sentence: str, status: int) -> int:
    """Print one sentence to stderr and return `status`."""
    print(visible(f"gatebench: {sentence}"), file=sys.stderr)
    return status


@contextlib.contextmanager
def finish_first() -> Iterator[Callable[[], bool]]:
    """Defer the first Ctrl-C until the block ends; a second one interrupts.

    Yield a function that returns whether it was pressed.
    """
    pressed: list[int] = []

    def wait(number: int, _frame: object) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)
        complain("writing the report; press Ctrl-C again to exit without it", INTERRUPTED)

    try:
        before = signal.signal(signal.SIGINT, wait)
    except ValueError:  # not the main thread, which handles signals
        yield lambda: False
        return
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def end_in_order() -> None:
    """Handle SIGTERM and SIGHUP like Ctrl-C, and enable SIGINT, which a shell ignores for background jobs.

    SIGHUP is what a terminal sends that is closed; after `nohup` it stays ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGINT))
