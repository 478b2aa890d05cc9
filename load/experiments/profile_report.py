"""Build the report of a profile run, with validity, budgets and conclusion."""

from collections.abc import Iterable
from importlib.metadata import version

from gatebench.load.analysis import metrics, summary, validity
from gatebench.load.analysis.validity import PublishedValues as Published
from gatebench.load.experiments import workload as workloads
from gatebench.load.experiments.profile_data import ProfileData
from gatebench.load.experiments.workload import WARMUP
from gatebench.load.plan.plan import SESSION_PARTS
from gatebench.load.profiles import budgets as budget_rules
from gatebench.load.profiles.budgets import Budget
from gatebench.load.profiles.profiles import LoadProfile
from gatebench.load.results.base_model import Estimate
from gatebench.load.results.generator_result import Result
from gatebench.load.results.histogram import Histogram
from gatebench.load.results.report_model import Event, LoadReport
from gatebench.load.results.resource_model import FarEnd, Resources
from gatebench.load.testbed import host as host_stats

_PER_CALL = ("requests", "connections", "sessions", "idp_requests")
_BYPASSING = ("direct",)  # arms that bypass the gateway


def report(measured: ProfileData, budgets: Iterable[Budget]) -> LoadReport:
    """Return the report, with all credentials of the run redacted."""
    task, results = measured.task, measured.results
    made = LoadReport(
        kind="run",
        gatebench=version("gatebench"),
        time=measured.began,
        target=task.target,
        gateway=measured.gateway,
        profile=task.profile.name,
        purpose=task.profile.purpose,
        seed=task.options.seed,
        seconds=sum(result.seconds for result in measured.everything),
        machine=host_stats.describe(),
        complete=measured.stopped is None,
        incomplete_reason=measured.stopped,
        ended_by=measured.ended_by,
        arms=summary.arms(results),
        moments=summary.moments(measured.everything),
        knee=measured.knee,
        figures=_figures(measured),
        resources=_resources(measured),
        far_end=_far_end(measured),
        wrong_answers=summary.wrong_answers(measured.everything),
        wrong_count=sum(result.wrong_count for result in measured.everything),
        events=[*summary.events(measured.everything), *_gone(measured)],
        notes=measured.notes,
    )
    if measured.host_samples is not None and results:
        before, after = measured.host_samples
        made.generator = summary.generator(
            results, before=before, after=after, cores=made.machine.cores, ceiling=measured.ceiling
        )
        made.validity = validity.judge(made.generator, _published(results, task.profile))
    if made.complete and (none := metrics.none_succeeded(measured.everything)):
        made.complete, made.incomplete_reason, made.ended_by = False, none, "gateway"
    made.budgets = budget_rules.judge(budgets, made, void=bool(validity.void(made.validity)))
    summary.conclude(made)
    if made.knee is not None and made.knee.rate is None and made.conclusion == "ok":
        made.conclusion, made.said = "void", made.knee.said
    return LoadReport.model_validate_json(measured.redact(made.model_dump_json()))


def _gone(measured: ProfileData) -> list[Event]:
    at = sum(result.seconds for result in measured.everything)
    return [Event(at=at, what=f"the run ended here: {measured.stopped}")] if measured.stopped else []


def _published(results: list[Result], profile: LoadProfile) -> Published:
    well = Histogram.sum(
        cell.histogram("response")
        for result in results
        for cell in result.cells
        if cell.outcome == "ok" and cell.operation not in SESSION_PARTS
    )
    seconds = sum(result.seconds for result in results)
    return Published(
        p50_us=well.quantile(0.5) if well.count else None,
        p99_us=well.quantile(0.99) if well.count else None,
        # Published as throughput of the gateway, so direct calls do not count.
        throughput=well.count / seconds if seconds and any(call.arm == "gateway" for call in profile.call) else None,
        offered=sum(result.counts.offered for result in results),
    )


def _calls(results: list[Result]) -> int:
    """Return the number of calls through the gateway, warm-up included, as the counters include it."""
    return sum(
        cell.count
        for result in results
        for cell in (*result.cells, *result.warmup)
        if cell.arm not in _BYPASSING and cell.operation not in SESSION_PARTS and cell.outcome != "unfinished"
    )


def _far_end(measured: ProfileData) -> FarEnd | None:
    calls = _calls(measured.results)
    if not measured.counted:
        return None
    direct = any(call.arm == "direct" for call in measured.task.profile.call)
    if direct or not calls or measured.knee:
        return FarEnd(counters=measured.counted, per_call={})
    sessions = sum(result.counts.sessions for result in measured.results)
    caused = measured.counted | {"requests": measured.counted["requests"] - _of_sessions(measured.counted, sessions)}
    return FarEnd(counters=measured.counted, per_call={key: caused[key] / calls for key in _PER_CALL})


def _of_sessions(counted: dict[str, float], sessions: int) -> float:
    """Return the upstream requests for handshakes and DELETEs of client sessions, which are not a cost of their calls.

    Counts those that arrived, at most one of each kind for a session: a gateway need not forward them.
    """
    messages = sum(count for name, count in counted.items() if name.startswith("method "))
    deletes = counted["requests"] - messages  # without a JSON-RPC message: DELETE
    handshakes = (counted.get(f"method {name}", 0.0) for name in ("initialize", "notifications/initialized"))
    return sum(min(count, float(sessions)) for count in (*handshakes, deletes))


def _resources(measured: ProfileData) -> Resources | None:
    samples, calls = measured.samples, _calls(measured.results)
    if not samples:
        return None
    used, lasted = samples[-1].cpu_seconds - samples[0].cpu_seconds, samples[-1].at - samples[0].at
    return Resources(
        samples=samples,
        cpu_us_per_call=Estimate(value=used / calls * 1e6) if calls and not measured.knee else None,
        cpu_share=used / lasted if lasted else 0.0,
        before=measured.before,
        after=measured.after,
        settled=measured.settled,
    )


def _figures(measured: ProfileData) -> dict[str, float]:
    results, profile = measured.results, measured.task.profile
    found: dict[str, float | None] = {
        "slowdown": None if _lacks_a_delayed_call(measured) else metrics.slowdown(results),
        "recovery": metrics.recovery(results[0], profile) if results and len(profile.shape) > 2 else None,
        "growth": metrics.growth(results, profile),
        "event-delay-p50": metrics.event_delay(results, 0.5),
        "event-delay-p90": metrics.event_delay(results, 0.9),
        "refreshes-per-expiry": _refreshes(measured),
        "knee-concurrency": metrics.knee_concurrency(measured.knee),
        "sessions-left": measured.left_open.get("sessions") if measured.left_open else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _lacks_a_delayed_call(measured: ProfileData) -> bool:
    """Return True if a call that a phase delays was not sent, so that a slowdown cannot be computed."""
    return any(call.waits and call not in measured.called for call in measured.task.profile.call)


def _refreshes(measured: ProfileData) -> float | None:
    profile = measured.task.profile
    lifetimes = [
        condition.body["access_lifetime"]
        for condition in profile.prepare
        if isinstance(condition.body, dict) and "access_lifetime" in condition.body
    ]
    if not lifetimes or not measured.counted or measured.stopped:
        return None
    users = sum(len(names) for names in workloads.consents_of(profile, measured.called).values())
    seconds = sum(result.seconds + min(WARMUP, result.seconds / 3) for result in measured.results)
    return metrics.refreshes_per_expiry(
        measured.counted["refreshes"], users=users, seconds=seconds, lifetime=lifetimes[0]
    )
