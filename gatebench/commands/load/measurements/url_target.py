"""The work of the load commands on a URL: connect, find the tool, try it, then measure."""

import asyncio
from dataclasses import replace
from pathlib import Path

from gatebench import exit_codes
from gatebench.commands.load import output
from gatebench.commands.load.measurements.comparison import MeasurementCourse
from gatebench.commands.load.measurements.overhead import OverheadCommandOptions
from gatebench.commands.load.measurements.profile import ProfileOptions, progress_text
from gatebench.commands.load.measurements.regression import RegressionOptions
from gatebench.commands.load.url_options import UrlOptions, is_url, require_alone
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.protocol.client_tls import TlsSettings
from gatebench.fixtures.recording import given_credentials
from gatebench.load.experiments import comparison_reports, profile_report
from gatebench.load.experiments.overhead_run import OverheadOptions, OverheadRun
from gatebench.load.experiments.url_target import calls, expectations, pair
from gatebench.load.experiments.url_target import run as url_run
from gatebench.load.experiments.url_target.discovery import Discovered, ToolCall, discover
from gatebench.load.experiments.url_target.endpoint import Endpoint
from gatebench.load.experiments.workload import ProfileRunOptions
from gatebench.load.profiles import budgets, profiles
from gatebench.load.profiles.profiles import LoadProfile

RECORD = "discovery.jsonl"  # the exchanges before the load, redacted


def run(options: ProfileOptions, url: UrlOptions) -> int:
    """Run a profile against a URL, write and show the report, and return the exit status."""
    require_alone(sheet=options.sheet)
    profile = profiles.by_name(options.profile, options.profiles)
    limits = budgets.load(options.budgets)
    target, call = _endpoint(options.target, url), _call(url)
    folder = output.new_folder(options.out, "url", profile.name)
    run_options = ProfileRunOptions.of(profile, options.seconds, options.rate, options.workers, options.seed)
    exit_codes.end_in_order()
    found = _discover(target, call, folder / RECORD)
    progress = output.LoadProgress(quiet=options.quiet, folder=folder, target=target.shown, profile=profile.name)
    try:
        measured = url_run.measure(
            found,
            profile,
            run_options,
            lambda what, facts: progress.report(progress_text(what, facts), facts),
            fit_rate=options.rate is None,
        )
    finally:
        progress.end()
    return output.finish(profile_report.report(measured, limits), folder, quiet=options.quiet)


def overhead(options: OverheadCommandOptions, url: UrlOptions) -> int:
    """Measure what a running gateway adds to the calls of its upstream."""
    require_alone(sheet=options.sheet)
    if url.direct_url is None:
        raise BenchError(
            "the overhead of a URL is the difference to its upstream: name the upstream's address with --direct-url"
        )
    profile = profiles.by_name(options.profile)
    limits = budgets.load(options.budgets) if options.budgets else []
    target, call = _endpoint(options.target, url), _call(url)
    tokens = (
        [given_credentials.token_of(url.direct_token_env, "--direct-token-env", shortest=1)]
        if url.direct_token_env
        else []
    )
    upstream = Endpoint(
        url.direct_url, tokens, given_credentials.headers_of(url.direct_header, "--direct-header"), target.tls
    )
    folder = output.new_folder(options.out, "overhead", "url")
    found = _discover(target, call, folder / RECORD)
    direct_call = replace(call, tool=url.direct_tool or call.tool, isolation=None)
    direct = _discover(upstream, direct_call, folder / f"direct-{RECORD}")
    direct, found = pair.in_one_era(direct, found)
    measurement = OverheadRun(OverheadOptions(options.seconds, 1, options.rate, options.seed, target.tls))
    notes = [*calls.notes(found), *_about(direct, "directly"), pair.UNCONTROLLED]
    subject = comparison_reports.Subject(target.shown, found.server, profile, options.seed, notes)
    course = _measured(measurement, subject, profile, direct, found, quiet=options.quiet)
    return course.finish(comparison_reports.overhead_report(measurement, subject, limits, course.stopped), folder)


def gate(options: RegressionOptions, url: UrlOptions) -> int:
    """Compare two running gateways as they are."""
    for target in (options.baseline, options.candidate):
        if not is_url(target):
            raise BenchError(f"{target} is not a URL, but the other gateway is: give two URLs, or two descriptors")
    require_alone(starts=options.starts)
    profile = profiles.by_name(options.profile)
    first, call = _endpoint(options.baseline, url), _call(url)
    own = (
        [given_credentials.token_of(url.candidate_token_env, "--candidate-token-env", shortest=1)]
        if url.candidate_token_env
        else first.tokens
    )
    second = replace(first, url=options.candidate, tokens=own)
    folder = output.new_folder(options.out, "gate", "url")
    baseline = _discover(first, call, folder / f"baseline-{RECORD}")
    candidate = _discover(second, call, folder / f"candidate-{RECORD}")
    baseline, candidate = pair.in_one_era(baseline, candidate)
    measurement = OverheadRun(OverheadOptions(options.seconds, 1, None, options.seed, first.tls))
    names = (first.shown, second.shown)
    notes = [*calls.notes(candidate), *_about(baseline, "the baseline")]
    subject = comparison_reports.Subject(
        " against ".join(reversed(names)), candidate.server, profile, options.seed, notes
    )
    course = _measured(measurement, subject, profile, baseline, candidate, quiet=options.quiet)
    return course.finish(pair.gate_report(measurement, subject, names, options.margin / 100, course.stopped), folder)


def _measured(
    measurement: OverheadRun,
    subject: comparison_reports.Subject,
    profile: LoadProfile,
    direct: Discovered,
    found: Discovered,
    *,
    quiet: bool,
) -> MeasurementCourse:
    start_gateways, left_out = pair.arms_of(profile, direct, found)
    subject.notes.extend(left_out)
    course = MeasurementCourse(measurement.results, quiet=quiet)
    course.redact = lambda text: found.endpoint.redact_report(direct.endpoint.redact_report(text))
    progress = output.LoadProgress(quiet=quiet)
    try:
        with course.keep_results():
            measurement.run(start_gateways, progress)
    finally:
        progress.end()
    return course


def _about(found: Discovered, what: str) -> list[str]:
    who = "without a token" if not found.endpoint.tokens else "with its token"
    return [f"{what}: {found.endpoint.shown} ({found.server or 'no name'}), tool {found.call.tool!r}, {who}"]


def _endpoint(url: str, given: UrlOptions) -> Endpoint:
    if given.token_env and given.tokens_file:
        raise BenchError("--token-env and --tokens-file are both given: use one of them")
    if given.client_key and not given.client_cert:
        raise BenchError("--client-key needs --client-cert, the certificate of this key")
    tokens = [given_credentials.token_of(given.token_env, shortest=1)] if given.token_env else []
    if given.tokens_file:
        tokens = given_credentials.tokens_in(given.tokens_file)
    tls = TlsSettings(
        ca_file=given.ca_file, client_cert=given.client_cert, client_key=given.client_key, insecure=given.insecure
    )
    return Endpoint(url, tokens, given_credentials.headers_of(given.header), tls)


def _call(given: UrlOptions) -> ToolCall:
    isolation = None if given.isolation is None else expectations.pointer_of(given.isolation)
    values = expectations.expected(given.expect_equal, given.expect)
    return ToolCall(given.tool, expectations.arguments_of(given.args), values, isolation)


def _discover(target: Endpoint, call: ToolCall, record: Path) -> Discovered:
    return asyncio.run(discover(target, call, record))
