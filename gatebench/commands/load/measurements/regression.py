"""The work of `gatebench load gate`: is the candidate slower than the baseline?"""

from dataclasses import dataclass
from pathlib import Path

from gatebench.commands.load import output
from gatebench.commands.load.measurements import comparison
from gatebench.fixtures.errors import BenchError
from gatebench.load.experiments import baseline as baselines
from gatebench.load.experiments import comparison_reports
from gatebench.load.experiments.baseline import Baseline
from gatebench.load.experiments.fresh_starts import GatewayStarter
from gatebench.load.experiments.regression_run import ARMS, GateOptions, RegressionRun
from gatebench.load.profiles import profiles
from gatebench.load.testbed import bench as load_bench
from gatebench.load.testbed.bench import LoadBench
from gatebench.load.testbed.cpu_affinity import CpuLayout


@dataclass(frozen=True, kw_only=True)
class RegressionOptions(comparison.ComparisonOptions):
    """The options of `gatebench load gate`; `margin` in percent."""

    baseline: str
    candidate: str
    starts: int | None
    margin: float


def run(options: RegressionOptions) -> int:
    """Compare two gateways, write and show the report, and return the exit status."""
    profile = profiles.by_name(options.profile)
    stored = _stored(options.baseline, profile.name)
    names = (stored.yardstick if stored else options.baseline, options.candidate)
    claims = {name: comparison.claimed(name) for name in names}
    for name in names:
        if not comparison.is_started(name):
            raise BenchError(
                f"{name} describes a gateway that is already running, but the gate must start both gateways afresh: "
                "add [launch] to the descriptor"
            )
    folder = output.new_folder(options.out, "gate", options.candidate)
    run_options = GateOptions(
        seconds=options.seconds, starts=options.starts, margin=options.margin / 100, seed=options.seed
    )
    pinning = CpuLayout.here()
    regression = RegressionRun(names, run_options, pinning, stored)
    subject = comparison_reports.Subject(
        " against ".join((options.candidate, names[0])), comparison.title(options.candidate), profile, options.seed
    )
    for name in names:
        subject.notes.extend(f"{name}: {sentence}" for sentence in comparison.left_out(name, profile))

    def measure(bench: LoadBench, progress: output.LoadProgress) -> None:
        starter = GatewayStarter(bench, profile, claims)
        regression.run(lambda order: starter.duet(dict(zip(ARMS, names, strict=True)), order), progress)

    course = comparison.MeasurementCourse(regression.results, quiet=options.quiet)
    with course.keep_results(), load_bench.running_load_bench(profile, pinning=pinning) as bench:
        course.play(bench, measure)
    return course.finish(comparison_reports.regression_report(regression, subject, course.stopped), folder)


def _stored(baseline: str, profile: str) -> Baseline | None:
    """Return the stored baseline if `baseline` names one, else None."""
    path = Path(baseline)
    path = path / "load.json" if path.is_dir() else path
    if path.suffix != ".json":
        return None
    return baselines.load_baseline(output.read(path), str(path), profile)
