"""Groups of findings that a report shows together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Finding = Mapping[str, Any]


@dataclass(frozen=True)
class FindingGroup:
    """A finding, or one obstacle that prevents the check of several requirements."""

    findings: list[Finding]

    @property
    def first(self) -> Finding:
        """The finding that represents the group."""
        return self.findings[0]

    @property
    def requirements(self) -> list[str]:
        """The ids of the requirements, in order."""
        return list(dict.fromkeys(finding["requirement"] for finding in self.findings))

    @property
    def scenarios(self) -> int:
        """The number of scenarios with these findings."""
        return len({scenario for finding in self.findings for scenario in finding["scenarios"]})


def unexplained_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings without a cause."""
    return [finding for finding in findings if finding["consequence_of"] is None]


def consequences(findings: Iterable[Finding], cause: str) -> list[FindingGroup]:
    """Return the groups of findings that follow from a cause."""
    return group_findings(finding for finding in findings if finding["consequence_of"] == cause)


def group_findings(findings: Iterable[Finding]) -> list[FindingGroup]:
    """Group findings in order: obstacles by cause across requirements, other findings by requirement and cause."""
    merged: dict[tuple[str, ...], FindingGroup] = {}
    for finding in findings:
        obstacle = finding["expected"] is None
        key = (finding["outcome"], finding["cause"], "" if obstacle else finding["requirement"])
        merged.setdefault(key, FindingGroup([])).findings.append(finding)
    return list(merged.values())
