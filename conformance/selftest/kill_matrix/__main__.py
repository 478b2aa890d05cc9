"""Run every fault, and write the matrix: `python -m gatebench.conformance.selftest.kill_matrix` (make kill-matrix).

By default selected scenarios run, and the rows of the matrix are written. `--full` makes whole runs, which are authoritative,
and records them: with another fault in each scenario (see `runs/rotation.py`), then of each fault that this leaves open (see
`runs/whole.py`). `--share N` tries N faults that the commit determines in one round (CI), and writes nothing.

Exit status: 0 if every fault was caught by the requirements meant for it and nothing is unexplained, 1 if not (the
matrix is written nevertheless), 2 for an unknown fault, 130 after an interruption (finished whole runs are kept, and
not repeated).
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from gatebench.conformance.selftest.kill_matrix import matrix
from gatebench.conformance.selftest.kill_matrix.runs import select_runs, whole_runs
from gatebench.fixtures.reference_gateway import faults

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program (see the module's docstring)."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        names = [faults.by_name(name).name for name in options.faults]
        if options.page:
            select_runs.write(matrix.load())
            return 0
        if options.share:
            return whole_runs.play_share(options.share, workers=options.workers)
        if options.full:
            how = {"to_the_end": options.to_the_end, "fresh": options.fresh}
            return whole_runs.play_all(names, workers=options.workers, **how)
        return select_runs.play_all(names, workers=options.workers)
    except faults.UnknownFaultError as error:
        print(f"kill-matrix: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("kill-matrix: interrupted; whole runs that had ended are kept", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kill-matrix", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("faults", nargs="*", metavar="FAULT", help="play these only, and keep the other rows")
    parser.add_argument("--full", action="store_true", help="whole runs, with another fault in each scenario")
    parser.add_argument("--to-the-end", action="store_true", help="with --full: play on when it is caught")
    parser.add_argument("--fresh", action="store_true", help="with --full: play again what an earlier call has played")
    parser.add_argument("--page", action="store_true", help="play nothing: write the page from the matrix again")
    parser.add_argument(
        "--share", type=int, metavar="N", help="a round of whole runs for N faults, chosen from the commit"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="worlds side by side (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
