"""The result files of a run, with credentials replaced by labels."""

import platform
import re
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.recording import files
from gatebench.fixtures.recording.secrets import MIN_LENGTH, SecretRegistry
from gatebench.load.generator.recording.aggregate import KEPT_WRONG, Aggregate
from gatebench.load.plan.plan import Plan
from gatebench.load.results.generator_result import (
    RESULT,
    SAMPLES,
    Ended,
    GeneratorEvent,
    GeneratorHost,
    Result,
    WrongAnswerSample,
)

_CREDENTIAL_HEADERS = re.compile(
    "authorization|cookie|key|token|secret", re.IGNORECASE
)  # names of headers with credentials

_SCHEME = re.compile("bearer|basic|token|apikey|dpop|negotiate", re.IGNORECASE)


def secrets_of(plan: Plan) -> SecretRegistry:
    """Return all credentials in the plan: its secrets, and those in headers."""
    registry = SecretRegistry()
    for label, value in plan.secrets.items():
        registry.add("access-token", label, value)
    for arm in plan.arms:
        for call in arm.calls:
            secret_headers = {name: value for name, value in call.headers.items() if _CREDENTIAL_HEADERS.search(name)}
            for owner, headers in (
                (call.operation, secret_headers),
                *((one.name, one.headers) for one in call.callers),
            ):
                for name, value in headers.items():
                    for credential in _credentials(name, value):
                        if len(credential) >= MIN_LENGTH and credential not in registry:
                            registry.add("gateway-token", f"{name.lower()}:{owner}", credential)
    return registry


def _credentials(name: str, value: str) -> list[str]:
    """Return the credentials in a header: after `Bearer`, each cookie value (RFC 6265, section 4.2), or the whole value."""
    if name.lower() == "cookie":
        return [pair.partition("=")[2].strip() for pair in value.split(";")]
    scheme, _, rest = value.partition(" ")
    return [rest.strip()] if rest and _SCHEME.fullmatch(scheme) else [value, rest.strip()]


def result_of(
    plan: Plan, totals: Aggregate, secrets: SecretRegistry, *, ended: Ended, start_ns: int, wall: float, timer: str
) -> Result:
    """Return the result of a run; `wall`: its duration in seconds."""
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
        wrong=[
            _clean_wrong(one, secrets, _given_headers(plan))
            for one in sorted(totals.wrong, key=lambda one: one.t)[:KEPT_WRONG]
        ],
        wrong_count=totals.wrong_count,
        samples=min(totals.sample_count, plan.samples),
        machine=GeneratorHost(
            cpu_seconds=totals.cpu,
            wall_seconds=wall,
            in_flight_peak=totals.counter("in_flight_peak"),
            processes=totals.processes,
            timer="timerfd" if timer == "timerfd" else "loop",
            versions={name: version(name) for name in ("locust", "gevent", "hdrhistogram", "numpy")}
            | {"python": platform.python_version(), "system": sys.platform},
        ),
    )


def _clean_event(event: GeneratorEvent, secrets: SecretRegistry) -> GeneratorEvent:
    return event.model_copy(update={"detail": secrets.redact(event.detail)})


def _given_headers(plan: Plan) -> re.Pattern[str] | None:
    """Return a pattern of the lines of headers that calls bring: their values may be too short to be redacted by value."""
    names = {re.escape(name) for arm in plan.arms for call in arm.calls for name in call.headers}
    return re.compile(rf"^({'|'.join(sorted(names))}): [^\r\n]*", re.IGNORECASE | re.MULTILINE) if names else None


def _clean_wrong(wrong: WrongAnswerSample, secrets: SecretRegistry, given: re.Pattern[str] | None) -> WrongAnswerSample:
    request = given.sub(r"\1: «header»", wrong.request) if given else wrong.request
    texts = {"detail": wrong.detail, "request": request, "response": wrong.response}
    return wrong.model_copy(update={name: secrets.redact(text) for name, text in texts.items()})


def require_writable(folder: Path) -> None:
    """Create the folder for the results. Raise BenchError if it cannot be written: a load takes minutes."""
    try:
        files.require_writable(folder)
    except OSError as error:
        raise BenchError(f"cannot write the results to {folder}: {error.strerror}; name another folder") from error


def write(result: Result, totals: Aggregate, folder: Path) -> None:
    """Write `samples.npy` and, atomically, `result.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / SAMPLES, totals.samples(), allow_pickle=False)
    half = folder / f"{RESULT}.part"
    half.write_text(result.model_dump_json())
    half.replace(folder / RESULT)
