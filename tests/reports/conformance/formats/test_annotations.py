"""Annotations of a run: workflow commands of GitHub Actions."""

import re
from pathlib import Path
from typing import Any

import pytest

from gatebench.reports.conformance import model
from gatebench.reports.conformance.formats import annotations

REPORT = model.build(Path(__file__).parents[2] / "data" / "run")
COMMAND = re.compile(r"::(error|warning|notice) (file=[^:,]+,)?title=[^:,]+(%2C [^:,]+)*::[^\r\n]+")


def test_each_finding_is_one_command() -> None:
    lines = list(annotations.lines(REPORT))
    assert lines
    for line in lines:
        assert COMMAND.fullmatch(line), line
    explained = {one for cause in REPORT["causes"] for one in cause["requirements"]}
    for finding in REPORT["findings"]:
        assert finding["requirement"] in explained or any(finding["requirement"] in line for line in lines)


def test_errors_come_first() -> None:
    levels = [line[2 : line.index(" ")] for line in annotations.lines(REPORT)]
    assert levels == sorted(levels, key=("error", "warning", "notice").index)


@pytest.mark.parametrize(
    "text", ["a\n::set-output name=x::y", "a\r\n##[error]x", "100% of\u2028calls", "\x1b[31m", "%0A::x::"]
)
def test_text_of_a_gateway_is_no_command(text: str) -> None:
    finding: dict[str, Any] = REPORT["findings"][0] | {"what": text, "consequence_of": None, "outcome": "fail"}
    (line,) = annotations.lines(REPORT | {"causes": [], "findings": [finding], "descriptor": "a,b:c.toml"})
    assert COMMAND.fullmatch(line), line
    assert line.startswith("::error file=a%2Cb%3Ac.toml,")
    assert not re.search("[\x00-\x1f\u2028]", line)
    assert "%0A::x::" not in line
