"""The end of a run: totals become files, with every credential replaced by its label."""

import platform
import re
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from fixtures.secrets import SHORTEST, SecretRegistry
from load.generator.totals import KEPT_WRONG, Totals
from load.plan import Plan
from load.result import RESULT, SAMPLES, Ended, Event, Machine, Result, WrongAnswer

_TELLING = re.compile("authorization|cookie|key|token|secret", re.IGNORECASE)  # names of headers that carry credentials

_SCHEME = re.compile("bearer|basic|token|apikey|dpop|negotiate", re.IGNORECASE)


def secrets_of(plan: Plan) -> SecretRegistry:
    """All credentials that the plan knows: those that it names, and whatever says who a caller is."""
    registry = SecretRegistry()
    for label, value in plan.secrets.items():
        registry.add("access-token", label, value)
    for arm in plan.arms:
        for call in arm.calls:
            telling = {name: value for name, value in call.headers.items() if _TELLING.search(name)}
            for owner, headers in ((call.operation, telling), *((one.name, one.headers) for one in call.callers)):
                for name, value in headers.items():
                    for credential in _credentials(name, value):
                        if len(credential) >= SHORTEST and credential not in registry:
                            registry.add("gateway-token", f"{name.lower()}:{owner}", credential)
    return registry


def _credentials(name: str, value: str) -> list[str]:
    """What of a header gives somebody away: `Bearer ...`, each cookie's value (RFC 6265, section 4.2), or all of it."""
    if name.lower() == "cookie":
        return [pair.partition("=")[2].strip() for pair in value.split(";")]
    scheme, _, rest = value.partition(" ")
    return [rest.strip()] if rest and _SCHEME.fullmatch(scheme) else [value, rest.strip()]


def result_of(
    plan: Plan, totals: Totals, secrets: SecretRegistry, *, ended: Ended, start_ns: int, wall: float, timer: str
) -> Result:
    """The result of a run that lasted so many seconds."""
    return Result(
        ended=ended,
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        start_ns=start_ns,
        seconds=min(wall, plan.seconds),
        arms=[arm.name for arm in plan.arms],
        operations=plan.operations,
        counts=totals.counts(),
        cells=totals.cells(),
        warmup=totals.cells(warmup=True),
        intervals=totals.intervals(),
        events=sorted((_clean_event(one, secrets) for one in totals.events), key=lambda one: one.t),
        wrong=[_clean_wrong(one, secrets) for one in sorted(totals.wrong, key=lambda one: one.t)[:KEPT_WRONG]],
        wrong_count=totals.wrong_count,
        samples=min(totals.sample_count, plan.samples),
        machine=Machine(
            cpu_seconds=totals.cpu,
            wall_seconds=wall,
            in_flight_peak=totals.counter("in_flight_peak"),
            processes=totals.processes,
            timer="timerfd" if timer == "timerfd" else "loop",
            versions={name: version(name) for name in ("locust", "gevent", "hdrhistogram", "numpy")}
            | {"python": platform.python_version(), "system": sys.platform},
        ),
    )


def _clean_event(event: Event, secrets: SecretRegistry) -> Event:
    return event.model_copy(update={"detail": secrets.redact(event.detail)})


def _clean_wrong(wrong: WrongAnswer, secrets: SecretRegistry) -> WrongAnswer:
    texts = ("detail", "request", "response")
    return wrong.model_copy(update={name: secrets.redact(getattr(wrong, name)) for name in texts})


def write(result: Result, totals: Totals, folder: Path) -> None:
    """Write `samples.npy` and `result.json`; the latter is there as a whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / SAMPLES, totals.samples(), allow_pickle=False)
    half = folder / f"{RESULT}.part"
    half.write_text(result.model_dump_json())
    half.replace(folder / RESULT)
