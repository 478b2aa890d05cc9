"""The work of `gatebench load overhead`: the latency that a gateway adds to each call."""

from dataclasses import dataclass
from pathlib import Path

from gatebench.commands.load import output
from gatebench.commands.load.measurements import comparison
from gatebench.fixtures.world import config as world_config
from gatebench.load.experiments import comparison_reports
from gatebench.load.experiments.fresh_starts import GatewayStarter
from gatebench.load.experiments.overhead_run import OverheadOptions, OverheadRun
from gatebench.load.profiles import budgets, profiles
from gatebench.load.testbed import bench as load_bench
from gatebench.load.testbed.bench import LoadBench
from gatebench.load.testbed.cpu_affinity import CpuLayout


@dataclass(frozen=True, kw_only=True)
class OverheadCommandOptions(comparison.ComparisonOptions):
    """The options of `gatebench load overhead`."""

    target: str
    starts: int
    rate: float | None
    budgets: Path | None
    sheet: Path | None


def run(options: OverheadCommandOptions) -> int:
    """Measure the overhead of a gateway, write and show the report, and return the exit status."""
    profile = profiles.by_name(options.profile)
    limits = budgets.load(options.budgets) if options.budgets else []
    claims = {options.target: comparison.claimed(options.target)}
    stored = world_config.load(options.sheet) if options.sheet else None
    folder = output.new_folder(options.out, "overhead", options.target)
    subject = comparison_reports.Subject(
        options.target,
        comparison.title(options.target),
        profile,
        options.seed,
        comparison.left_out(options.target, profile),
    )
    # A gateway that is already running has no fresh starts.
    starts = options.starts if comparison.is_started(options.target) else 1
    pinning = CpuLayout.here()
    measurement = OverheadRun(OverheadOptions(options.seconds, starts, options.rate, options.seed), pinning)

    def measure(bench: LoadBench, progress: output.LoadProgress) -> None:
        starter = GatewayStarter(bench, profile, claims)
        measurement.run(lambda: starter.pair(options.target), progress)

    course = comparison.MeasurementCourse(measurement.results, quiet=options.quiet)
    with course.keep_results(), load_bench.running_load_bench(profile, stored=stored, pinning=pinning) as bench:
        course.play(bench, measure)
    return course.finish(comparison_reports.overhead_report(measurement, subject, limits, course.stopped), folder)
