"""Selected scenarios against every fault: quick, and the source of the rows of the matrix."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from gatebench.conformance.requirements.registry import loaded
from gatebench.conformance.selftest.kill_matrix import files, markdown, matrix, progress
from gatebench.conformance.selftest.kill_matrix.matrix import KillMatrix, MatrixRow
from gatebench.conformance.selftest.kill_matrix.runs import execution
from gatebench.fixtures.reference_gateway import faults


def play_all(names: Sequence[str], *, workers: int) -> int:
    """Run these faults (all if none is named) and write their rows; return the exit status."""
    before = matrix.load() if files.MATRIX.exists() else KillMatrix()
    chosen = names or faults.names()
    played = dict(_rows(list(chosen), workers))
    now = KillMatrix({name: row for name, row in before.items() if name in faults.names()} if names else {})
    now.trial = before.trial
    for name, row in played.items():
        now[name] = matrix.with_whole(row, before[name].whole if name in before else None)
    wrong = write(now)
    kills = sum(len(entry.killers) for entry in now.values())
    print(
        "\n".join([*wrong, f"{len(now)} faults, {kills} kills, {len(wrong)} problems; {files.MATRIX.name} is written"])
    )
    return 1 if wrong else 0


def write(now: KillMatrix) -> list[str]:
    """Write the matrix and its page; return its problems."""
    registry = loaded()
    files.write(files.MATRIX, matrix.text(now))
    files.write(files.PAGE, markdown.text(now, registry))
    return list(matrix.problems(now, registry))


def _rows(names: list[str], workers: int) -> Iterator[tuple[str, MatrixRow]]:
    """Yield each fault with its row, as they come."""
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))  # the threads of a world do not survive a fork
    try:
        progress.show("the reference, whose decisions are noted")
        reach = pool.submit(execution.reach).result()
        futures = {pool.submit(execution.try_out, name, reach): name for name in names}
        for number, future in enumerate(as_completed(futures), 1):
            yield futures[future], future.result()
            progress.show(f"{number}/{len(names)}  {futures[future]}")
    finally:
        progress.show("")
        pool.shutdown(cancel_futures=True)
