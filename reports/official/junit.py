"""official-junit.xml: one test case for each check; a failure is a check that passes directly but not through the gateway."""

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from gatebench.fixtures.recording import files
from gatebench.reports.rendering.text import visible


def write(report: dict[str, Any], folder: Path) -> Path:
    """Write official-junit.xml into the folder of the run and return its path."""
    path = folder / "official-junit.xml"
    root = tree(report)
    indent(root)
    files.write_bytes(path, tostring(root, encoding="utf-8", xml_declaration=True))
    return path


def tree(report: dict[str, Any]) -> Element:
    """Return the root element: a test suite for each revision."""
    root = Element("testsuites", name=visible(f"official suite through {report['target']}"))
    for revision, facts in report["revisions"].items():
        suite = SubElement(root, "testsuite", name=revision, timestamp=report["time"].rstrip("Z"))
        for row in facts["rows"]:
            _case(suite, revision, row)
        if report["trouble"]:
            case = SubElement(suite, "testcase", classname="gatebench", name="the run is complete", time="0")
            SubElement(case, "error", type="incomplete", message=visible(report["trouble"]))
        _count(suite)
    _count(root)
    return root


def _case(suite: Element, revision: str, row: dict[str, Any]) -> None:
    name = visible(f"{row['scenario']} {row['check']}")
    case = SubElement(suite, "testcase", classname=f"official.{revision}", name=name, time="0")
    statuses = f"direct {row['direct']['status']}, gateway {row['gateway']['status']}"
    if row["outcome"] in ("fail", "not-run"):
        failure = SubElement(case, "failure", type=row["outcome"], message=statuses)
        failure.text = visible(row["gateway"]["message"] or row["reason"])
    elif row["outcome"] not in ("same", "better"):
        SubElement(case, "skipped", message=visible(f"{row['outcome']}: {statuses}. {row['reason']}"))
    elif row["direct"]["status"] != "pass":
        SubElement(case, "skipped", message=statuses)


def _count(element: Element) -> None:
    counts = {"tests": ".//testcase", "failures": ".//failure", "errors": ".//error", "skipped": ".//skipped"}
    for name, path in counts.items():
        element.set(name, str(len(element.findall(path))))
