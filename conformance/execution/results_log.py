"""The verdicts of a run, written as they come: `verdicts.jsonl` with a header, one line for each result, and a footer.

A file without a footer belongs to a run that was cut off; its results still count.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gatebench.conformance.collected_scenario import CollectedScenario
from gatebench.conformance.evaluation import flaky
from gatebench.conformance.evaluation.applicability import (
    Unplayed,
    deselected_requirements,
    requirements_without_scenarios,
)
from gatebench.conformance.execution.executor import Executor
from gatebench.conformance.outcomes import CUT, FAILURES, RED, UNJUDGED, Outcome, outcome_of, totals
from gatebench.conformance.requirements.registry import Registry
from gatebench.fixtures.extensions import folders
from gatebench.fixtures.gateways.descriptor import GatewaySection
from gatebench.fixtures.processes import host as host_facts
from gatebench.fixtures.recording import files
from gatebench.fixtures.world.variants import own

FORMAT = 2


class ResultsLog:
    """The results of one run, and the outcome of each requirement."""

    def __init__(self, folder: Path, run: Executor) -> None:
        self._run = run
        self._selected: set[str] = set()
        self._unplayed: dict[str, Unplayed] = {}
        self._judged: dict[str, list[dict[str, Any]]] = {}
        self._started = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "verdicts.jsonl").open("w", encoding="utf-8")
        self.stale: list[str] = []
        self._cut: dict[str, str] = {}  # scenario -> why it was cut
        self.done = 0
        self.expected = 0

    @staticmethod
    def announce(path: Path, target: str, registry: Registry) -> None:
        """Write the header of a run before collection, in case the run is killed by then."""
        requirements = [requirement.model_dump(mode="json") for requirement in registry.all()]
        facts: dict[str, Any] = {"expected": None, "selected": [], "requirements": requirements, "target": target}
        facts["gateway"] = GatewaySection(name=target).model_dump()  # nothing else is known yet
        header = {"kind": "header", **_identity(), **facts, "registry": registry.digest}
        files.write_text(path, json.dumps(header, ensure_ascii=False) + "\n")

    def begin(
        self,
        selected: Iterable[str],
        expected: int,
        scenarios: Iterable[CollectedScenario],
        selection: str | None = None,
    ) -> None:
        """Write the header: what is checked, by which registry, and the number of results to come.

        `scenarios`: all scenarios; `selection`: what narrowed the run on the command line.
        """
        self._selected = set(selected)
        inapplicable = requirements_without_scenarios(self._run.registry, self._run.claims, scenarios)
        self._unplayed = deselected_requirements(self._run.registry, inapplicable, selection, self._selected)
        self.expected = expected
        registry = [requirement.model_dump(mode="json") for requirement in self._run.registry.all()]
        self._write(
            "header",
            **_identity(),
            expected=expected,
            selected=sorted(self._selected),
            unplayed=self._unplayed,
            requirements=registry,
            **describe(self._run),
        )

    def add(self, judgement: dict[str, Any]) -> None:
        """Add one result."""
        self.done += 1
        if judgement["reason"].startswith(CUT):
            self._cut[judgement["scenario"]] = judgement["reason"].partition(": ")[2]
        self._judged.setdefault(judgement["requirement"], []).append(judgement)
        self._write("judgement", **judgement)

    def finish(
        self,
        *,
        stopped: str | None,
        timing: list[dict[str, Any]],
        narrowed: bool = False,
        counts: Mapping[str, Any] | None = None,
    ) -> flaky.Counts:
        """Write the footer: the outcome of every requirement of the registry, and stale expectations.

        `counts` are the plays of flaky entries in earlier runs; return those that include this one.
        """
        judged = [judgement for judgements in self._judged.values() for judgement in judgements]
        known = self._run.expectations
        tally = flaky.tally(known.entries, judged, counts or {})
        if not stopped:
            self.stale = [*(str(entry) for entry in known.stale(judged, narrowed=narrowed)), *tally.stale]
        self._write(
            "footer",
            outcomes={identifier: outcome.value for identifier, outcome in self.outcomes().items()},
            totals=self.totals(),
            seconds=round(time.monotonic() - self._started, 2),
            stopped=stopped,
            cut=self.cut,
            stale=self.stale,
            # With several worlds (xdist) the slowest counts.
            timing={
                what: max(e["seconds"] for e in timing if e["what"] == what) for what in {e["what"] for e in timing}
            },
        )
        with contextlib.suppress(OSError):  # reported already
            self._file.close()
        return tally.counts

    @property
    def cut(self) -> str | None:
        """Return a sentence on what was cut because a limit of the run was reached, or None."""
        if not self._cut:
            return None
        scenarios = "1 scenario was" if len(self._cut) == 1 else f"{len(self._cut)} scenarios were"
        why = "; ".join(dict.fromkeys(self._cut.values()))
        return f"{scenarios} not played, or not to the end: {why}"

    def outcomes(self) -> dict[str, Outcome]:
        """Return the outcome of each requirement: the worst of its results with traffic, if there are any."""
        return {requirement.id: self._outcome(requirement.id) for requirement in self._run.registry.all()}

    def _outcome(self, identifier: str) -> Outcome:
        if self._run.registry[identifier].exclusion:
            return Outcome.EXCLUDED
        judged = self._judged.get(identifier, [])
        return outcome_of(judged, self._unplayed.get(identifier), selected=identifier in self._selected)

    def totals(self) -> dict[str, int]:
        """Return the number of requirements by outcome; they sum to the registry's size."""
        return totals(self.outcomes().values())

    @property
    def findings(self) -> int:
        """Number of results so far that count against the gateway."""
        return sum(Outcome(j["outcome"]) in FAILURES for judged in self._judged.values() for j in judged)

    @property
    def judged(self) -> bool:
        """Whether at least one requirement was really checked: a run without checks is not conformance."""
        return any(outcome not in UNJUDGED for outcome in self.outcomes().values())

    @property
    def red(self) -> bool:
        """Whether a selected requirement is not in order, or an expectation is stale."""
        outcomes = self.outcomes()
        return bool(self.stale) or any(outcomes[name] in RED for name in self._selected)

    def _write(self, kind: str, **facts: Any) -> None:
        try:
            self._file.write(json.dumps({"kind": kind, **facts}, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise files.write_error(error, Path(self._file.name)) from error


def _identity() -> dict[str, Any]:
    return {
        "format": FORMAT,
        "gatebench": version("gatebench"),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def describe(run: Executor) -> dict[str, Any]:
    """Return the main facts of the run, for the header of its results."""
    descriptor = run.target.descriptor
    timing = {event["what"]: event["seconds"] for event in run.timing}
    return {
        "target": run.target_name,
        "options": _options(run),
        "gateway": descriptor.gateway.model_dump(),
        "descriptor": run.target.path.name,
        "profiles": list(descriptor.claims.profiles),
        "features": sorted(run.claims.features),
        "revisions": list(run.claims.revisions),
        "deviations": sorted(run.claims.deviations),
        "registry": run.registry.digest,
        "started_in_seconds": timing,
        "expectations": [entry.model_dump(exclude_none=True) for entry in run.expectations.entries],
        "machine": host_facts.facts(),
    }


def _options(run: Executor) -> list[str]:
    """Return the options that a further run of the same scenarios needs, with paths from the working directory."""
    named = {"--upstream": run.upstream, "--variants": os.environ.get(own.VARIABLE)}
    paths = [(option, str(path)) for option, path in named.items() if path]
    paths += [("--extension", path) for path in os.environ.get(folders.VARIABLE, "").split(os.pathsep) if path]
    return [word for option, path in paths for word in (option, os.path.relpath(path))]
