"""Play every fault, and write the matrix: `python -m conformance.selftest.kill_matrix` (make kill-matrix).

Exit status: 0 when every fault was caught by the requirements meant for it and nothing is left unexplained, 1 when not
(the matrix is written all the same), 2 for a name that is no fault, 130 when interrupted.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from shutil import get_terminal_size

from conformance.registry import Registry
from conformance.selftest.kill_matrix import matrix, page, trial
from conformance.selftest.kill_matrix.matrix import Matrix, Row
from fixtures.reference_gateway import faults


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="kill-matrix", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("faults", nargs="*", metavar="FAULT", help="play these only, and keep the other rows")
    parser.add_argument("--full", action="store_true", help="play every scenario against every fault; writes nothing")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="worlds side by side (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        chosen = [faults.named(name) for name in options.faults] or list(faults.all_faults().values())
        played = dict(_played([fault.name for fault in chosen], full=options.full, workers=options.workers))
    except faults.UnknownFaultError as error:
        print(f"kill-matrix: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("kill-matrix: interrupted", file=sys.stderr)
        return 130
    before = matrix.load() if matrix.PATH.exists() else {}
    if options.full:
        return _compared(before, played)
    kept = {name: entry for name, entry in before.items() if name in faults.all_faults()} if options.faults else {}
    whole = kept | played
    matrix.PATH.write_text(matrix.text(whole), encoding="utf-8")
    page.PATH.write_text(page.text(whole, Registry()), encoding="utf-8")
    wrong = list(matrix.problems(whole, Registry()))
    kills = sum(len(entry.killers) for entry in whole.values())
    print(
        "\n".join([*wrong, f"{len(whole)} faults, {kills} kills, {len(wrong)} problems; {matrix.PATH.name} is written"])
    )
    return 1 if wrong else 0


def _played(names: list[str], *, full: bool, workers: int) -> Iterator[tuple[str, Row]]:
    """Each fault with its row, as they come."""
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))  # threads of a world would not survive a fork
    try:
        _progress("the reference, whose decisions are noted")
        reach = {} if full else pool.submit(trial.reach).result()
        futures = {pool.submit(trial.try_out, name, None if full else reach): name for name in names}
        for number, future in enumerate(as_completed(futures), 1):
            yield futures[future], future.result()
            _progress(f"{number}/{len(names)}  {futures[future]}")
    finally:
        _progress("")
        pool.shutdown(cancel_futures=True)


def _compared(before: Matrix, played: Matrix) -> int:
    """What the selected plays did not show."""
    more = 0
    for name, entry in sorted(played.items()):
        known = before[name].outcomes if name in before else {}
        for requirement, outcome in entry.outcomes.items():
            if known.get(requirement) != outcome:
                more += 1
                print(
                    f"{name}: {requirement} {outcome} when everything is played, {known.get(requirement, 'clean')} otherwise"
                )
    print(f"{len(played)} faults, everything played: {more} outcomes are others than in {matrix.PATH.name}")
    return 0


def _progress(now: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{now[: get_terminal_size().columns - 1]}\x1b[K")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
