"""The matrix of published reports: gateways by groups of requirements, as one page that needs nothing else, and as Markdown.

A cell counts requirements by outcome and leads to the findings behind it. There are no percentages and there is no ranking: the
counts of two gateways that claim different things cannot be compared.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reports import html, outcomes
from reports.published import KINDS, Publication

SILENT = ("not-applicable", "excluded")  # say nothing of a gateway: counted, and left pale


@dataclass(frozen=True)
class Untested:
    """A gateway that we ship a descriptor for, and no report."""

    target: str
    name: str
    organization: str
    url: str
    why: str


@dataclass(frozen=True)
class Matrix:
    """Groups in the registry's order, and the published reports by name."""

    publications: list[Publication]
    untested: list[Untested] = field(default_factory=list)

    @property
    def groups(self) -> list[str]:
        """Every group of requirements in any of the reports."""
        found = (r["group"] for publication in self.publications for r in publication.report["requirements"])
        return list(dict.fromkeys(found))

    @property
    def kinds(self) -> Mapping[str, str]:
        """What a reading can call a finding."""
        return KINDS

    def cell(self, publication: Publication, group: str) -> dict[str, int]:
        """Requirements of a group by outcome, worst first; only outcomes that there are."""
        counted = Counter(r["outcome"] for r in publication.report["requirements"] if r["group"] == group)
        return {outcome: counted[outcome] for outcome in outcomes.ORDER if counted[outcome]}

    def findings(self, publication: Publication, group: str) -> list[Mapping[str, Any]]:
        """The findings behind a cell."""
        own = {r["id"] for r in publication.report["requirements"] if r["group"] == group}
        return [finding for finding in publication.report["findings"] if finding["requirement"] in own]

    def failed_as(self, publication: Publication, group: str) -> str:
        """What the failures behind a cell were read as: not every one of them is a defect."""
        failed = [finding for finding in self.findings(publication, group) if finding["outcome"] == "fail"]
        kinds = {reading.kind for finding in failed if (reading := publication.reading(finding))}
        return ", ".join(kind for kind in KINDS if kind in kinds)

    def requirements(self, publication: Publication) -> dict[str, Mapping[str, Any]]:
        """By id."""
        return {r["id"]: r for r in publication.report["requirements"]}


def page(matrix: Matrix) -> str:
    """The page: the matrix, and every finding with its reading and its exchange."""
    return html.environment().get_template("matrix.html.j2").render(matrix=matrix, silent=SILENT)


def table(matrix: Matrix, where: str = "reports/published") -> str:
    """The table in Markdown; cells link to the README of the published report, `where` is its folder."""
    lines = ["| | " + " | ".join(_head(one, where) for one in matrix.publications) + " |"]
    lines.append("| --- |" + " --- |" * len(matrix.publications))
    for group in matrix.groups:
        cells = (_told(matrix.cell(one, group), matrix.failed_as(one, group)) for one in matrix.publications)
        lines.append(f"| {group.replace('_', ' ')} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Requirements by outcome. Only what a gateway claims is judged, so columns cannot be compared: a gateway that claims",
        "more has more to get wrong. Every finding has been read in its transcript and reproduced; each column's page says what",
        "it is about, with the command. In brackets, what failures were read as: "
        + "; ".join(f"{kind}, {meaning}" for kind, meaning in list(KINDS.items())[:4])
        + ".",
    ]
    if matrix.untested:
        names = ", ".join(f"[{one.name}]({one.url})" if one.url else one.name for one in matrix.untested)
        lines += ["", f"Not tested yet, but described: {names}."]
    return "\n".join(lines) + "\n"


def write(matrix: Matrix, folder: Path) -> tuple[Path, Path]:
    """Put `matrix.html` and `matrix.md` into a folder; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "matrix.html", folder / "matrix.md"
    written[0].write_text(page(matrix), encoding="utf-8", errors="replace")
    written[1].write_text(table(matrix, "."), encoding="utf-8", errors="replace")
    return written


def _head(publication: Publication, where: str) -> str:
    return f"[{publication.who}]({where}/{publication.slug}/README.md)"


def _told(cell: Mapping[str, int], failed_as: str) -> str:
    said: Iterable[str] = (
        f"{number} {outcome}" + (f" ({failed_as})" if outcome == "fail" and failed_as else "")
        for outcome, number in cell.items()
        if outcome not in SILENT
    )
    return ", ".join(said) or "not claimed"
