"""CPU speed probe: measures the CPU time of a small piece of work repeatedly.

`gatebench.load.testbed.cpu_interference` runs it as a script, without the package: `python -I cpu_probe.py 1,3` visits the CPUs
in turn and prints a line for each sample: CLOCK_MONOTONIC nanoseconds, CPU, nanoseconds of CPU time. Ends when its standard
input closes.
"""

import contextlib
import os
import select
import sys
import time

PERIOD = 0.02  # seconds between two samples
WARM, WORK = 300, 1500  # rounds of the work: about 75 us


def work(rounds: int) -> int:
    """Do CPU-bound work."""
    total = 0
    for number in range(rounds):
        total += number * number % 7
    return total


def main() -> None:
    """Print samples until standard input closes."""
    cores = [int(one) for one in sys.argv[1].split(",")]
    with contextlib.suppress(OSError):  # any other process takes precedence
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
