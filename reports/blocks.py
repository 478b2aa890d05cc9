"""What is told at once: a finding; or one thing that keeps several requirements from being judged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Finding = Mapping[str, Any]


@dataclass(frozen=True)
class Block:
    """What is explained at once: a finding; or one thing that keeps several requirements from being judged."""

    findings: list[Finding]

    @property
    def first(self) -> Finding:
        """The one that stands for all."""
        return self.findings[0]

    @property
    def requirements(self) -> list[str]:
        """Ids, in order."""
        return list(dict.fromkeys(finding["requirement"] for finding in self.findings))

    @property
    def scenarios(self) -> int:
        """How many different scenarios show it."""
        return len({scenario for finding in self.findings for scenario in finding["scenarios"]})


def blocks(findings: Iterable[Finding]) -> list[Block]:
    """Findings to explain, in order: obstacles by their cause, whatever requirements they hit; declared deviations last."""
    merged: dict[tuple[str, ...], Block] = {}
    for finding in findings:
        obstacle = finding["expected"] is None
        key = (finding["outcome"], finding["cause"], "" if obstacle else finding["requirement"])
        merged.setdefault(key, Block([])).findings.append(finding)
    return list(merged.values())
