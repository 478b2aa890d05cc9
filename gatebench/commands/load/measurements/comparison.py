"""What the measurements of gate and overhead share: their course, and facts about targets."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gatebench import exit_codes
from gatebench.commands.load import output
from gatebench.conformance.requirements.features import claims_of
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways.lookup import by_name
from gatebench.load.experiments.workload import choose_operations
from gatebench.load.profiles.profiles import LoadProfile
from gatebench.load.results.generator_result import Result
from gatebench.load.results.report_model import EndedBy, LoadReport
from gatebench.load.testbed import bench as load_bench
from gatebench.load.testbed.bench import LoadBench


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions:
    """The options that gate and overhead share."""

    seconds: float
    profile: str
    seed: int
    out: Path | None
    quiet: bool


class MeasurementCourse:
    """A measurement from its start to its report: how it ended, and why. Without `results`, only an error is reported."""

    def __init__(self, results: list[Result], *, quiet: bool) -> None:
        self._results = results
        self._quiet = quiet
        self.redact: Callable[[str], str] = str
        self.stopped: str | None = None  # why it did not complete
        self._by: EndedBy | None = None
        exit_codes.end_in_order()

    def play(self, bench: LoadBench, measure: Callable[[LoadBench, output.LoadProgress], None]) -> None:
        """Measure on a running bench, and register secrets for redaction."""
        self.redact = bench.secrets.redact
        progress = output.LoadProgress(quiet=self._quiet)
        try:
            with self.keep_results():
                measure(bench, progress)
        finally:
            progress.end()
            if not bench.learn_minted():
                self._results[:] = [result.without_exchanges() for result in self._results]

    @contextmanager
    def keep_results(self) -> Iterator[None]:
        """Keep results on errors. A gateway that never starts is bad input; one that started before is a finding."""
        try:
            yield
        except KeyboardInterrupt:
            self.stopped, self._by = self.stopped or "interrupted", "interruption"
        except load_bench.LOST as error:
            if not self._results:
                raise
            if self.stopped is None:
                self.stopped, self._by = str(error), "gateway" if isinstance(error, BenchError) else "bench"

    def finish(self, report: LoadReport, folder: Path) -> int:
        """Write and show the report; return the exit status."""
        report = type(report).model_validate_json(self.redact(report.model_dump_json()))
        report.ended_by = self._by or report.ended_by
        return output.finish(report, folder, quiet=self._quiet)


def title(target: str) -> str:
    """Return the name and the version of a target."""
    found = by_name(target)
    return f"{found.name} {found.descriptor.gateway.version}".strip()


def is_started(target: str) -> bool:
    """Return whether gatebench starts the gateway of this target."""
    return by_name(target).descriptor.launch is not None


def left_out(target: str, profile: LoadProfile) -> list[str]:
    """Return a sentence for each call or caller of a profile that a target does not claim. Raises BenchError if none is left."""
    revisions = by_name(target).descriptor.claims.revisions
    return choose_operations(profile, claimed(target), revisions)[1]


def claimed(target: str) -> frozenset[str]:
    """Return the claims of a target, by which calls are selected."""
    found = by_name(target)
    claims = claims_of(found.descriptor, found.path)
    return claims.features | claims.world
