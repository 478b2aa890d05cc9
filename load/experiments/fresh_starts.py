"""Start fresh gateway processes on a running bench for regression and overhead runs."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways.target import NO_ENVIRONMENT
from gatebench.fixtures.world import definition
from gatebench.load.experiments import workload as workloads
from gatebench.load.experiments.regression_run import RunningGateway
from gatebench.load.experiments.workload import Workload
from gatebench.load.plan.plan import PlannedCall
from gatebench.load.profiles.profiles import CallSpec, LoadProfile
from gatebench.load.testbed.bench import LoadBench, LoadedGateway
from gatebench.load.testbed.callers import CallerPool


@dataclass(frozen=True)
class GatewayStarter:
    """Start gateways and plan the calls to them. `able`: the claims of each target (see
    `gatebench.load.experiments.profile_data.LoadRunRequest`).

    Raises HarnessError on exit if an upstream has ended: the measurement is then not one of the gateway.
    """

    bench: LoadBench
    profile: LoadProfile
    able: Mapping[str, frozenset[str]]

    @contextmanager
    def duet(self, targets: Mapping[str, str], order: Sequence[str]) -> Iterator[Mapping[str, RunningGateway]]:
        """Start both targets (by arm), in this order and on one core; stop them on exit.

        Both get the same seed of Python's string hashes, which is new in each start: it changes the CPU per request of a Python
        gateway by some percent, and two seeds would make that a difference between the targets. Other gateways ignore it.
        """
        cores = self.bench.pinning.gateway
        seed = {"PYTHONHASHSEED": str(secrets.randbelow(2**32))}
        with _StopOnExit() as up:
            for arm in order:
                up.gateways[arm] = self._started(targets[arm], cores[:1] if cores else None, seed)
            yield {arm: self._running(targets[arm], gateway) for arm, gateway in up.gateways.items()}
            self.bench.backend.require()

    @contextmanager
    def pair(self, target: str) -> Iterator[Mapping[str, RunningGateway]]:
        """Start the target; also return the same calls sent directly to the upstream."""
        with _StopOnExit() as up:
            gateway = up.gateways["gateway"] = self._started(target, None)
            calls = [_direct(spec, gateway) for spec in self._specs(target, gateway)]
            running = self._running(target, gateway)
            yield {"direct": RunningGateway(self._calls(calls, gateway), secrets=running.secrets), "gateway": running}
            self.bench.backend.require()

    def _started(
        self, target: str, cores: tuple[int, ...] | None, environment: Mapping[str, str] = NO_ENVIRONMENT
    ) -> LoadedGateway:
        gateway = self.bench.start(target, cores, environment)
        for server, names in workloads.consents_of(self.profile, self._specs(target, gateway)).items():
            gateway.consent(names, [server])
        return gateway

    def _running(self, target: str, gateway: LoadedGateway) -> RunningGateway:
        secrets = {secret.label: secret.value for secret in gateway.bench.secrets}
        roots = tuple(gateway.tree.roots) if gateway.tree is not None else ()
        return RunningGateway(self._calls(self._specs(target, gateway), gateway), roots, secrets)

    def _specs(self, target: str, gateway: LoadedGateway) -> list[CallSpec]:
        revisions = gateway.target.descriptor.claims.revisions
        chosen, _ = workloads.choose_operations(self.profile, self.able[target], revisions)
        if not (found := [spec for spec in chosen if spec.arm == "gateway"]):
            raise BenchError(f"profile {self.profile.name} has no calls through {target}: use another profile")
        return found

    def _calls(self, specs: list[CallSpec], gateway: LoadedGateway) -> list[PlannedCall]:
        crowd = CallerPool(self.profile.crowd.users, self.profile.crowd.externals)
        return [call for arm in Workload(self.profile, specs, gateway, crowd).arms() for call in arm.calls]


def _direct(spec: CallSpec, gateway: LoadedGateway) -> CallSpec:
    """Return the same call, in the same era, sent directly to the upstream."""
    revision = workloads.revision_for(spec, gateway.target.descriptor.claims.revisions)
    server = spec.server if spec.server in definition.UPSTREAMS else (spec.member or "calculator")
    era = "modern" if revision == definition.MODERN_REVISION else "legacy"
    return spec.model_copy(update={"arm": "direct", "server": server, "member": None, "era": era})


class _StopOnExit(AbstractContextManager["_StopOnExit"]):
    """Gateways to stop on exit, the last one first."""

    def __init__(self) -> None:
        self.gateways: dict[str, LoadedGateway] = {}

    def __exit__(self, *_: object) -> None:
        for gateway in reversed(self.gateways.values()):
            gateway.target.stop()
