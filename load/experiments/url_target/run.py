"""One profile against an endpoint known by its URL."""

from dataclasses import replace

from gatebench.load.experiments.phase_run import INTERRUPTED, PhaseRun, ProgressCallback, RunStopped
from gatebench.load.experiments.profile_data import LoadRunRequest, ProfileData
from gatebench.load.experiments.url_target.calls import UrlPlans, choose, notes
from gatebench.load.experiments.url_target.discovery import Discovered
from gatebench.load.experiments.workload import ProfileRunOptions
from gatebench.load.generator.process import run_generator
from gatebench.load.profiles.profiles import LoadProfile
from gatebench.load.testbed.bench import LOST
from gatebench.load.testbed.host import HostCpuSample

SHARE = (
    0.5  # of the closed-loop rate of one user: the highest rate that is chosen unasked, because queues form above it
)
LEAST = 1.0  # per second


def measure(
    found: Discovered,
    profile: LoadProfile,
    options: ProfileRunOptions,
    on_progress: ProgressCallback,
    *,
    fit_rate: bool,
) -> ProfileData:
    """Run a profile against an endpoint. `fit_rate`: lower the rate if one user alone does not reach twice as much.

    Raises BenchError if it cannot begin; later failures are in the returned data.
    """
    called, left_out = choose(profile, found.revisions)
    plans = UrlPlans(profile, called, found)
    if fit_rate:
        options, lowered = _fitting(plans, options, on_progress)
        left_out += lowered
    measured = ProfileData(LoadRunRequest(found.endpoint.shown, profile, options, frozenset()))
    measured.redact = found.endpoint.redact_report
    measured.gateway, measured.called = found.server, called
    measured.notes += [*notes(found), *left_out]
    load = PhaseRun(plans, measured, on_progress)
    host_before = HostCpuSample.now()
    try:
        load.load()
    except RunStopped:
        pass
    except KeyboardInterrupt:  # between two load phases
        if not measured.results:
            raise
        measured.stopped, measured.ended_by = measured.stopped or INTERRUPTED, "interruption"
    except LOST as error:
        if not measured.results:
            raise
        measured.stopped, measured.ended_by = f"a part of the bench was lost: {error}", "bench"
    finally:
        measured.host_samples = (host_before, HostCpuSample.now())
    return measured


def _fitting(
    plans: UrlPlans, options: ProfileRunOptions, on_progress: ProgressCallback
) -> tuple[ProfileRunOptions, list[str]]:
    """Return the options with a rate that the endpoint can take, and a sentence if that is lower than the one of the profile."""
    result, _ = run_generator(plans.trial(options), lambda facts: on_progress("measuring a suitable rate", facts))
    alone = result.whole_calls().count(outcome="ok") / max(result.seconds, 0.1)
    rate = round(max(SHARE * alone, LEAST), 1)
    if rate >= options.rate:
        return options, []
    said = (
        f"rate {rate:g}/s instead of the profile's {options.rate:g}/s: half of what one user alone got ({alone:.1f}/s)"
    )
    return replace(options, rate=rate), [f"{said}; --rate sets another"]
