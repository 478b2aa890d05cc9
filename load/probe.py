"""One small piece of work again and again, whose CPU time says how fast a processor is. Run by `load.pace`, alone: no package.

`python -I probe.py 1,3`: processors in turn; a line for each look, (CLOCK_MONOTONIC nanoseconds, processor, nanoseconds of CPU).
Ends with its standard input.
"""

import contextlib
import os
import select
import sys
import time

PERIOD = 0.02  # seconds between two looks
WARM, WORK = 300, 1500  # rounds of the work: about 75 us


def work(rounds: int) -> int:
    """Something for the processor alone."""
    total = 0
    for number in range(rounds):
        total += number * number % 7
    return total


def main() -> None:
    """Look until nobody listens."""
    cores = [int(one) for one in sys.argv[1].split(",")]
    with contextlib.suppress(OSError):  # whoever else wants the processor gets it at once
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    looks = 0
    while not select.select([sys.stdin], [], [], PERIOD)[0]:
        core = cores[looks % len(cores)]
        os.sched_setaffinity(0, {core})
        looks += 1
        work(WARM)
        began, used = time.monotonic_ns(), time.thread_time_ns()
        work(WORK)
        print(began, core, time.thread_time_ns() - used, flush=True)


if __name__ == "__main__":
    main()
