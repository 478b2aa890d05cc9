"""`python -m gatebench.load.generator PLAN OUT`: run a plan and write `result.json`, `samples.npy` and locust's CSV and HTML into
OUT.

Exit status: 0 if the plan was run and the result is written, whatever the target responded; 1 the same, but no request succeeded;
2 invalid plan, or OUT cannot be written; 3 generator error, or a lost worker; 130 interrupted (the result is written). With
`--progress`, a JSON line a second on stdout.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

INTERRUPTED = 130


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m gatebench.load.generator", description="Run a load plan.")
    parser.add_argument("plan", nargs="?", type=Path, help="plan.json")
    parser.add_argument("out", nargs="?", type=Path, help="folder for the results")
    parser.add_argument("--progress", action="store_true", help="print progress once a second, as JSON lines")
    parser.add_argument("--worker", metavar="HOST:PORT", help=argparse.SUPPRESS)  # starts workers on this machine
    parser.add_argument("--wait", metavar="FIFO", help=argparse.SUPPRESS)  # for a byte there, before PLAN is read
    parser.add_argument("--user", metavar="NAME", default="mcp", help=argparse.SUPPRESS)  # the plan's, for workers
    options = parser.parse_args()
    if options.worker is None and (options.plan is None or options.out is None):
        parser.error("PLAN and OUT are required")

    # Nothing can be lost yet, and an exception in the middle of an import or of locust's patches has no orderly end.
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    import locust  # noqa: F401, PLC0415 - must patch the standard library before other imports

    from gatebench.load.generator import main as generator_main  # noqa: PLC0415

    if options.worker is not None:
        return generator_main.work(options.worker, options.user)
    if options.wait is not None:
        with Path(options.wait).open("rb", buffering=0) as fifo:
            fifo.read(1)
    return generator_main.run_plan(options.plan, options.out, progress=options.progress)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # before signal handlers are installed
        sys.exit(INTERRUPTED)
