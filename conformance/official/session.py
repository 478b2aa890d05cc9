"""The work of `gatebench official`: the suite directly at our upstream `everything`, then through the gateway, both recorded."""

import asyncio
import dataclasses
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from gatebench.conformance.execution import smoke
from gatebench.conformance.official import comparison
from gatebench.conformance.official.front import Front
from gatebench.conformance.official.results import REVISIONS, ScenarioResult, read, scenarios_of
from gatebench.conformance.official.suite import Suite
from gatebench.conformance.requirements.expectations import Expectations
from gatebench.conformance.requirements.features import Claims, claims_of
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways.lookup import by_name
from gatebench.fixtures.gateways.target import Target
from gatebench.fixtures.harness.bench import Bench, running_bench
from gatebench.fixtures.processes import host
from gatebench.fixtures.world import config as world_config
from gatebench.mock_upstreams.server import ServerThread

FORMAT = 1
SERVER, CALLER = "everything", "alice"
TRANSCRIPT = "transcript.jsonl"
Way = Literal["direct", "gateway"]

ProgressCallback = Callable[[str], None]


@dataclass
class Measured:
    """What was measured so far, kept also when the run ends early.

    `results` are those of the suite by revision and way; `spans` the times at which each part began and ended, in seconds of
    the monotonic clock; `trouble` the reason why the run ended early.
    """

    results: dict[tuple[str, Way], dict[str, ScenarioResult]] = field(default_factory=dict)
    spans: dict[tuple[str, Way], tuple[float, float]] = field(default_factory=dict)
    trouble: str = ""
    epoch: float = field(default_factory=lambda: time.time() - time.monotonic())
    started: float = field(default_factory=time.time)


@dataclass(frozen=True)
class OfficialRun:
    """A run: the target and its claims, the folder for all files, and the revisions to play."""

    name: str
    target: Target
    claims: Claims
    folder: Path
    revisions: tuple[str, ...]


def prepare(name: str, folder: Path) -> OfficialRun:
    """Return the run for a target. Raise BenchError with one sentence if the suite says nothing about it."""
    target = by_name(name)
    claims = claims_of(target.descriptor, target.path)
    revisions = tuple(revision for revision in REVISIONS if revision in claims.revisions)
    if not revisions:
        raise BenchError(f"{target.path}: claims.revisions has none of {', '.join(REVISIONS)}, which the suite plays")
    for needed in ("upstream.none", "caller.user"):
        if needed not in claims.features:
            raise BenchError(f"{target.path}: claims.features lacks {needed}, which the official suite needs")
    if f"server.{SERVER}" not in claims.world:
        raise BenchError(f"{target.path}: claims.servers lacks {SERVER}, the server that the official suite needs")
    return OfficialRun(name, target, claims, folder, revisions)


def play(run: OfficialRun, suite: Suite, measured: Measured, on_progress: ProgressCallback) -> None:
    """Run the suite in each revision, directly and through the gateway. Results go to `measured` as they come.

    Raise BenchError if the gateway cannot be tested at all, HarnessError if the suite's results cannot be read.
    """
    features = sorted(run.claims.features)
    with (
        running_bench(run.target, run.folder / TRANSCRIPT, features=features, listener=lambda _event: None) as bench,
        ExitStack() as stack,
    ):
        asyncio.run(smoke.test(bench, run.claims))
        fronts = _fronts(bench, stack.enter_context(ServerThread()))
        for revision in run.revisions:
            for way, (front, url) in fronts.items():
                on_progress(f"{revision}, {'through the gateway' if way == 'gateway' else 'direct'}")
                output = run.folder / "suite" / revision / way
                began = time.monotonic()
                trouble = suite.run(url, revision, output)
                measured.spans[revision, way] = began, time.monotonic()
                measured.results[revision, way] = read(output)
                if not measured.results[revision, way] and not trouble:
                    trouble = "the official suite wrote no results"
                if front.unanswered and not trouble:
                    trouble = f"{front.unanswered} requests of the suite got no answer from the server"
                if trouble:
                    measured.trouble = f"{trouble} ({revision}, {way})"
                    return


def _fronts(bench: Bench, servers: ServerThread) -> dict[Way, tuple[Front, str]]:
    """Serve the fronts, and return each with its address for the suite."""
    upstream, _ = world_config.reached(bench.world.config, bench.world_json["upstreams"][SERVER]["url"])
    token = bench.identities.credential(bench.identities.token(CALLER))
    ways: dict[Way, tuple[str, Mapping[str, str]]] = {
        "direct": (upstream, {}),
        "gateway": (bench.target.url(SERVER), token),
    }
    return {way: _front(bench, servers, way, url, credential) for way, (url, credential) in ways.items()}


def _front(bench: Bench, servers: ServerThread, way: Way, url: str, credential: Mapping[str, str]) -> tuple[Front, str]:
    parts = urlsplit(url)
    front = Front(f"official-{way}", f"{parts.scheme}://{parts.netloc}", credential)
    client = {"client": "official suite" if way == "gateway" else "direct", "server": SERVER}

    def record(event: dict[str, Any]) -> None:
        bench.recorder.write({**event, **client} if event["kind"] == "request" else event)

    front.journal.subscribe(record)
    return front, servers.serve(front.app) + url.removeprefix(f"{parts.scheme}://{parts.netloc}")


def report(run: OfficialRun, suite: Suite, measured: Measured, expectations: Expectations) -> dict[str, Any]:
    """Return the report (`official.json`): the rows of each revision, the scenarios passed, and the conclusion."""
    revisions = {revision: _revision(suite, measured, expectations, revision) for revision in run.revisions}
    rows = [row for one in revisions.values() for row in one["rows"]]
    as_judged = [
        {"requirement": f"official/{row['check']}", "scenario": f"{name}/{row['scenario']}", "outcome": row["outcome"]}
        for name, one in revisions.items()
        for row in one["rows"]
    ]
    stale = [str(entry) for entry in expectations.stale(as_judged, narrowed=False)]
    return {
        "official": FORMAT,
        "gatebench": version("gatebench"),
        "suite": {"package": "@modelcontextprotocol/conformance", "version": suite.version},
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(measured.started)),
        "target": run.name,
        "gateway": run.target.descriptor.gateway.model_dump(mode="json"),
        "machine": host.facts(),
        "epoch": measured.epoch,
        "trouble": measured.trouble,
        "stale": stale,
        "revisions": revisions,
        "conclusion": _conclusion(rows, measured, stale),
    }


def _revision(suite: Suite, measured: Measured, expectations: Expectations, revision: str) -> dict[str, Any]:
    listed = scenarios_of(suite.package, revision)
    direct = measured.results.get((revision, "direct"), {})
    gateway = measured.results.get((revision, "gateway"), {})
    rows = list(comparison.compare(revision, listed, direct, gateway, expectations.entries))
    return {
        "scored": len(listed.scored),
        "passed": {
            "direct": sum(comparison.passed(direct.get(name)) for name in listed.scored),
            "gateway": sum(comparison.passed(gateway.get(name)) for name in listed.scored),
        },
        "unscored": dict(listed.unscored),
        "started": {
            way: {name: result.started for name, result in of_way.items()}
            for way, of_way in (("direct", direct), ("gateway", gateway))
        },
        "ended": {way: measured.spans.get((revision, way), (0.0, 0.0))[1] for way in ("direct", "gateway")},
        "rows": [dataclasses.asdict(row) for row in rows],
    }


def _conclusion(rows: list[dict[str, Any]], measured: Measured, stale: list[str]) -> str:
    outcomes = {row["outcome"] for row in rows}
    if "fail" in outcomes or stale:
        return "findings"
    if measured.trouble or "not-run" in outcomes:
        return "incomplete"
    passing = any(row["direct"]["status"] == "pass" for row in rows)
    return "conformant" if passing else "nothing-judged"
