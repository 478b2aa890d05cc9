"""Plans for an endpoint known by its URL: the load of a profile, with the user's tool in the place of the profile's calls."""

from collections.abc import Sequence

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.world import definition
from gatebench.load.experiments import workload as workloads
from gatebench.load.experiments.url_target.discovery import Discovered
from gatebench.load.experiments.workload import MAX_IN_FLIGHT, WARMUP, ProfileRunOptions
from gatebench.load.plan.plan import Plan, PlannedArm, PlannedCall, Stage
from gatebench.load.profiles.profiles import CallSpec, LoadProfile, Phase

TRIAL = 2.0  # seconds
FITTING = ("steady", "single-call", "saturation", "ramp", "spike", "soak", "session-churn")  # of the shipped profiles


def choose(profile: LoadProfile, revisions: Sequence[str]) -> tuple[list[CallSpec], list[str]]:
    """Return the calls of a profile that any MCP server can answer, and one sentence for each call left out.

    Raises BenchError for a profile that is about upstreams, callers or tools of gatebench.
    """
    needs = {
        "changes upstreams of gatebench": profile.prepare or any(phase.condition for phase in profile.phase),
        "needs servers of gatebench": profile.virtual or profile.consents or profile.crowd.members,
        "needs callers of gatebench": profile.crowd.users or profile.crowd.externals or profile.crowd.strangers,
        "needs payloads of gatebench's tools": profile.growth,
    }
    if reason := next((reason for reason, given in needs.items() if given), None):
        raise BenchError(f"profile {profile.name} {reason}: with a URL, use one of {', '.join(FITTING)}")
    chosen, left_out = [], []
    for call in profile.call:
        if why := _unfit(call, revisions):
            left_out.append(f"left out {call.operation!r}: {why}")
        else:
            chosen.append(call)
    if not chosen:
        raise BenchError(
            f"no call of profile {profile.name} applies to this URL: {'; '.join(left_out)}; use one of {', '.join(FITTING)}"
        )
    return chosen, left_out


def _unfit(call: CallSpec, revisions: Sequence[str]) -> str | None:
    """Return why a call cannot be sent to any MCP server, None if it can."""
    about_gatebench = (
        call.arm != "gateway",
        call.member,
        call.personal,
        call.pad,
        call.arguments,
        call.events,
        not set(definition.PRINCIPALS).issuperset(call.callers),
        call.method not in ("tools/call", "tools/list"),
    )
    if any(about_gatebench):
        return "it needs an upstream or a tool of gatebench"
    if workloads.revision_for(call, list(revisions)) is None:
        return f"the endpoint does not speak MCP of the {call.era} era"
    return None


class UrlPlans:
    """The plans of a profile for one endpoint (`gatebench.load.experiments.workload.Plans`)."""

    def __init__(self, profile: LoadProfile, calls: Sequence[CallSpec], found: Discovered) -> None:
        self._profile, self._calls, self._found = profile, calls, found

    def calls(self) -> list[PlannedCall]:
        """Return the calls to the endpoint."""
        return [self._call(spec) for spec in self._calls]

    def _call(self, spec: CallSpec) -> PlannedCall:
        found = self._found
        called = spec.method == "tools/call"
        callers = found.callers if called else [one.model_copy(update={"own_values": []}) for one in found.callers]
        return PlannedCall(
            operation=spec.operation,
            url=found.endpoint.url,
            server=found.endpoint.shown,
            revision=str(workloads.revision_for(spec, found.revisions)),
            kind=spec.kind,
            method=spec.method,
            tool=str(found.call.tool) if called else "",
            arguments=dict(found.call.arguments) if called else {},
            headers=found.endpoint.headers,
            values=found.call.values if called else [],
            nonce=False,
            hold=spec.hold,
            callers=callers,
            weight=spec.weight,
        )

    def plan(self, options: ProfileRunOptions, phase: Phase) -> Plan:  # noqa: ARG002 - phases without conditions are alike
        """Return the plan of one phase."""
        seconds = options.seconds / (len(self._profile.phase) * self._profile.repeat)
        return self._plan(options, workloads.stages(self._profile, seconds, options.rate), min(WARMUP, seconds / 3))

    def trial(self, options: ProfileRunOptions) -> Plan:
        """Return a closed-loop plan of one user, which shows what rate the endpoint can take."""
        plan = self._plan(options, [Stage(seconds=TRIAL, rate_from=1, rate_to=1)], 0.5)
        return plan.model_copy(update={"arrivals": "closed", "workers": 1})

    def step(self, options: ProfileRunOptions, rate: float, seconds: float) -> Plan:
        """Return the plan of one search step."""
        return self._plan(options, [Stage(seconds=seconds, rate_from=rate, rate_to=rate)], min(1.0, seconds / 3))

    def _plan(self, options: ProfileRunOptions, stages: list[Stage], warmup: float) -> Plan:
        return Plan(
            seed=options.seed,
            arms=[PlannedArm(name="gateway", calls=self.calls())],
            stages=stages,
            warmup=warmup,
            max_in_flight=MAX_IN_FLIGHT,
            timeout=self._profile.timeout,
            user=self._profile.user,
            workers=options.workers,
            tls=self._found.endpoint.tls,
            secrets=self._found.endpoint.secrets(),
        )


def notes(found: Discovered) -> list[str]:
    """Return what is verified at this endpoint, what cannot be, and how it is reached."""
    call, endpoint = found.call, found.endpoint
    values = ["the values given with --expect"] if call.values else []
    own = (
        [f"that each of {len(found.callers)} tokens always gets its own value at {call.isolation}"]
        if call.isolation
        else []
    )
    checked = ["HTTP status", "JSON-RPC result and its id", "isError", *values, *own]
    unchecked = [
        "that an answer belongs to its own call (no nonce is sent)",
        "the path to the upstream, its credentials, latency and requests per call",
        "CPU and memory of the gateway",
        "the ceiling of the bench",
    ]
    if not call.isolation:
        unchecked.insert(1, "isolation of callers (--isolation, with several tokens)")
    if not call.values:
        unchecked.insert(1, "the content of answers (--expect, --expect-equal)")
    sent = (
        [f"headers sent with every request, values redacted: {', '.join(endpoint.headers)}"] if endpoint.headers else []
    )
    short = (
        ["a credential has fewer than 8 characters: it is redacted where it is a whole word, but not in encodings"]
        if endpoint.short_values
        else []
    )
    insecure = ["--insecure: the certificate of the server is not verified"] if endpoint.tls.insecure else []
    proxy = [note] if (note := endpoint.proxy_note()) else []
    return [
        f"tool {call.tool!r}, {len(found.callers)} user{'s' * (len(found.callers) != 1)}, MCP {' and '.join(found.revisions)}",
        f"verified in every answer: {', '.join(checked)}",
        f"not verified, because the upstream is not gatebench's: {'; '.join(unchecked)}",
        *found.notes,
        *sent,
        *short,
        *insecure,
        *proxy,
    ]
