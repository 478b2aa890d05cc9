"""From a profile and a standing gateway to plans: which calls, by whom, when."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from fixtures import standard
from fixtures.errors import BenchError
from load import callers
from load.bench import Gateway
from load.callers import Crowd
from load.plan import Arm, Call, Caller, Plan, Stage
from load.profiles import CallSpec, Phase, Profile

WARMUP = 2.0  # seconds at most, and never more than a third of a phase
MAX_IN_FLIGHT = 1000


@dataclass(frozen=True)
class Terms:
    """How a profile is to be played: scaled in time and rate, by how many processes, from which seed."""

    seconds: float
    rate: float
    workers: int = 1
    seed: int = 1

    @classmethod
    def of(cls, profile: Profile, seconds: float | None, rate: float | None, workers: int, seed: int) -> "Terms":
        """The profile's own, where nothing else is asked for."""
        return cls(seconds or profile.seconds, rate or profile.rate, workers, seed)


def choose(profile: Profile, able: frozenset[str], revisions: list[str]) -> tuple[list[CallSpec], list[str]]:
    """The calls of a profile that make sense for what a gateway claims, and what was left out, one sentence each.

    Raises BenchError when nothing is left.
    """
    chosen, left_out = [], []
    for call in profile.call:
        missing = sorted(profile.needs(call) - able)
        if revision_for(call, revisions) is None:
            missing.append(f"the {call.era} era")
        if missing:
            left_out.append(f"left out {call.operation!r}: {', '.join(missing)} not claimed")
        else:
            chosen.append(call)
    if not chosen:
        raise BenchError(f"profile {profile.name} has nothing for this gateway: {'; '.join(left_out)}")
    return chosen, left_out


def revision_for(call: CallSpec, revisions: list[str]) -> str | None:
    """The newest claimed revision of the call's era; past the gateway, ours."""
    if call.arm == "direct":
        revisions = list(standard.REVISIONS)
    eras = {
        "modern": (standard.MODERN_REVISION,),
        "legacy": standard.LEGACY_REVISIONS,
        "any": standard.REVISIONS,
    }
    return next((one for one in reversed(eras[call.era]) if one in revisions), None)


class Workload:
    """The calls of a profile at one gateway, ready to be put into plans."""

    def __init__(self, profile: Profile, calls: list[CallSpec], gateway: Gateway, crowd: Crowd) -> None:
        self._profile = profile
        self._calls = calls
        self._gateway = gateway
        self._crowd = crowd
        self._callers: dict[tuple[str, ...], list[Caller]] = {}

    def arms(self, phase: Phase | None = None) -> list[Arm]:
        """The arms of a phase; the weight of an arm is that of its calls."""
        arms: dict[str, list[Call]] = {}
        for spec in self._calls:
            arms.setdefault(spec.arm, []).append(self._call(spec, phase or Phase()))
        return [Arm(name=name, calls=calls, weight=sum(call.weight for call in calls)) for name, calls in arms.items()]

    def direct(self) -> list[Arm]:
        """The cheapest call past the gateway: by what the bench is measured."""
        return [Arm(name="direct", calls=[self._call(CallSpec(operation="call", arm="direct"), Phase())])]

    def _call(self, spec: CallSpec, phase: Phase) -> Call:
        bench, target = self._gateway.bench, self._gateway.target
        direct = spec.arm == "direct"
        tool = spec.tool
        if spec.member is not None:
            tool = target.descriptor.dialect.tool_name.format(server=spec.member, tool=spec.tool)
        arguments = spec.arguments | ({"value": "x" * spec.pad} if spec.pad else {})
        return Call(
            operation=spec.operation_in(phase),
            url=bench.sheet["upstreams"][spec.server]["url"] if direct else target.url(spec.server),
            server=spec.server,
            revision=str(revision_for(spec, target.descriptor.claims.revisions)),
            kind=spec.kind,
            method=spec.method,
            tool=tool if spec.method == "tools/call" else "",
            arguments=arguments if spec.method == "tools/call" else {},
            nonce=spec.method == "tools/call",
            events=spec.events,
            callers=self._who(spec),
            weight=spec.weight,
        )

    def _who(self, spec: CallSpec) -> list[Caller]:
        bench = self._gateway.bench
        members = self._profile.members(spec.server) if spec.member is None else (spec.member,)
        shown = members if spec.method == "tools/call" else ()  # a list says nothing of whoever asked
        names = [name for who in spec.callers for name in self._crowd.named(who)]
        key = (spec.arm, spec.server, *shown, *names)
        if key not in self._callers:
            if spec.arm == "direct":
                self._callers[key] = [callers.directly(bench, name, spec.server) for name in names]
            else:
                self._callers[key] = [callers.through_the_gateway(bench, name, shown) for name in names]
        return self._callers[key]

    # -- plans

    def calibration(self, terms: Terms, seconds: float = 2.0, users: int = 16) -> Plan:
        """The bench against itself: as much as it takes, past the gateway."""
        stage = Stage(seconds=seconds, rate_from=users, rate_to=users)
        return self._plan(terms, self.direct(), [stage], 0.5, closed=True)

    def plan(self, terms: Terms, phase: Phase) -> Plan:
        """The plan of one phase, once."""
        parts = len(self._profile.phase) * self._profile.repeat
        seconds = terms.seconds / parts
        whole = sum(share for share, _, _ in self._profile.shape)
        stages = [
            Stage(seconds=seconds * share / whole, rate_from=terms.rate * low, rate_to=terms.rate * high)
            for share, low, high in self._profile.shape
        ]
        return self._plan(terms, self.arms(phase), stages, min(WARMUP, seconds / 3))

    def step(self, terms: Terms, rate: float, seconds: float) -> Plan:
        """One step of a search: an even rate for a while."""
        return self._plan(
            terms, self.arms(), [Stage(seconds=seconds, rate_from=rate, rate_to=rate)], min(1.0, seconds / 3)
        )

    def _plan(self, terms: Terms, arms: list[Arm], stages: list[Stage], warmup: float, *, closed: bool = False) -> Plan:
        return Plan(
            seed=terms.seed,
            arms=arms,
            stages=stages,
            arrivals="closed" if closed else "poisson",
            warmup=warmup,
            max_in_flight=MAX_IN_FLIGHT,
            timeout=self._profile.timeout,
            workers=terms.workers,
            secrets={secret.label: secret.value for secret in self._gateway.bench.secrets},
        )


def phases(profile: Profile, terms: Terms, workload: Workload) -> Iterator[tuple[Phase, Callable[[], Plan]]]:
    """All phases in the order in which they are played, each with what makes its plan (with a seed of its own)."""
    number = 0
    for _ in range(profile.repeat):
        for phase in profile.phase:
            own = replace(terms, seed=terms.seed + number)
            yield phase, lambda phase=phase, own=own: workload.plan(own, phase)  # type: ignore[misc]
            number += 1
