"""The heat map: gateways by scenarios of the guide and by groups of requirements, a bar of outcomes for each.

A bar shows shares of requirements by outcome: MUST not fulfilled, SHOULD not fulfilled, fulfilled, claimed but not judged.
Requirements that a gateway does not claim are not counted: a scenario is empty unless its features are claimed. Nothing is summed
over gateways, and they are in alphabetical order.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gatebench.reports.published_matrix.index import Publication


@dataclass(frozen=True)
class GuideScenario:
    """A scenario of the guide: what a gateway has to claim for it, and the rows of docs/guide.md that describe it."""

    name: str
    meaning: str
    features: frozenset[str]
    rows: frozenset[str]


SCENARIOS = (
    GuideScenario(
        "service",
        "an application with a virtual account, and servers with one configured header",
        frozenset({"caller.virtual-account", "upstream.static"}),
        frozenset({"G11", "G21"}),
    ),
    GuideScenario(
        "user",
        "a user with a token of the gateway, and servers with the user's own OAuth token",
        frozenset({"caller.user", "upstream.oauth"}),
        frozenset({"G22", "G30", "G31", "G33", "G34", "G35"}),
    ),
    GuideScenario(
        "external identity",
        "a person of an identity provider, without an account at the gateway",
        frozenset({"caller.external"}),
        frozenset({"G12", "G23"}),
    ),
    GuideScenario(
        "mixed",
        "a virtual server whose members have different auth models",
        frozenset({"virtual-servers"}),
        frozenset({"G26", "G32"}),
    ),
    GuideScenario(
        "passthrough",
        "servers that get the caller's own JWT",
        frozenset({"upstream.passthrough"}),
        frozenset({"G25"}),
    ),
    GuideScenario(
        "override",
        "a request that brings the headers for its upstreams",
        frozenset({"header-override"}),
        frozenset({"G40", "G41", "G42", "G43", "G44"}),
    ),
    GuideScenario(
        "troubleshooting",
        "wrong addresses, servers that are down, 401, 403, unknown tools",
        frozenset(),
        frozenset({"T10", "T11", "T12", "T20", "T21", "T30", "T40", "T50"}),
    ),
)
NOT_CLAIMED = frozenset({"not-applicable", "excluded"})
_TONES = {"harness-error": "fail", "untestable": "open", "known-failure": "fail", "deviation": "warn"}
TONES = {
    "fail": "a MUST is not fulfilled",
    "warn": "a SHOULD is not fulfilled, or the descriptor declares the behaviour",
    "pass": "fulfilled",
    "open": "claimed, and not judged",
}


@dataclass(frozen=True)
class HeatCell:
    """The outcomes of one gateway in one row."""

    counts: Mapping[str, int]
    """Requirements by tone, in the order of TONES; empty where nothing is claimed."""

    @property
    def total(self) -> int:
        """Requirements that the gateway claims."""
        return sum(self.counts.values())

    @property
    def judged(self) -> int:
        """Requirements that were judged."""
        return self.total - self.counts.get("open", 0)

    @property
    def label(self) -> str:
        """The counts as text, for readers and printers without colours."""
        if not self.counts:
            return "not claimed"
        return ", ".join(f"{number} {'not judged' if tone == 'open' else tone}" for tone, number in self.counts.items())


@dataclass(frozen=True)
class HeatRow:
    """A row: its name, what it means, and a cell for each gateway."""

    name: str
    meaning: str
    cells: tuple[HeatCell, ...]


def scenario_rows(publications: list[Publication]) -> list[HeatRow]:
    """Return one row for each scenario of the guide. A requirement that covers rows of two scenarios counts in both."""
    return [
        HeatRow(scenario.name, scenario.meaning, tuple(_scenario_cell(one, scenario) for one in publications))
        for scenario in SCENARIOS
    ]


def group_rows(publications: list[Publication], groups: list[str]) -> list[HeatRow]:
    """Return one row for each group of requirements."""
    return [
        HeatRow(group.replace("_", " "), "", tuple(_group_cell(one, group) for one in publications)) for group in groups
    ]


def judged_at_least(publications: list[Publication], number: int = 1) -> dict[str, list[str]]:
    """Return, by scenario, the names of the gateways on which at least `number` of its requirements were judged."""
    return {
        row.name: [one.who for one, cell in zip(publications, row.cells, strict=True) if cell.judged >= number]
        for row in scenario_rows(publications)
    }


def _scenario_cell(publication: Publication, scenario: GuideScenario) -> HeatCell:
    if not scenario.features <= set(publication.report["claims"]["features"]):
        return HeatCell({})
    return _cell(one for one in publication.report["requirements"] if scenario.rows & set(one["guide"]))


def _group_cell(publication: Publication, group: str) -> HeatCell:
    return _cell(one for one in publication.report["requirements"] if one["group"] == group)


def _cell(requirements: Iterable[Mapping[str, Any]]) -> HeatCell:
    outcomes = (str(one["outcome"]) for one in requirements if one["outcome"] not in NOT_CLAIMED)
    counted = Counter(_tone(outcome) for outcome in outcomes)
    return HeatCell({tone: counted[tone] for tone in TONES if counted[tone]})


def _tone(outcome: str) -> str:
    return _TONES.get(outcome, outcome if outcome in TONES else "open")
