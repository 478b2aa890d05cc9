"""Whole runs of every fault, or of a share of them, and their entries in the matrix."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.kill_matrix import digest, files, matrix, progress
from gatebench.conformance.selftest.kill_matrix.digest import Digests
from gatebench.conformance.selftest.kill_matrix.matrix import KillMatrix, Trial
from gatebench.conformance.selftest.kill_matrix.runs import rotation, select_runs, share
from gatebench.conformance.selftest.kill_matrix.runs.parallel import DiedError, Runs
from gatebench.conformance.selftest.kill_matrix.runs.rotation import Found, RotatingRun, Task
from gatebench.conformance.selftest.kill_matrix.runs.rotation_cache import RotationCache
from gatebench.conformance.selftest.kill_matrix.runs.whole import REFERENCE, WholeRun
from gatebench.fixtures.reference_gateway import faults

Results = dict[str, WholeRun | DiedError]
ALONE = 2  # whole runs alone for a commit, at most


def play_all(names: Sequence[str], *, workers: int, to_the_end: bool, fresh: bool) -> int:
    """Run the reference and these faults (all if none is named), rotating and then alone; return the exit status.

    The results are stored as they come, round by round.
    """
    digests = digest.current()
    runs = Runs(digests, workers, to_the_end=to_the_end, fresh=fresh)
    record = _Record(digests, names or list(digests.faults))
    if not _rotate(runs, record, RotationCache(digests, fresh=fresh)):
        return 1
    played = _results(runs, [REFERENCE, *record.open()])
    record.add(played)
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

    def add(self, results: Results, how: str = matrix.ALONE) -> None:
        """Add the results of runs: of a fault, or of the reference."""
        self.wrong += problems(results)
        for name, result in results.items():
            if isinstance(result, WholeRun):
                self.runs += result.seconds > 0
                self.seconds += result.seconds
                if name != REFERENCE:
                    row = self.matrix.get(name) or matrix.row(faults.by_name(name), 0, {})
                    self.matrix[name] = matrix.with_whole(row, _kept(result, self._digests, name, how))
                    self._played.add(name)

    def open(self) -> list[str]:
        """Return the faults without a result."""
        return [name for name in self._names if name not in self._played]

    def complete(self) -> bool:
        """Return whether every fault has had a whole run in this tree."""
        current = {name: (own, self._digests.bench) for name, own in self._digests.faults.items()}
        rows = {name: row.whole for name, row in self.matrix.items() if row.whole}
        return {name: (whole["fault"], whole["bench"]) for name, whole in rows.items()} == current

    def write(self) -> list[str]:
        """Write the matrix and its page; return the problems of the matrix."""
        return select_runs.write(self.matrix)


def _rotate(runs: Runs, record: _Record, cache: RotationCache) -> bool:
    """Try the faults in rounds of two rotating runs, and record what is caught. Return whether every run had a result.

    A round costs as much as that many faults alone: the last one is that which has caught no more.
    """
    _keep_caught(cache, record)
    caught = len(record.open())
    while min(len(record.open()), caught) > rotation.RUNS:
        left = record.open()
        task = Task({name: cache.found[name] for name in left}, _before(record.matrix))
        try:
            results = _round(runs, task)
        except KeyboardInterrupt:
            cache.add(runs.rotated())
            _keep_caught(cache, record)
            raise
        if not results:
            return False
        cache.add(results)
        _keep_caught(cache, record)
        caught = len(left) - len(record.open())
        tried = sum(len(run.tried) for run in results)
        print(f"{len(left)} faults in {tried} scenarios: {caught} caught, {len(record.open())} open", flush=True)
    record.runs += cache.runs
    record.seconds += cache.seconds
    return True


def _keep_caught(cache: RotationCache, record: _Record) -> None:
    """Record the faults that all requirements meant for them have caught, each as a run alone would have been recorded."""
    names = [name for name in record.open() if not cache.found[name].open(faults.by_name(name))]
    found = {name: cache.found[name] for name in names}
    record.add({name: WholeRun(one.caught, scenarios=len(one.tried)) for name, one in found.items()}, matrix.ROTATING)
    record.write()


def _before(known: KillMatrix) -> dict[str, list[str]]:
    """Return the scenarios in which each fault was caught before."""
    return {name: sorted(set(row.caught.values())) for name, row in known.items()}


def _round(runs: Runs, task: Task) -> list[RotatingRun]:
    """Return the runs of a round; none if one of them has no result, which is printed."""
    results = runs.rotate(task)
    for result in results:
        if isinstance(result, DiedError):
            print(f"a rotating run has no result: {result}", flush=True)
    complete = [result for result in results if isinstance(result, RotatingRun)]
    return complete if len(complete) == len(results) else []


def play_share(count: int, *, workers: int) -> int:
    """Try the share of this commit in one round; return the exit status. Nothing is written.

    What the round leaves open has a whole run alone, ALONE of them at most, those first that were caught before; the others are
    undecided. A fault that never had a whole run, or has changed since, may survive its first one: that is reported, and is no
    failure of this commit. `make kill-matrix FULL=1` fails for every survivor.
    """
    digests, before = digest.current(), matrix.load()
    new = share.changed(digests, before)
    found = {name: Found() for name in share.for_this_commit(count, digests, before)}
    runs = Runs(digests, workers)
    complete = _round(runs, Task(found, _before(before)))
    rotation.learn(complete, found)
    left = sorted((name for name, one in found.items() if one.open(faults.by_name(name))), key=lambda name: name in new)
    alone, undecided = left[:ALONE], left[ALONE:]
    results = _results(runs, alone)
    wrong = list(problems({name: result for name, result in results.items() if name not in new}))
    wrong += [] if complete else ["the faults could not be tried"]
    first = list(problems({name: result for name, result in results.items() if name in new}))
    lines = [*wrong, *(f"in its first whole run: {problem}" for problem in first)]
    lines += [f"undecided, and not tried alone: {', '.join(undecided)}"] if undecided else []
    total = f"{len(found)} of {len(digests.faults)} faults: {len(found) - len(left)} caught rotating, {len(alone)} tried alone"
    print(
        "\n".join([*lines, f"{total}, {len(undecided)} undecided; {len(wrong)} problems, {len(first)} in first runs"])
    )
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
        return f"{name}: {result}"
    parts = [f"{name} in {scenario}" for name, scenario in result.caught.items()]
    parts += [f"survives {name} ({outcome})" for name, outcome in result.missed.items()]
    found = ", ".join(f"{name} {outcome}" for name, outcome in result.beside.items())
    parts += [f"other findings: {found}"] if found else [] if parts else ["nothing was found"]
    parts += ["the smoke test ends the run of a user"] if result.smoke else []
    parts += ["the time was up"] if result.cut else []
    return f"{name}: {'; '.join(parts)} ({result.scenarios} scenarios, {result.seconds:g} s)"


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


def _kept(result: WholeRun, digests: Digests, name: str, how: str) -> dict[str, Any]:
    """Return the entry of a whole run in the matrix."""
    about = {"fault": digests.faults[name], "bench": digests.bench, "how": how}
    return about | {"caught": result.caught, "missed": result.missed, "scenarios": result.scenarios}
