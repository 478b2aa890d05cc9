"""Whole runs of every fault, or of a share of them, and their entries in the matrix."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.kill_matrix import digest, files, matrix, progress
from gatebench.conformance.selftest.kill_matrix.digest import Digests
from gatebench.conformance.selftest.kill_matrix.matrix import Trial
from gatebench.conformance.selftest.kill_matrix.runs import pools, select_runs, share
from gatebench.conformance.selftest.kill_matrix.runs.parallel import DiedError, Runs
from gatebench.conformance.selftest.kill_matrix.runs.whole import JOINED, REFERENCE, WholeRun
from gatebench.fixtures.reference_gateway import faults

Results = dict[str, WholeRun | DiedError]


def play_all(names: Sequence[str], *, workers: int, to_the_end: bool, fresh: bool) -> int:
    """Run the reference and these faults (all if none is named), many of them in pools; return the exit status.

    The results are stored as they come, round by round.
    """
    digests = digest.current()
    runs = Runs(digests, workers, to_the_end=to_the_end, fresh=fresh)
    record = _Record(digests, names or list(digests.faults))
    played = _results(runs, [REFERENCE])
    record.add(played)
    for result in _pooled(replace(runs, to_the_end=True), record):
        record.add(result)
        record.write()
    record.add(_results(runs, record.open()))
    reference = played[REFERENCE]
    if isinstance(reference, WholeRun) and reference.clean and not names and record.complete():
        minutes = round(record.seconds / workers / 60, 1)
        record.matrix.trial = Trial(
            digests.tree, len(digests.faults), reference.scenarios, workers, minutes, record.runs
        )
    wrong = [*record.wrong, *(problem for problem in record.write() if problem not in record.wrong)]
    print(
        "\n".join(
            [*wrong, f"{len(names or digests.faults)} faults, {len(wrong)} problems; {files.MATRIX.name} is written"]
        )
    )
    return 1 if wrong else 0


class _Record:
    """The matrix with the results so far, and what is wrong with them."""

    def __init__(self, digests: Digests, names: Sequence[str]) -> None:
        self.matrix = matrix.load()
        self.wrong: list[str] = []
        self.runs, self.seconds = 0, 0.0
        self._digests = digests
        self._names = names
        self._played: set[str] = set()

    def add(self, results: Results) -> None:
        """Add the results of runs: of a fault, or of the reference."""
        self.wrong += problems(results)
        for name, result in results.items():
            if isinstance(result, WholeRun):
                self.count(result)
                if name != REFERENCE:
                    row = self.matrix.get(name) or matrix.row(faults.by_name(name), 0, {})
                    self.matrix[name] = matrix.with_whole(row, _kept(result, self._digests, name))
                    self._played.add(name)

    def count(self, run: WholeRun) -> None:
        """Count a run that took some time."""
        self.runs += run.seconds > 0
        self.seconds += run.seconds

    def open(self) -> list[str]:
        """Return the faults without a result."""
        return [name for name in self._names if name not in self._played]

    def caught_before(self) -> set[str]:
        """Return the faults that all requirements meant for them have caught without other faults, or in an earlier whole run."""
        return {name for name, row in self.matrix.items() if set(row.meant) <= set(row.killers)}

    def complete(self) -> bool:
        """Return whether every fault has had a whole run in this tree."""
        current = {name: (own, self._digests.bench) for name, own in self._digests.faults.items()}
        rows = {name: row.whole for name, row in self.matrix.items() if row.whole}
        return {name: (whole["fault"], whole["bench"]) for name, whole in rows.items()} == current

    def write(self) -> list[str]:
        """Write the matrix and its page; return the problems of the matrix."""
        return select_runs.write(self.matrix)


def _pooled(runs: Runs, record: _Record) -> Iterator[Results]:
    """Run the faults in pools, in rounds of ever smaller ones, and yield those that each round has caught.

    After an interruption, those are yielded that the finished runs of the round have caught.
    """
    for size in pools.sizes(len(record.open())):
        left = [faults.by_name(name) for name in record.open()]
        planned = pools.planned(left, size, record.caught_before())
        played: Results = {}
        interrupted = False
        try:
            _play(runs, [pool.name for pool in planned], played)
        except KeyboardInterrupt:
            interrupted = True
        done = {name: run for name, run in played.items() if isinstance(run, WholeRun)}
        for run in done.values():
            record.count(run)
        caught = pools.caught(planned, done)
        print(
            f"{len(left)} faults in {len(planned)} pools: {len(caught)} caught, {len(left) - len(caught)} open",
            flush=True,
        )
        yield dict(caught)
        if interrupted:
            raise KeyboardInterrupt


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
    _play(runs, names, results)
    return results


def _play(runs: Runs, names: Sequence[str], results: Results) -> None:
    """Run them, print each result as it comes, and add it to `results`."""
    try:
        for name, result in runs.play(names):
            results[name] = result
            progress.show("")
            print(f"{len(results)}/{len(names)}  {describe_run(result, name)}", flush=True)
            progress.show(f"{len(results)}/{len(names)}")
    finally:
        progress.show("")


def describe_run(result: WholeRun | DiedError, name: str = REFERENCE) -> str:
    """Describe a result in one line."""
    if isinstance(result, DiedError):
        return f"{_shown(name)}: {result}"
    if JOINED in name:
        counts = f"{len(result.caught)} requirements have caught, {len(result.missed)} have not"
        about = f"{len(result.beside)} other findings ({result.scenarios} scenarios, {result.seconds:g} s)"
        return f"{_shown(name)}: {counts}, {about}"
    parts = [f"{name} in {scenario}" for name, scenario in result.caught.items()]
    parts += [f"survives {name} ({outcome})" for name, outcome in result.missed.items()]
    found = ", ".join(f"{name} {outcome}" for name, outcome in result.beside.items())
    parts += [f"other findings: {found}"] if found else [] if parts else ["nothing was found"]
    parts += ["the smoke test ends the run of a user"] if result.smoke else []
    parts += ["the time was up"] if result.cut else []
    return f"{name}: {'; '.join(parts)} ({result.scenarios} scenarios, {result.seconds:g} s)"


def _shown(name: str) -> str:
    first, *others = name.split(JOINED)
    return f"{first} and {len(others)} other faults" if others else name


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
