"""The matrix of published reports: gateways by groups of requirements, as one HTML page and as Markdown.

A cell counts requirements by outcome and links to its findings. There are no percentages and there is no ranking, because counts
of gateways with different claims are not comparable.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gatebench.fixtures.recording import files
from gatebench.reports.conformance import outcomes
from gatebench.reports.conformance.layout import sequence
from gatebench.reports.published_matrix import heat_map
from gatebench.reports.published_matrix.heat_map import HeatRow
from gatebench.reports.published_matrix.index import KINDS, Publication
from gatebench.reports.rendering.source_links import url_of
from gatebench.reports.rendering.templates import environment

SILENT = ("not-applicable", "excluded")  # not results of the gateway; omitted in Markdown
PALE = (*SILENT, "not-played", "not-selected")  # shown in grey


@dataclass(frozen=True)
class Untested:
    """A gateway with a shipped descriptor and no report."""

    target: str
    name: str
    organization: str
    url: str
    why: str


@dataclass(frozen=True)
class PublishedMatrix:
    """The published reports by name, with groups in the order of the registry."""

    publications: list[Publication]
    untested: list[Untested] = field(default_factory=list)

    @property
    def groups(self) -> list[str]:
        """All groups of requirements in the reports."""
        found = (r["group"] for publication in self.publications for r in publication.report["requirements"])
        return list(dict.fromkeys(found))

    @property
    def kinds(self) -> Mapping[str, str]:
        """The kinds of findings that a comment can assign."""
        return KINDS

    @property
    def tones(self) -> Mapping[str, str]:
        """The tones of the heat map, and what each means."""
        return heat_map.TONES

    @property
    def scenario_rows(self) -> list[HeatRow]:
        """The rows of the heat map about scenarios of the guide."""
        return heat_map.scenario_rows(self.publications)

    @property
    def group_rows(self) -> list[HeatRow]:
        """The rows of the heat map about groups of requirements."""
        return heat_map.group_rows(self.publications, self.groups)

    def cell(self, publication: Publication, group: str) -> dict[str, int]:
        """Return nonzero counts of requirements of a group by outcome, worst first."""
        counted = Counter(r["outcome"] for r in publication.report["requirements"] if r["group"] == group)
        return {outcome: counted[outcome] for outcome in outcomes.ORDER if counted[outcome]}

    def findings(self, publication: Publication, group: str) -> list[Mapping[str, Any]]:
        """Return the findings of a cell."""
        own = {r["id"] for r in publication.report["requirements"] if r["group"] == group}
        return [finding for finding in publication.report["findings"] if finding["requirement"] in own]

    def failed_as(self, publication: Publication, group: str) -> str:
        """Return the kinds assigned to the failures of a cell; not every failure is a defect."""
        failed = [finding for finding in self.findings(publication, group) if finding["outcome"] == "fail"]
        kinds = {reading.kind for finding in failed if (reading := publication.reading(finding))}
        return ", ".join(kind for kind in KINDS if kind in kinds)

    def requirements(self, publication: Publication) -> dict[str, Mapping[str, Any]]:
        """Return the requirements by id."""
        return {r["id"]: r for r in publication.report["requirements"]}


def page(matrix: PublishedMatrix) -> str:
    """Return the HTML page: the matrix, and every finding with its comment and exchange."""
    return (
        environment(picture=sequence.picture, url_of=url_of)
        .get_template("matrix.html.j2")
        .render(matrix=matrix, silent=PALE)
    )


def table(matrix: PublishedMatrix, where: str = "reports/published") -> str:
    """Return the matrix as Markdown, with links to the README of each published report below `where`."""
    lines = ["| | " + " | ".join(_head(one, where) for one in matrix.publications) + " |"]
    lines.append("| --- |" + " --- |" * len(matrix.publications))
    for group in matrix.groups:
        cells = (_cell_text(matrix.cell(one, group), matrix.failed_as(one, group)) for one in matrix.publications)
        lines.append(f"| {group.replace('_', ' ')} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Requirements by outcome. Only claims are checked, so columns are not comparable: a gateway that claims more is checked",
        "more. Not-played: claimed, but no scenario exists for its revisions or this kind of target. Every finding was reviewed",
        "in its transcript and reproduced; the page of each column explains it and gives the command. In brackets, the kinds of",
        "failures: " + "; ".join(f"{kind}, {meaning}" for kind, meaning in list(KINDS.items())[:4]) + ".",
    ]
    if matrix.untested:
        names = ", ".join(f"[{one.name}]({one.url})" if one.url else one.name for one in matrix.untested)
        lines += ["", f"Not tested yet; a descriptor exists: {names}."]
    return "\n".join(lines) + "\n"


def write(matrix: PublishedMatrix, folder: Path) -> tuple[Path, Path]:
    """Write `matrix.html` and `matrix.md` into a folder and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "matrix.html", folder / "matrix.md"
    files.write_text(written[0], page(matrix))
    files.write_text(written[1], table(matrix, "."))
    return written


def _head(publication: Publication, where: str) -> str:
    return f"[{publication.who}]({where}/{publication.slug}/README.md)"


def _cell_text(cell: Mapping[str, int], failed_as: str) -> str:
    parts: Iterable[str] = (
        f"{number} {outcome}" + (f" ({failed_as})" if outcome == "fail" and failed_as else "")
        for outcome, number in cell.items()
        if outcome not in SILENT
    )
    return ", ".join(parts) or "not claimed"
