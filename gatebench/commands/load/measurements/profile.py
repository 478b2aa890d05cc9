"""The work of `gatebench load run`: one load profile against one gateway."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatebench import exit_codes
from gatebench.commands.load import output
from gatebench.conformance.requirements.features import claims_of
from gatebench.fixtures.gateways.lookup import by_name
from gatebench.fixtures.world import config as world_config
from gatebench.load.experiments import profile_report, profile_run
from gatebench.load.experiments.profile_data import LoadRunRequest
from gatebench.load.experiments.workload import ProfileRunOptions
from gatebench.load.profiles import budgets, profiles


@dataclass(frozen=True, kw_only=True)
class ProfileOptions:
    """The options of `gatebench load run`."""

    target: str
    profile: str
    profiles: Path | None
    seconds: float | None
    rate: float | None
    workers: int
    seed: int
    budgets: Path | None
    sheet: Path | None
    out: Path | None
    quiet: bool


def run(options: ProfileOptions) -> int:
    """Measure, write and show the report, and return the exit status."""
    profile = profiles.by_name(options.profile, options.profiles)
    limits = budgets.load(options.budgets)
    stored = world_config.load(options.sheet) if options.sheet else None
    target = by_name(options.target)
    claims = claims_of(target.descriptor, target.path)
    folder = output.new_folder(options.out, options.target, profile.name)  # raises before anything is started
    run_options = ProfileRunOptions.of(profile, options.seconds, options.rate, options.workers, options.seed)
    task = LoadRunRequest(options.target, profile, run_options, claims.features | claims.world, stored)
    exit_codes.end_in_order()
    progress = output.LoadProgress(quiet=options.quiet, folder=folder, target=options.target, profile=profile.name)
    try:
        measured = profile_run.measure(task, lambda what, facts: progress.report(progress_text(what, facts), facts))
    finally:
        progress.end()
    report = profile_report.report(measured, limits)
    return output.finish(report, folder, quiet=options.quiet)


def progress_text(what: str, facts: dict[str, Any]) -> str:
    """Return a progress text; `facts` are those of the generator."""
    done, seconds = max(float(facts.get("t", 0)), 0.0), float(facts.get("seconds", 0))
    return f"{what}: {done:.0f} of {seconds:.0f} s, {facts.get('done', 0)} responses"
