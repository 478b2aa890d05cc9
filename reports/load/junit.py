"""load-junit.xml: a test case for every budget, every validity rule, every wrong answer and the conclusion."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from gatebench.fixtures.recording import files
from gatebench.reports.load.model import Report
from gatebench.reports.load.terminal import budget_line, tone
from gatebench.reports.rendering.text import visible


def write(report: Report, folder: Path) -> Path:
    """Write load-junit.xml into the folder and return its path."""
    path = folder / "load-junit.xml"
    root = tree(report)
    indent(root)
    files.write_bytes(path, tostring(root, encoding="utf-8", xml_declaration=True))
    return path


def tree(report: Report) -> Element:
    """Return the root element of the document."""
    subject = " ".join(filter(None, ("gatebench load", report["profile"] or report["kind"], report["target"])))
    suite = Element("testsuite", name=visible(subject), timestamp=report["time"].rstrip("Z"))
    properties = SubElement(suite, "properties")
    for name, value in _properties(report):
        SubElement(properties, "property", name=name, value=visible(value))
    for budget in report["budgets"]:
        _budget(suite, budget)
    for rule in report["validity"]:
        if rule["voids"]:
            case = _case(suite, "validity", rule["rule"])
            if not rule["ok"]:
                SubElement(case, "error", type="void", message=visible(rule["said"]))
    for wrong in report["wrong_answers"]:
        failure = SubElement(
            _case(suite, "answers", f"at {wrong['at']:.3f} s"),
            "failure",
            type="wrong-answer",
            message=visible(wrong["said"]),
        )
        failure.text = f"{visible(wrong['request'])}\n\n{visible(wrong['answer'])}"
    _conclusion(suite, report)
    root = Element("testsuites", name="gatebench load")
    for element in (root, suite):
        for name, value in _counts(suite, report).items():
            element.set(name, value)
    root.append(suite)
    return root


def _properties(report: Report) -> list[tuple[str, Any]]:
    return [
        ("gatebench", report["gatebench"]),
        ("target", report["target"]),
        ("gateway", report["gateway"]),
        ("profile", report["profile"]),
        ("seed", report["seed"]),
        ("machine", report["machine"]["id"]),
        ("conclusion", report["conclusion"]),
    ]


def _case(suite: Element, group: str, name: str) -> Element:
    return SubElement(suite, "testcase", classname=f"load.{group}", name=visible(name), time="0")


def _budget(suite: Element, budget: Mapping[str, Any]) -> None:
    limits = [f"max {budget['max']:g}"] if budget["max"] is not None else []
    limits += [f"min {budget['min']:g}"] if budget["min"] is not None else []
    case = _case(suite, "budgets", f"{budget['measure']} {' '.join(limits)}")
    line = f"{budget_line(budget)}: {budget['why']}"
    if budget["outcome"] in ("broken", "not measured"):
        SubElement(case, "failure", type=budget["outcome"], message=visible(line))
    elif budget["outcome"] == "void":
        SubElement(case, "error", type="void", message=visible(line))
    elif budget["outcome"] == "not applicable":
        SubElement(case, "skipped", message=visible(line))
    else:
        SubElement(case, "system-out").text = visible(line)


def _conclusion(suite: Element, report: Report) -> None:
    case = _case(suite, report["kind"], "conclusion")
    kind = {"bad": "failure", "open": "error"}.get(tone(report))
    if kind:
        SubElement(case, kind, type=report["conclusion"], message=visible(report["said"]))
    else:
        SubElement(case, "system-out").text = visible(report["said"])


def _counts(suite: Element, report: Report) -> dict[str, str]:
    found = {f"{name}s": len(suite.findall(f"testcase/{name}")) for name in ("failure", "error")}
    skipped = len(suite.findall("testcase/skipped"))
    return {
        "tests": str(len(suite.findall("testcase"))),
        "failures": str(found["failures"]),
        "errors": str(found["errors"]),
        "skipped": str(skipped),
        "time": f"{report['seconds']:.3f}",
    }
