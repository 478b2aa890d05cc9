"""Whole runs of every fault, or of a share of them, and their entries in the matrix."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.kill_matrix import digest, files, matrix, progress
from gatebench.conformance.selftest.kill_matrix.digest import Digests
from gatebench.conformance.selftest.kill_matrix.matrix import KillMatrix, Trial
from gatebench.conformance.selftest.kill_matrix.runs import select_runs, share
from gatebench.conformance.selftest.kill_matrix.runs.parallel import DiedError, Runs
from gatebench.conformance.selftest.kill_matrix.runs.whole import REFERENCE, WholeRun
from gatebench.fixtures.reference_gateway import faults

Results = dict[str, WholeRun | DiedError]


def play_all(names: Sequence[str], *, workers: int, to_the_end: bool, fresh: bool) -> int:
    """Run the reference and these faults (all if none is named), and store the results; return the exit status."""
    digests = digest.current()
    runs = Runs(digests, workers, to_the_end=to_the_end, fresh=fresh)
    results = _results(runs, [REFERENCE, *(names or faults.names())])
    wrong = list(problems(results))
    now = matrix.load()
    for name, result in results.items():
        if isinstance(result, WholeRun) and name != REFERENCE:
            row = now.get(name) or matrix.row(faults.by_name(name), 0, {})  # a fault that is played for the first time
            now[name] = matrix.with_whole(row, _kept(result, digests, name))
    reference = results[REFERENCE]
    if isinstance(reference, WholeRun) and reference.clean and not names and _complete(now, digests):
        seconds = sum(result.seconds for result in results.values() if isinstance(result, WholeRun))
        now.trial = Trial(digests.tree, len(now), reference.scenarios, workers, round(seconds / workers / 60, 1))
    wrong += [problem for problem in select_runs.write(now) if problem not in wrong]
    print("\n".join([*wrong, f"{len(results) - 1} faults, {len(wrong)} problems; {files.MATRIX.name} is written"]))
    return 1 if wrong else 0


def play_share(count: int, *, workers: int) -> int:
    """Run the share of this commit; return the exit status. Nothing is written.

    A fault that never had a whole run, or has changed since, may survive its first one: that is reported, and is no failure
    of this commit. `make kill-matrix FULL=1` fails for every survivor.
    """
    digests, before = digest.current(), matrix.load()
    chosen = share.for_this_commit(count, digests, before)
    results = _results(Runs(digests, workers), chosen)
    new = share.changed(digests, before)
    wrong = list(problems({name: result for name, result in results.items() if name not in new}))
    first = list(problems({name: result for name, result in results.items() if name in new}))
    lines = [*wrong, *(f"in its first whole run: {problem}" for problem in first)]
    total = f"{len(results)} of {len(digests.faults)} faults in whole runs, {len(wrong)} problems"
    print("\n".join([*lines, f"{total}, {len(first)} in first runs"]))
    return 1 if wrong else 0


def _results(runs: Runs, names: Sequence[str]) -> Results:
    """Run them, and print each result as it comes."""
    results: Results = {}
    try:
        for name, result in runs.play(names):
            results[name] = result
            progress.show("")
            print(f"{len(results)}/{len(names)}  {name}: {describe_run(result)}", flush=True)
            progress.show(f"{len(results)}/{len(names)}")
    finally:
        progress.show("")
    return results


def describe_run(result: WholeRun | DiedError) -> str:
    """Describe a result in one line."""
    if isinstance(result, DiedError):
        return str(result)
    parts = [f"{name} in {scenario}" for name, scenario in result.caught.items()]
    parts += [f"survives {name} ({outcome})" for name, outcome in result.missed.items()]
    found = ", ".join(f"{name} {outcome}" for name, outcome in result.beside.items())
    parts += [f"beside it: {found}"] if found else [] if parts else ["nothing was found"]
    parts += ["the smoke test ends the run of a user"] if result.smoke else []
    parts += ["the time was up"] if result.cut else []
    return f"{'; '.join(parts)} ({result.scenarios} scenarios, {result.seconds:g} s)"


def problems(results: Mapping[str, WholeRun | DiedError]) -> Iterator[str]:
    """Yield the problems: survivors, errors of the bench, missing results, and any finding against the reference."""
    for name, result in results.items():
        if isinstance(result, DiedError):
            yield f"{name} has no result: {result}"
        elif name == REFERENCE and not result.clean:
            yield f"the reference itself is not clean in a whole run: {describe_run(result)}"
        else:
            for requirement, outcome in result.missed.items():
                yield f"{name} survives {requirement} in a whole run ({outcome})"
            for requirement, outcome in result.beside.items():
                if outcome == Outcome.HARNESS_ERROR:
                    yield f"{name}: {requirement} comes to an error of the bench itself"


def _kept(result: WholeRun, digests: Digests, name: str) -> dict[str, Any]:
    """Return the entry of a whole run in the matrix."""
    about = {"fault": digests.faults[name], "bench": digests.bench}
    return about | {"caught": result.caught, "missed": result.missed, "scenarios": result.scenarios}


def _complete(now: KillMatrix, digests: Digests) -> bool:
    """Return whether every fault has had a whole run in this tree."""
    current = {name: {"fault": own, "bench": digests.bench} for name, own in digests.faults.items()}
    return {n: {k: row.whole[k] for k in ("fault", "bench")} for n, row in now.items() if row.whole} == current
