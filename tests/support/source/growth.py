"""How the time of a call grows with its input, as a ratio, which does not depend on the speed of the machine."""

import gc
import itertools
import time
from collections.abc import Callable

STEP = 8  # one input is this many times as long as the one before it
LENGTHS = (2_000, 16_000, 128_000)  # characters; what is quadratic fails before the last, which would take long
LINEAR, LIMIT = 2.0, 3.0  # times of one long input in STEP short ones: 1 when it is linear, STEP when it is quadratic
TRIES = 5  # the best of them count, unless the first is clear; other processes only ever make a call slower


def faster_than_linear(call: Callable[[str], object], text: Callable[[int], str]) -> str | None:
    """Where the time of `call` grows clearly faster than its input, which `text` makes for a length; None if nowhere."""
    for short, long in itertools.pairwise(map(text, LENGTHS)):
        ratio = _ratio(call, short, long)
        if ratio > LIMIT:
            return f"{len(long)} characters take {ratio:.1f} times as long as {STEP} times {len(short)}"
    return None


def _ratio(call: Callable[[str], object], short: str, long: str) -> float:
    shorts, longs = [], []
    for _ in range(TRIES):
        shorts.append(_seconds(call, short, STEP))
        longs.append(_seconds(call, long, 1))
        if min(longs) <= LINEAR * min(shorts):
            break
    return min(longs) / min(shorts)


def _seconds(call: Callable[[str], object], text: str, times: int) -> float:
    """Return the CPU seconds of this thread, without garbage collection, whose time depends on the whole process."""
    gc.disable()
    try:
        started = time.thread_time_ns()
        for _ in range(times):
            call(text)
        return max(time.thread_time_ns() - started, 1)
    finally:
        gc.enable()
