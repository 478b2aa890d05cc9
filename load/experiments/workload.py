"""Build plans (calls, callers, arrival times) from a profile and a running gateway."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.world import definition
from gatebench.load.plan.plan import Plan, PlannedArm, PlannedCall, PlannedCaller, Stage
from gatebench.load.profiles.profiles import CallSpec, LoadProfile, Phase
from gatebench.load.testbed import callers
from gatebench.load.testbed.bench import LoadedGateway
from gatebench.load.testbed.callers import CallerPool

WARMUP = 2.0  # seconds at most; also at most a third of a phase
CALIBRATION = 2.0  # seconds
MAX_IN_FLIGHT = 1000


@dataclass(frozen=True)
class ProfileRunOptions:
    """Options of a profile run: duration, rate, worker processes, seed."""

    seconds: float
    rate: float
    workers: int = 1
    seed: int = 1

    @classmethod
    def of(
        cls, profile: LoadProfile, seconds: float | None, rate: float | None, workers: int, seed: int
    ) -> "ProfileRunOptions":
        """Create options; `None` selects the value of the profile."""
        return cls(seconds or profile.seconds, rate or profile.rate, workers, seed)


def choose_operations(
    profile: LoadProfile, able: frozenset[str], revisions: list[str]
) -> tuple[list[CallSpec], list[str]]:
    """Return the calls of a profile that the claims of a gateway allow, and one sentence for each call or caller left out.

    Raises BenchError when nothing is left.
    """
    chosen, left_out = [], []
    for whole in profile.call:
        call = profile.with_callers(whole, able)
        if without := [caller for caller in whole.callers if caller not in call.callers]:
            left_out.append(f"left out of {call.operation!r}: the callers {', '.join(without)}, which are not claimed")
        missing = sorted(profile.needs(call) - able)
        if revision_for(call, revisions) is None:
            missing.append(f"the {call.era} era")
        if missing:
            left_out.append(f"left out {call.operation!r}: {', '.join(missing)} not claimed")
        else:
            chosen.append(call)
    if not chosen:
        raise BenchError(f"no call of profile {profile.name} applies to this gateway: {'; '.join(left_out)}")
    return chosen, left_out


def consents_of(profile: LoadProfile, called: Iterable[CallSpec]) -> dict[str, list[str]]:
    """Return the users that give their consent before the load, by upstream: those of the profile that call it."""
    callers: dict[str, set[str]] = {}
    for call in called:
        for member in profile.members(call.server):
            callers.setdefault(member, set()).update(call.callers)
    return {
        server: mine
        for server, names in profile.consents.items()
        if (mine := [name for name in names if name in callers.get(server, ())])
    }


def revision_for(call: CallSpec, revisions: list[str]) -> str | None:
    """Return the newest claimed revision of the era of the call; for direct calls, the newest that the bench supports."""
    if call.arm == "direct":
        revisions = list(definition.REVISIONS)
    eras = {
        "modern": (definition.MODERN_REVISION,),
        "legacy": definition.LEGACY_REVISIONS,
        "any": definition.REVISIONS,
    }
    return next((one for one in reversed(eras[call.era]) if one in revisions), None)


class Workload:
    """The calls of a profile to one gateway."""

    def __init__(self, profile: LoadProfile, calls: list[CallSpec], gateway: LoadedGateway, crowd: CallerPool) -> None:
        self._profile = profile
        self._calls = calls
        self._gateway = gateway
        self._crowd = crowd
        self._callers: dict[tuple[str, ...], list[PlannedCaller]] = {}

    def arms(self, phase: Phase | None = None) -> list[PlannedArm]:
        """Return the arms of a phase; the weight of an arm is the sum over its calls."""
        arms: dict[str, list[PlannedCall]] = {}
        for spec in self._calls:
            arms.setdefault(spec.arm, []).append(self._call(spec, phase or Phase()))
        return [
            PlannedArm(name=name, calls=calls, weight=sum(call.weight for call in calls))
            for name, calls in arms.items()
        ]

    def direct(self) -> list[PlannedArm]:
        """Return the cheapest direct call, with which the ceiling of the bench is measured."""
        return [PlannedArm(name="direct", calls=[self._call(CallSpec(operation="call", arm="direct"), Phase())])]

    def _call(self, spec: CallSpec, phase: Phase) -> PlannedCall:
        bench, target = self._gateway.bench, self._gateway.target
        direct = spec.arm == "direct"
        tool = spec.tool
        if spec.member is not None:
            tool = target.descriptor.dialect.tool_name.format(server=spec.member, tool=spec.tool)
        arguments = spec.arguments | ({"value": "x" * spec.pad} if spec.pad else {})
        return PlannedCall(
            operation=spec.operation_in(phase),
            url=bench.world_json["upstreams"][spec.server]["url"] if direct else target.url(spec.server),
            server=spec.server,
            revision=str(revision_for(spec, target.descriptor.claims.revisions)),
            kind=spec.kind,
            method=spec.method,
            tool=tool if spec.method == "tools/call" else "",
            arguments=arguments if spec.method == "tools/call" else {},
            events=spec.events,
            nonce=spec.nonce,
            refused="strangers" in spec.callers,
            hold=spec.hold,
            callers=self._who(spec),
            weight=spec.weight,
        )

    def _who(self, spec: CallSpec) -> list[PlannedCaller]:
        bench = self._gateway.bench
        members = self._profile.members(spec.server) if spec.member is None else (spec.member,)
        shown = members if spec.method == "tools/call" else ()  # a tool list does not name its caller
        names = [name for who in spec.callers for name in self._crowd.named(who)]
        key = (spec.arm, spec.server, str(spec.personal), *shown, *names)
        if key not in self._callers:
            if spec.arm == "direct":
                found = [callers.directly(bench, name, spec.server) for name in names]
            else:
                found = [callers.through_the_gateway(bench, name, shown) for name in names]
            self._callers[key] = [callers.with_own_tool(one) for one in found] if spec.personal else found
        return self._callers[key]

    # -- plans

    def calibration(self, options: ProfileRunOptions, users: int = 16) -> Plan:
        """Return a closed-loop plan of direct calls, which measures the ceiling of the bench."""
        stage = Stage(seconds=CALIBRATION, rate_from=users, rate_to=users)
        return self._plan(options, self.direct(), [stage], 0.5, closed=True)

    def plan(self, options: ProfileRunOptions, phase: Phase) -> Plan:
        """Return the plan of one phase."""
        parts = len(self._profile.phase) * self._profile.repeat
        seconds = options.seconds / parts
        return self._plan(
            options, self.arms(phase), stages(self._profile, seconds, options.rate), min(WARMUP, seconds / 3)
        )

    def step(self, options: ProfileRunOptions, rate: float, seconds: float) -> Plan:
        """Return the plan of one search step: a constant rate."""
        return self._plan(
            options, self.arms(), [Stage(seconds=seconds, rate_from=rate, rate_to=rate)], min(1.0, seconds / 3)
        )

    def _plan(
        self,
        options: ProfileRunOptions,
        arms: list[PlannedArm],
        stages: list[Stage],
        warmup: float,
        *,
        closed: bool = False,
    ) -> Plan:
        return Plan(
            seed=options.seed,
            arms=arms,
            stages=stages,
            arrivals="closed" if closed else "poisson",
            warmup=warmup,
            max_in_flight=MAX_IN_FLIGHT,
            timeout=self._profile.timeout,
            user=self._profile.user,
            workers=options.workers,
            secrets={secret.label: secret.value for secret in self._gateway.bench.secrets},
        )


def stages(profile: LoadProfile, seconds: float, rate: float) -> list[Stage]:
    """Return the shape of a profile as stages."""
    whole = sum(share for share, _, _ in profile.shape)
    return [
        Stage(seconds=seconds * share / whole, rate_from=rate * low, rate_to=rate * high)
        for share, low, high in profile.shape
    ]


class Plans(Protocol):
    """Interface of what builds the plans of a profile, such as Workload."""

    def plan(self, options: ProfileRunOptions, phase: Phase) -> Plan:
        """Return the plan of one phase."""
        ...

    def step(self, options: ProfileRunOptions, rate: float, seconds: float) -> Plan:
        """Return the plan of one search step."""
        ...


def phases(
    profile: LoadProfile, options: ProfileRunOptions, workload: Plans
) -> Iterator[tuple[Phase, Callable[[], Plan]]]:
    """Yield all phases in order, each with a function that builds its plan (with its own seed)."""
    number = 0
    for _ in range(profile.repeat):
        for phase in profile.phase:
            own = replace(options, seed=options.seed + number)
            yield phase, lambda phase=phase, own=own: workload.plan(own, phase)  # type: ignore[misc]
            number += 1
