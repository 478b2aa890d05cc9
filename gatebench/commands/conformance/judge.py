"""`gatebench judge`: evaluate recorded traffic again, without any server."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from gatebench import exit_codes
from gatebench.commands.command import command, settings
from gatebench.commands.options import PATH
from gatebench.commands.requirements.lookup import complete_requirement, requirement_named
from gatebench.conformance.evaluation import replay
from gatebench.conformance.requirements.registry import Registry
from gatebench.conformance.text import json_text, visible
from gatebench.fixtures.errors import BenchError
from gatebench.reports.conformance import outcomes, upgrade
from gatebench.reports.conformance.traffic.evidence import json_lines

EXPLAINED = 10  # results that are shown in full; the rest are counted
QUIET = {"pass", "not-applicable", "not-played", "skipped"}
Judgement = Mapping[str, Any]
_COMPARED = {"requirement", "scenario", "outcome"}


@command()
@click.argument("path", type=PATH)
@click.option(
    "--requirement",
    "requirements",
    multiple=True,
    metavar="ID",
    shell_complete=complete_requirement,
    help="only this requirement; may be repeated",
)
@click.option("--json", "as_json", is_flag=True, help="print each result as a line of JSON")
def judge(path: Path, requirements: tuple[str, ...], *, as_json: bool, quiet: bool) -> int:
    """Evaluate recorded traffic again, without any server. PATH is a transcript, or the folder of a run."""
    registry = Registry()
    wanted = [requirement_named(registry, name).id for name in requirements]
    _refuse_excluded(registry, wanted)
    judgements = [judgement for transcript in _transcripts(path) for judgement in _judged(transcript, registry, wanted)]
    if not judgements:
        raise BenchError(f"{path} names no requirements; select them with --requirement")
    if as_json:
        for judgement in judgements:
            print(json_text(judgement))
    else:
        _show(
            judgements,
            path,
            registry.digest,
            shown=0 if quiet else len(judgements) if settings().verbose else EXPLAINED,
        )
    return exit_codes.OF_CONCLUSION[_conclusion(judgements)]


def _refuse_excluded(registry: Registry, wanted: Iterable[str]) -> None:
    for identifier in wanted:
        if registry[identifier].exclusion:
            raise BenchError(f"{identifier} has no check: {registry[identifier].exclusion}")


def _transcripts(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("transcript*.jsonl"))
    if not found:
        raise BenchError(f"the folder {path} contains no transcript*.jsonl; use the folder of a run, or a transcript")
    return found


def _judged(path: Path, registry: Registry, wanted: list[str]) -> Iterator[dict[str, Any]]:
    for judgement in replay.judge(replay.Recording.load(path), registry, wanted or None):
        yield {**judgement.to_json(), "transcript": path.name}


def _conclusion(judgements: list[dict[str, Any]]) -> str:
    by_requirement: dict[str, list[str]] = {}
    for judgement in judgements:
        by_requirement.setdefault(judgement["requirement"], []).append(judgement["outcome"])
    selected = [{"selected": True, "outcome": outcomes.worst(said)} for said in by_requirement.values()]
    return outcomes.conclusion(selected, [judgement["outcome"] for judgement in judgements], complete=True)


# -- output


def _show(judgements: list[dict[str, Any]], path: Path, digest: str, *, shown: int) -> None:
    loud = [judgement for judgement in judgements if judgement["outcome"] not in QUIET]
    for judgement in loud[:shown] if len(judgements) > 1 or not shown else judgements:
        _explain(judgement)
    if 0 < shown < len(loud):
        print(f"... and {len(loud) - shown} more that did not pass; -v shows all")
    counts = Counter(judgement["outcome"] for judgement in judgements)
    print(f"{len(judgements)} results: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    for line in _compared(judgements, path, digest):
        print(line)


def _explain(judgement: Judgement) -> None:
    steady = f" {judgement['failed']} of {judgement['played']} runs" if judgement["played"] > 1 else ""
    seen = f" ({judgement['subjects']} seen)" if judgement["subjects"] else ""
    reason = f": {judgement['reason']}" if judgement["reason"] else ""
    print(visible(f"{judgement['outcome']}{steady}  {judgement['requirement']}  {judgement['scenario']}{seen}{reason}"))
    for violation in judgement["violations"]:
        where = "" if violation["seq"] is None else f"  (line {violation['seq']} of {judgement['transcript']})"
        print(visible(f"    {violation['what']}{where}"))
        print(visible(f"      expected: {violation['expected']}"))
        print(visible(f"      actual:   {violation['actual']}"))


def _compared(judgements: list[dict[str, Any]], path: Path, digest: str) -> Iterator[str]:
    """Yield the differences to the results of the run itself, if verdicts.jsonl is in the folder."""
    recorded, header = _recorded(path)
    if not recorded:
        return
    ours = {_key(judgement): judgement for judgement in judgements}
    theirs = {key: judgement for key, judgement in recorded.items() if key in ours}
    differing = [key for key, judgement in theirs.items() if judgement["outcome"] != ours[key]["outcome"]]
    if header.get("registry") != digest:
        yield "the run used another version of the requirements"
    for key in differing[:EXPLAINED]:
        yield f"differs  {key[0]}  {key[1]}: {theirs[key]['outcome']} in the run, {ours[key]['outcome']} now"
    same = len(theirs) - len(differing)
    if same == len(judgements):
        yield "all results agree with verdicts.jsonl"
    else:
        yield f"compared with verdicts.jsonl: {same} agree, {len(differing)} differ, {len(ours) - len(theirs)} are new"


def _recorded(path: Path) -> tuple[dict[tuple[str, ...], Judgement], Judgement]:
    """Return the results of verdicts.jsonl by their keys, and its header; damaged lines are skipped."""
    verdicts = (path if path.is_dir() else path.parent) / "verdicts.jsonl"
    lines = list(json_lines(verdicts)) if verdicts.is_file() else []
    header = next((line for line in lines if line.get("kind") == "header"), {})
    recorded = [line for line in lines if line.get("kind") == "judgement" and line.keys() >= _COMPARED]
    if header.get("format") == 1:
        recorded = list(map(upgrade.judgement, recorded))
    return {_key(line): line for line in recorded}, header


def _key(judgement: Judgement) -> tuple[str, str, str]:
    return judgement["requirement"], judgement["scenario"], judgement.get("transcript", "transcript.jsonl")
