"""report.sarif: the findings for code scanning, in SARIF 2.1.0 (OASIS).

The location of a finding is the descriptor of the gateway, the file that a repository contains. Declared and expected findings
are suppressed (section 3.35 of the standard); errors of gatebench are tool notifications (3.58), not results.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from gatebench.fixtures.recording import files
from gatebench.reports.conformance import outcomes
from gatebench.reports.rendering.text import counted, visible

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "gatebenchFinding/v1"
LINE = "primaryLocationLineHash"
"""The fingerprint that GitHub's code scanning reads. Without it, all findings of a rule at the same line would be one alert."""
_VARYING = re.compile(
    r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b|\blocalhost:\d{1,5}\b|\d{1,9}\.\d{1,9}|\d{1,9}(?= (?:s|ms|bytes|seconds)\b)"
)

_LEVELS = {"fail": "error", "untestable": "error", "not-observed": "error", "known-failure": "error"}
_SUPPRESSED = {"deviation": "declared in the descriptor", "known-failure": "in the expectations file"}

Report = Mapping[str, Any]


def write(report: Report, folder: Path) -> Path:
    """Write report.sarif into the folder of the run and return its path."""
    path = folder / "report.sarif"
    files.write_text(path, json.dumps(log(report), ensure_ascii=False, indent=1) + "\n")
    return path


def log(report: Report) -> dict[str, Any]:
    """Return the SARIF log with one run."""
    places = {requirement["id"]: number for number, requirement in enumerate(report["requirements"])}
    where = _descriptor(report)
    headlines = {cause["id"]: cause["headline"] for cause in report["causes"]}
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
                # Results of another gateway, or of a part of a run, are another category: they do not close these alerts.
                "automationDetails": {
                    "id": f"gatebench/{quote(visible(str(report['gateway'].get('name') or report['target'])))}/"
                },
                "invocations": [
                    {
                        "executionSuccessful": report["complete"] and report["conclusion"] != "harness-error",
                        "startTimeUtc": report["time"],
                        "toolExecutionNotifications": _notifications(report),
                    }
                ],
                "results": [
                    _result(finding, places, where, headlines)
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
    """Return the URI of the descriptor, relative if the path in the target is."""
    target, ending, _ = report["target"].partition(".toml")  # a variant may follow
    named = f"{target}{ending}" if ending else report["descriptor"] or "descriptor.toml"
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
        "properties": {"tags": [requirement["group"], requirement["level"]], "outcome": requirement["outcome"]},
    }


def _result(finding: Report, places: Mapping[str, int], where: str, headlines: Mapping[str, str]) -> dict[str, Any]:
    lines = [visible(finding["what"])]
    lines += [f"expected: {visible(finding['expected'])}"] if finding["expected"] else []
    lines += [f"actual: {visible(finding['actual'])}"] if finding["actual"] else []
    lines += [f"follows from: {visible(headlines[cause])}"] if (cause := finding["consequence_of"]) else []
    lines += [f"observed in {counted(len(finding['scenarios']), 'scenario')}"] if finding["scenarios"] else []
    lines += [f"reproduce: {visible(finding['reproduce'])}"] if finding["reproduce"] else []
    result: dict[str, Any] = {
        "ruleId": finding["requirement"],
        "level": _LEVELS.get(finding["outcome"], "warning"),
        "message": {"text": "\n".join(lines)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": where}, "region": {"startLine": 1}},
                "logicalLocations": [
                    {"fullyQualifiedName": visible(name), "kind": "function"} for name in finding["scenarios"][:10]
                ],
            }
        ],
        "partialFingerprints": {FINGERPRINT: finding["id"], LINE: f"{stable_hash(finding)}:1"},
        "properties": {"outcome": finding["outcome"], "occurrences": finding["occurrences"]},
    }
    if finding["requirement"] in places:
        result["ruleIndex"] = places[finding["requirement"]]
    if finding["outcome"] in _SUPPRESSED:
        why = finding["reason"] or _SUPPRESSED[finding["outcome"]]
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": visible(why)}]
    return result


def stable_hash(finding: Report) -> str:
    """Return 16 hexadecimal digits that are the same in every run with this finding.

    They depend on the requirement and its cause, without the numbers that differ between runs: durations, sizes, addresses; and
    neither on the outcome, which a file of expectations may change, nor on the other findings.
    """
    cause = _VARYING.sub("#", finding["cause"].removeprefix("unstable: "))
    return hashlib.sha256(f"{finding['requirement']} {cause}".encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _notifications(report: Report) -> list[dict[str, Any]]:
    lines = [report["incomplete_reason"]] if report["incomplete_reason"] else []
    lines += [f"cut short: {report['cut']}"] if report.get("cut") else []
    lines += [finding["what"] for finding in report["findings"] if finding["outcome"] == "harness-error"]
    lines += [f"stale expectation: {entry}" for entry in report["stale"]]
    lines += [outcomes.verdict(report)] if report["conclusion"] == "nothing-judged" else []
    return [{"level": "error", "message": {"text": visible(sentence)}} for sentence in lines]
