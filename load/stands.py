"""Fresh starts for contests and pairings: gateways on one standing bench, and the calls of a profile to each."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from fixtures import standard
from fixtures.errors import BenchError
from load import workload as workloads
from load.bench import Gateway, LoadBench
from load.callers import Crowd
from load.contest import Running
from load.plan import Call
from load.profiles import CallSpec, Profile
from load.workload import Workload


@dataclass(frozen=True)
class Stands:
    """Starts gateways and says what to ask of them. `able`: what each target claims (see `load.measured.Task`).

    Where upstreams are gone on leaving, HarnessError is raised: what was measured without them is nobody's.
    """

    bench: LoadBench
    profile: Profile
    able: Mapping[str, frozenset[str]]

    @contextmanager
    def duet(self, targets: Mapping[str, str], order: Sequence[str]) -> Iterator[Mapping[str, Running]]:
        """Both targets (by arm), started in this order on one core; whatever came up is ended on leaving."""
        cores = self.bench.pinning.gateway
        with _Ended() as up:
            for arm in order:
                up.gateways[arm] = self._started(targets[arm], cores[:1] if cores else None)
            yield {arm: self._running(targets[arm], gateway) for arm, gateway in up.gateways.items()}
            self.bench.far_end.require()

    @contextmanager
    def pair(self, target: str) -> Iterator[Mapping[str, Running]]:
        """The target, and the same calls past it."""
        with _Ended() as up:
            gateway = up.gateways["gateway"] = self._started(target, None)
            calls = [_past(spec, gateway) for spec in self._specs(target, gateway)]
            running = self._running(target, gateway)
            yield {"direct": Running(self._calls(calls, gateway), secrets=running.secrets), "gateway": running}
            self.bench.far_end.require()

    def _started(self, target: str, cores: tuple[int, ...] | None) -> Gateway:
        gateway = self.bench.start(target, cores)
        used = {member for spec in self._specs(target, gateway) for member in self.profile.members(spec.server)}
        for server, names in self.profile.consents.items():
            if server in used:
                gateway.consent(names, [server])
        return gateway

    def _running(self, target: str, gateway: Gateway) -> Running:
        secrets = {secret.label: secret.value for secret in gateway.bench.secrets}
        roots = tuple(gateway.tree.roots) if gateway.tree is not None else ()
        return Running(self._calls(self._specs(target, gateway), gateway), roots, secrets)

    def _specs(self, target: str, gateway: Gateway) -> list[CallSpec]:
        revisions = gateway.target.descriptor.claims.revisions
        chosen, _ = workloads.choose(self.profile, self.able[target], revisions)
        if not (found := [spec for spec in chosen if spec.arm == "gateway"]):
            raise BenchError(f"profile {self.profile.name} calls nothing through {target}: take another one")
        return found

    def _calls(self, specs: list[CallSpec], gateway: Gateway) -> list[Call]:
        crowd = Crowd(self.profile.crowd.users, self.profile.crowd.externals)
        return [call for arm in Workload(self.profile, specs, gateway, crowd).arms() for call in arm.calls]


def _past(spec: CallSpec, gateway: Gateway) -> CallSpec:
    """The same call, in the same era, made of the upstream itself."""
    revision = workloads.revision_for(spec, gateway.target.descriptor.claims.revisions)
    server = spec.server if spec.server in standard.UPSTREAMS else (spec.member or "calculator")
    era = "modern" if revision == standard.MODERN_REVISION else "legacy"
    return spec.model_copy(update={"arm": "direct", "server": server, "member": None, "era": era})


class _Ended(AbstractContextManager["_Ended"]):
    """Gateways that are stopped on leaving, the last one first."""

    def __init__(self) -> None:
        self.gateways: dict[str, Gateway] = {}

    def __exit__(self, *_: object) -> None:
        for gateway in reversed(self.gateways.values()):
            gateway.target.stop()
