"""report.sarif: the findings for code scanning, in SARIF 2.1.0 (OASIS).

A finding is placed at the descriptor of the gateway, which is the file that a repository has of it. What is declared or expected
is there too, as suppressed (section 3.35 of the standard); our own errors are notifications of the tool (3.58), not results.
"""

import json
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from reports import outcomes
from reports.text import counted, visible

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "gatebenchFinding/v1"

_LEVELS = {"fail": "error", "untestable": "error", "not-observed": "error", "known-failure": "error"}
_SUPPRESSED = {"deviation": "declared in the descriptor", "known-failure": "in the expectations file"}

Report = Mapping[str, Any]


def write(report: Report, folder: Path) -> Path:
    """Put report.sarif into the run's folder; returns its path."""
    path = folder / "report.sarif"
    path.write_text(json.dumps(log(report), ensure_ascii=False, indent=1) + "\n", encoding="utf-8", errors="replace")
    return path


def log(report: Report) -> dict[str, Any]:
    """The SARIF log: one run."""
    places = {requirement["id"]: number for number, requirement in enumerate(report["requirements"])}
    where = _descriptor(report)
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "gatebench",
                        "version": report["gatebench"],
                        "rules": [_rule(requirement) for requirement in report["requirements"]],
                    }
                },
                "invocations": [
                    {
                        "executionSuccessful": report["complete"] and report["conclusion"] != "harness-error",
                        "startTimeUtc": report["time"],
                        "toolExecutionNotifications": _notifications(report),
                    }
                ],
                "results": [
                    _result(finding, places, where)
                    for finding in report["findings"]
                    if finding["outcome"] != "harness-error"
                ],
                "columnKind": "unicodeCodePoints",
                "properties": {
                    "target": report["target"],
                    "gateway": dict(report["gateway"]),
                    "conclusion": report["conclusion"],
                    "totals": dict(report["totals"]),
                },
            }
        ],
    }


def _descriptor(report: Report) -> str:
    """The descriptor as a reference that is relative where the target was named so."""
    named = report["target"] if report["target"].endswith(".toml") else report["descriptor"] or "descriptor.toml"
    path = PurePath(named)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _rule(requirement: Report) -> dict[str, Any]:
    sources = "; ".join(f"{source['document']}, {source['section']}" for source in requirement["sources"])
    return {
        "id": requirement["id"],
        "shortDescription": {"text": f"{requirement['level']}: {requirement['text']}"},
        "fullDescription": {"text": requirement["text"]},
        "help": {"text": f"{requirement['text']}\n\nSource: {sources}\n\nMore: gatebench explain {requirement['id']}"},
        "defaultConfiguration": {"level": "error" if requirement["level"].startswith("MUST") else "warning"},
        "properties": {"tags": [requirement["group"], requirement["level"]]},
    }


def _result(finding: Report, places: Mapping[str, int], where: str) -> dict[str, Any]:
    said = [visible(finding["what"])]
    said += [f"expected: {visible(finding['expected'])}"] if finding["expected"] else []
    said += [f"actual: {visible(finding['actual'])}"] if finding["actual"] else []
    said += [f"seen in {counted(len(finding['scenarios']), 'scenario')}"] if finding["scenarios"] else []
    said += [f"reproduce: {visible(finding['reproduce'])}"] if finding["reproduce"] else []
    result: dict[str, Any] = {
        "ruleId": finding["requirement"],
        "level": _LEVELS.get(finding["outcome"], "warning"),
        "message": {"text": "\n".join(said)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": where}, "region": {"startLine": 1}},
                "logicalLocations": [
                    {"fullyQualifiedName": visible(name), "kind": "function"} for name in finding["scenarios"][:10]
                ],
            }
        ],
        "partialFingerprints": {FINGERPRINT: finding["id"]},
        "properties": {"outcome": finding["outcome"], "occurrences": finding["occurrences"]},
    }
    if finding["requirement"] in places:
        result["ruleIndex"] = places[finding["requirement"]]
    if finding["outcome"] in _SUPPRESSED:
        why = finding["reason"] or _SUPPRESSED[finding["outcome"]]
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": visible(why)}]
    return result


def _notifications(report: Report) -> list[dict[str, Any]]:
    said = [report["incomplete_reason"]] if report["incomplete_reason"] else []
    said += [finding["what"] for finding in report["findings"] if finding["outcome"] == "harness-error"]
    said += [f"stale expectation: {entry}" for entry in report["stale"]]
    said += [outcomes.verdict(report)] if report["conclusion"] == "nothing-judged" else []
    return [{"level": "error", "message": {"text": visible(sentence)}} for sentence in said]
