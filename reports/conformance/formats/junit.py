"""junit.xml: one test case for each check result that says something about the gateway, and a summary of the others.

Shape: the common subset of the JUnit format that Jenkins, GitLab and the GitHub actions read (`testsuites`, `testsuite`,
`properties`, `testcase` with `failure`, `error`, `skipped`, `system-out`). XML 1.0, section 2.2, defines the valid
characters; all others are escaped.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from gatebench.fixtures.recording import files
from gatebench.reports.conformance.analysis import causes
from gatebench.reports.conformance.analysis.reproduce import Commands
from gatebench.reports.conformance.outcomes import UNJUDGED
from gatebench.reports.rendering.text import counted, visible

_FAILURES = {"fail", "untestable"}
_SKIPPED = {"known-failure", "skipped"}

Report = Mapping[str, Any]


def write(report: Report, folder: Path) -> Path:
    """Write junit.xml into the folder of the run and return its path."""
    path = folder / "junit.xml"
    root = tree(report)
    indent(root)
    files.write_bytes(path, tostring(root, encoding="utf-8", xml_declaration=True))
    return path


def tree(report: Report) -> Element:
    """Return the root element of the document."""
    requirements = {requirement["id"]: requirement for requirement in report["requirements"]}
    commands = Commands(report["target"], report["judgements"], report.get("options", []))
    suite = Element("testsuite", name=visible(f"gatebench {report['target']}"), timestamp=report["time"].rstrip("Z"))
    _properties(report, suite)
    headlines = _headlines(report)
    timed: set[str] = set()  # scenarios whose time is in a case: results on one scenario share its traffic
    for judgement in report["judgements"]:
        if not _is_case(judgement, requirements.get(judgement["requirement"], {})):
            continue
        requirement = requirements.get(judgement["requirement"], {})
        command = commands.of(judgement["requirement"], judgement["scenario"])
        because = headlines.get((judgement["requirement"], judgement["outcome"], judgement["scenario"]), [])
        seconds = 0.0 if judgement["scenario"] in timed else judgement.get("seconds", 0.0)
        timed.add(judgement["scenario"])
        _case(suite, judgement, requirement, [*because, f"reproduce: {command}"], seconds)
    _whole(suite, report)
    _unjudged(suite, report)
    counts = {
        "tests": len(suite.findall("testcase")),
        "failures": len(suite.findall("testcase/failure")),
        "errors": len(suite.findall("testcase/error")),
        "skipped": len(suite.findall("testcase/skipped")),
        "time": report["timings"]["whole"],
    }
    root = Element("testsuites", name="gatebench")
    for element in (root, suite):
        for name, value in counts.items():
            element.set(name, str(value))
    root.append(suite)
    return root


def _headlines(report: Report) -> dict[tuple[str, str, str], list[str]]:
    """Return `follows from: ...` by (requirement, outcome, scenario) for findings with a cause."""
    cause_texts = {cause["id"]: f"follows from: {cause['headline']}" for cause in report["causes"]}
    return {
        (finding["requirement"], finding["outcome"], scenario): [cause_texts[finding["consequence_of"]]]
        for finding in report["findings"]
        if finding["consequence_of"]
        for scenario in finding["scenarios"]
    }


def _properties(report: Report, suite: Element) -> None:
    properties = SubElement(suite, "properties")
    gateway = report["gateway"]
    for name, value in (
        ("gatebench", report["gatebench"]),
        ("registry", report["registry"]["digest"]),
        ("target", report["target"]),
        ("gateway", gateway.get("name", "")),
        ("gateway.version", gateway.get("version", "")),
        ("revisions", " ".join(report["claims"]["revisions"])),
        ("features", " ".join(report["claims"]["features"])),
        ("conclusion", report["conclusion"]),
        ("causes", causes.summary(report)),
        *((f"requirements.{outcome}", str(number)) for outcome, number in report["totals"].items()),
    ):
        SubElement(properties, "property", name=name, value=visible(value))


def _is_case(judgement: Report, requirement: Report) -> bool:
    """Return whether a result is a case: it is about the gateway, or red, or the user has skipped it."""
    red = requirement.get("selected") and requirement.get("outcome") == "not-observed"
    said = judgement["outcome"]
    return said not in UNJUDGED or said == "skipped" or (said == "not-observed" and bool(red))


def _case(suite: Element, judgement: Report, requirement: Report, further: list[str], seconds: float) -> None:
    outcome, reason = judgement["outcome"], visible(judgement["reason"])
    case = SubElement(
        suite,
        "testcase",
        classname=visible(requirement.get("group") or "gatebench"),
        name=visible(f"{judgement['requirement']} {judgement['scenario']}"),
        time=f"{seconds:.3f}",
    )
    if outcome in _FAILURES:
        _explained(SubElement(case, "failure", type=outcome, message=reason), judgement, requirement, further)
    elif outcome == "harness-error":
        _explained(SubElement(case, "error", type=outcome, message=reason), judgement, requirement, further)
    elif outcome == "not-observed":  # in the whole run: never a pass
        _explained(SubElement(case, "failure", type=outcome, message=reason), judgement, requirement, further)
    elif outcome in _SKIPPED:
        SubElement(case, "skipped", message=f"{outcome}: {reason}")
    elif outcome != "pass":
        _explained(SubElement(case, "system-out"), judgement, requirement, further)


def _unjudged(suite: Element, report: Report) -> None:
    """Add one text with the requirements that have no case, by outcome and reason: a case for each would be thousands."""
    groups: dict[str, list[str]] = {}
    for requirement in report["requirements"]:
        if requirement["outcome"] in UNJUDGED - {"not-observed", "skipped"}:
            groups.setdefault(f"{requirement['outcome']}: {requirement['reason']}", []).append(requirement["id"])
    if groups:
        lines = [f"{reason} ({counted(len(ids), 'requirement')}: {', '.join(ids)})" for reason, ids in groups.items()]
        SubElement(suite, "system-out").text = "\n".join(map(visible, ["without a case:", *lines]))


def _explained(element: Element, judgement: Report, requirement: Report, further: list[str]) -> None:
    sources = "; ".join(f"{source['document']}, {source['section']}" for source in requirement.get("sources", []))
    lines = [
        f"{judgement['outcome']}: {judgement['reason']}",
        f"{judgement['requirement']} {requirement.get('level', '')}: {requirement.get('text', '')} ({sources})",
    ]
    for violation in judgement["violations"]:
        lines += [violation["what"], f"  expected: {violation['expected']}", f"  actual:   {violation['actual']}"]
        lines += [f"  transcript line {violation['seq']}"] if violation["seq"] else []
        lines += [f"  control: line {violation['control']}"] if violation["control"] else []
    element.text = "\n".join(map(visible, [*lines, *further]))


def _whole(suite: Element, report: Report) -> None:
    """Add cases without a check result: incomplete runs, requirements that were not observed, stale expectations."""
    if report["incomplete_reason"]:
        case = SubElement(suite, "testcase", classname="gatebench", name="the run is complete", time="0")
        SubElement(case, "error", type="incomplete", message=visible(report["incomplete_reason"]))
    if report.get("cut"):
        case = SubElement(
            suite, "testcase", classname="gatebench", name="every scenario was played to its end", time="0"
        )
        SubElement(case, "failure", type="cut", message=visible(report["cut"]))
    for finding in report["findings"]:
        if not finding["scenarios"]:
            case = SubElement(suite, "testcase", classname="gatebench", name=finding["requirement"], time="0")
            SubElement(case, "failure", type=finding["outcome"], message=visible(finding["what"]))
    for entry in report["stale"]:
        case = SubElement(suite, "testcase", classname="gatebench", name=visible(f"expectation {entry}"), time="0")
        SubElement(
            case, "failure", type="stale", message="it no longer matches a failure: remove it from the expectations"
        )
