"""`gatebench judge`: recorded traffic, judged again without any server."""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from commands import status
from commands.requirements import requirement_named
from fixtures.errors import BenchError

EXPLAINED = 10  # judgements that are shown with all that was wrong; of the rest a line says how many there are
QUIET = {"pass", "not-applicable", "skipped"}
Told = Mapping[str, Any]


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
    judge = commands.add_parser("judge", help="judge recorded traffic again, without any server")
    judge.add_argument("path", type=Path, metavar="PATH", help="a transcript, or the folder of a run")
    judge.add_argument(
        "--requirement", action="append", metavar="ID", help="only this one (can be given several times)"
    )
    judge.add_argument("--json", action="store_true", help="every judgement as a line of JSON, and nothing else")
    judge.set_defaults(command=_judge)


def _judge(options: argparse.Namespace) -> int:
    from conformance.registry import Registry  # noqa: PLC0415

    registry = Registry()
    wanted = [requirement_named(registry, name).id for name in options.requirement or []]
    _refuse_excluded(registry, wanted)
    judgements = [told for path in _transcripts(options.path) for told in _judged(path, registry, wanted)]
    if not judgements:
        raise BenchError(
            f"{options.path} says of no requirement that it was judged for it; name what to judge with --requirement"
        )
    if options.json:
        for told in judgements:
            print(json.dumps(told, ensure_ascii=False))
    else:
        _show(judgements, options.path, registry.digest)
    return status.OF_CONCLUSION[_conclusion(judgements)]


def _refuse_excluded(registry: Any, wanted: Iterable[str]) -> None:
    for identifier in wanted:
        if registry[identifier].exclusion:
            raise BenchError(f"{identifier} has no check that could judge anything: {registry[identifier].exclusion}")


def _transcripts(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("transcript*.jsonl"))
    if not found:
        raise BenchError(f"the folder {path} holds no transcript*.jsonl; give the folder of a run, or a transcript")
    return found


def _judged(path: Path, registry: Any, wanted: list[str]) -> Iterator[dict[str, Any]]:
    from conformance import replay  # noqa: PLC0415

    for judgement in replay.judge(replay.Recording.load(path), registry, wanted or None):
        yield {**judgement.to_json(), "transcript": path.name}


def _conclusion(judgements: list[dict[str, Any]]) -> str:
    from reports import outcomes  # noqa: PLC0415

    by_requirement: dict[str, list[str]] = {}
    for told in judgements:
        by_requirement.setdefault(told["requirement"], []).append(told["outcome"])
    selected = [{"selected": True, "outcome": outcomes.worst(said)} for said in by_requirement.values()]
    return outcomes.conclusion(selected, [told["outcome"] for told in judgements], complete=True)


# -- telling it


def _show(judgements: list[dict[str, Any]], path: Path, digest: str) -> None:
    loud = [told for told in judgements if told["outcome"] not in QUIET]
    for told in loud[:EXPLAINED] if len(judgements) > 1 else judgements:
        _explain(told)
    if len(loud) > EXPLAINED:
        print(f"... and {len(loud) - EXPLAINED} more that are not good; --json shows everything")
    counts = Counter(told["outcome"] for told in judgements)
    print(
        f"{len(judgements)} judgements: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    )
    for line in _compared(judgements, path, digest):
        print(line)


def _explain(told: Told) -> None:
    from reports.text import visible  # noqa: PLC0415

    steady = f" {told['failed']} of {told['played']} times" if told["played"] > 1 else ""
    seen = f" ({told['subjects']} seen)" if told["subjects"] else ""
    reason = f": {told['reason']}" if told["reason"] else ""
    print(visible(f"{told['outcome']}{steady}  {told['requirement']}  {told['scenario']}{seen}{reason}"))
    for violation in told["violations"]:
        where = "" if violation["seq"] is None else f"  (line {violation['seq']} of {told['transcript']})"
        print(visible(f"    {violation['what']}{where}"))
        print(visible(f"      expected: {violation['expected']}"))
        print(visible(f"      actual:   {violation['actual']}"))


def _compared(judgements: list[dict[str, Any]], path: Path, digest: str) -> Iterator[str]:
    """How this differs from what the run itself said, where its verdicts stand beside the transcript."""
    recorded, header = _recorded(path)
    if not recorded:
        return
    ours = {_key(told): told for told in judgements}
    theirs = {key: told for key, told in recorded.items() if key in ours}
    differing = [key for key, told in theirs.items() if told["outcome"] != ours[key]["outcome"]]
    if header.get("registry") != digest:
        yield "the run was judged by another registry of requirements"
    for key in differing[:EXPLAINED]:
        yield f"differs  {key[0]}  {key[1]}: the run said {theirs[key]['outcome']}, it is {ours[key]['outcome']} now"
    same = len(theirs) - len(differing)
    if same == len(judgements):
        yield "verdicts.jsonl says the same of each"
    else:
        yield f"verdicts.jsonl says the same of {same}, differs in {len(differing)}, knows {len(ours) - len(theirs)} not"


def _recorded(path: Path) -> tuple[dict[tuple[str, ...], Told], Told]:
    from reports.evidence import json_lines  # noqa: PLC0415

    verdicts = (path if path.is_dir() else path.parent) / "verdicts.jsonl"
    lines = list(json_lines(verdicts)) if verdicts.is_file() else []
    header = next((line for line in lines if line.get("kind") == "header"), {})
    return {_key(line): line for line in lines if line.get("kind") == "judgement"}, header


def _key(told: Told) -> tuple[str, str, str]:
    return told["requirement"], told["scenario"], told.get("transcript", "transcript.jsonl")
