"""`python -m load.generator PLAN OUT`: play a plan, write `result.json`, `samples.npy` and locust's CSV and HTML into OUT.

Exit status: 0 when the result is written and the plan was played, whatever the target answered; 2 bad plan; 3 our own fault, or
a worker was lost; 130 interrupted (the result is written all the same). With `--progress`, a JSON line a second on stdout.
"""

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m load.generator", description="Play a load plan.")
    parser.add_argument("plan", nargs="?", type=Path, help="plan.json")
    parser.add_argument("out", nargs="?", type=Path, help="folder for the results")
    parser.add_argument("--progress", action="store_true", help="tell once a second what happens, as JSON lines")
    parser.add_argument("--worker", metavar="HOST:PORT", help=argparse.SUPPRESS)  # how workers of this machine start
    options = parser.parse_args()
    if options.worker is None and (options.plan is None or options.out is None):
        parser.error("PLAN and OUT are needed")

    import locust  # noqa: F401, PLC0415 - patches the standard library, before anything else is imported

    from load.generator import run  # noqa: PLC0415

    if options.worker is not None:
        return run.work(options.worker)
    return run.play(options.plan, options.out, progress=options.progress)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # before there was anything to end in order
        sys.exit(130)
