"""junit.xml: one test case for each judgement, for the tools that read nothing else.

Shape: the common subset of the JUnit format that Jenkins, GitLab and the GitHub actions read (`testsuites`, `testsuite`,
`properties`, `testcase` with `failure`, `error`, `skipped`, `system-out`). XML 1.0, section 2.2, says which characters may
stand in it; all others are spelled out.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from reports.commands import Commands
from reports.text import visible

_FAILURES = {"fail", "untestable"}
_SKIPPED = {"known-failure", "skipped", "not-applicable", "not-observed", "excluded"}

Report = Mapping[str, Any]


def write(report: Report, folder: Path) -> Path:
    """Put junit.xml into the run's folder; returns its path."""
    path = folder / "junit.xml"
    root = tree(report)
    indent(root)
    ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return path


def tree(report: Report) -> Element:
    """The document's root element."""
    requirements = {requirement["id"]: requirement for requirement in report["requirements"]}
    commands = Commands(report["target"], report["judgements"])
    suite = Element("testsuite", name=visible(f"gatebench {report['target']}"), timestamp=report["time"].rstrip("Z"))
    _properties(report, suite)
    for judgement in report["judgements"]:
        requirement = requirements.get(judgement["requirement"], {})
        command = commands.of(judgement["requirement"], judgement["scenario"])
        _case(suite, judgement, requirement, command)
    _whole(suite, report)
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
    ):
        SubElement(properties, "property", name=name, value=visible(value))


def _case(suite: Element, judgement: Report, requirement: Report, command: str) -> None:
    outcome, reason = judgement["outcome"], visible(judgement["reason"])
    case = SubElement(
        suite,
        "testcase",
        classname=visible(requirement.get("group") or "gatebench"),
        name=visible(f"{judgement['requirement']} {judgement['scenario']}"),
        time="0",
    )
    if outcome in _FAILURES:
        _explained(SubElement(case, "failure", type=outcome, message=reason), judgement, requirement, command)
    elif outcome == "harness-error":
        _explained(SubElement(case, "error", type=outcome, message=reason), judgement, requirement, command)
    elif outcome == "not-observed" and requirement.get("selected") and requirement.get("outcome") == "not-observed":
        # Nothing that this requirement is about was seen in the whole run: never green.
        _explained(SubElement(case, "failure", type=outcome, message=reason), judgement, requirement, command)
    elif outcome in _SKIPPED:
        SubElement(case, "skipped", message=f"{outcome}: {reason}")
    elif outcome != "pass":
        _explained(SubElement(case, "system-out"), judgement, requirement, command)


def _explained(element: Element, judgement: Report, requirement: Report, command: str) -> None:
    sources = "; ".join(f"{source['document']}, {source['section']}" for source in requirement.get("sources", []))
    lines = [
        f"{judgement['outcome']}: {judgement['reason']}",
        f"{judgement['requirement']} {requirement.get('level', '')}: {requirement.get('text', '')} ({sources})",
    ]
    for violation in judgement["violations"]:
        lines += [violation["what"], f"  expected: {violation['expected']}", f"  actual:   {violation['actual']}"]
        lines += [f"  transcript line {violation['seq']}"] if violation["seq"] else []
        lines += [f"  control: line {violation['control']}"] if violation["control"] else []
    element.text = "\n".join(map(visible, [*lines, f"reproduce: {command}"]))


def _whole(suite: Element, report: Report) -> None:
    """A case for what no single judgement can say: a run that did not end, a requirement that nothing spoke about."""
    if report["incomplete_reason"]:
        case = SubElement(suite, "testcase", classname="gatebench", name="the run is complete", time="0")
        SubElement(case, "error", type="incomplete", message=visible(report["incomplete_reason"]))
    for finding in report["findings"]:
        if not finding["scenarios"]:
            case = SubElement(suite, "testcase", classname="gatebench", name=finding["requirement"], time="0")
            SubElement(case, "failure", type=finding["outcome"], message=visible(finding["what"]))
    for entry in report["stale"]:
        case = SubElement(suite, "testcase", classname="gatebench", name=visible(f"expectation {entry}"), time="0")
        SubElement(case, "failure", type="stale", message="it came to nothing: take it out of the expectations")
