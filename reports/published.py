"""Published reports of real gateways: a folder for each gateway and version, read by people, the matrix, and nobody else.

<gateway>-<version>/
  report.json.gz      the report of the first run, as it was written
  evidence.jsonl.gz   the lines of its transcripts that findings stand on, with the world and the target
  publication.json    both runs: command, when, what each of them counted; how the gateway is provisioned
  readings.toml       what a person who looked at it says of every finding
  README.md           all of it in words, made of the others
"""

import gzip
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from reports.evidence import Evidence, Transcript

FORMAT = 1
REPORT, EVIDENCE, ABOUT, READINGS, README = (
    "report.json.gz",
    "evidence.jsonl.gz",
    "publication.json",
    "readings.toml",
    "README.md",
)
KINDS = {
    "defect": "wrong by the source that the requirement cites, in the gateway itself",
    "default": "what its documented default does; another of its settings does not",
    "design": "how it is built and documented, which the requirement does not allow for",
    "consequence": "nothing by itself: it follows from another finding",
    "advice": "a SHOULD that is not met, or what it does on purpose and says so",
    "unobserved": "nothing wrong: the traffic held nothing to judge it by",
}

Report = dict[str, Any]
Finding = Mapping[str, Any]


class NotPublishableError(Exception):
    """What cannot be published, or read back; the message is one sentence."""


@dataclass(frozen=True)
class Reading:
    """What somebody says who has looked at a finding: for all of a requirement, or those whose sentence matches `what`."""

    requirement: str
    kind: str
    text: str
    what: str = "*"

    def covers(self, finding: Finding) -> bool:
        """Whether it speaks of this finding."""
        return self.requirement == finding["requirement"] and fnmatchcase(finding["what"], self.what)


@dataclass(frozen=True)
class Publication:
    """One folder, read back."""

    slug: str
    report: Report
    about: dict[str, Any]
    readings: list[Reading]

    @property
    def who(self) -> str:
        """Name and version."""
        gateway = self.report["gateway"]
        return f"{gateway['name']} {gateway.get('version', '')}".strip()

    def reading(self, finding: Finding) -> Reading | None:
        """What is said of a finding; the first that speaks of it."""
        return next((reading for reading in self.readings if reading.covers(finding)), None)


def read(folder: Path) -> Publication:
    """A published folder. Raises NotPublishableError when it is none."""
    try:
        report = json.loads(gzip.decompress((folder / REPORT).read_bytes()))
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError, EOFError) as error:
        raise NotPublishableError(f"{folder} is no published report: {error}") from error
    return Publication(folder.name, report, about, readings(folder / READINGS))


def everything(folder: Path) -> list[Publication]:
    """All published reports, by name. Raises NotPublishableError when there are none, or one of them cannot be read."""
    found = [read(path.parent) for path in sorted(folder.glob(f"*/{REPORT}"))]
    if not found:
        raise NotPublishableError(f"there is no published report in {folder}; `gatebench publish` makes one")
    return found


def readings(path: Path) -> list[Reading]:
    """What was written by hand. Raises NotPublishableError with one sentence when it cannot be read."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("reading", [])
        found = [Reading(**{key: str(value).strip() for key, value in entry.items()}) for entry in entries]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise NotPublishableError(f"{path} cannot be read: {error}") from error
    for reading in found:
        if reading.kind not in KINDS:
            raise NotPublishableError(
                f"{path}: {reading.requirement}: kind {reading.kind!r} does not exist; there are {', '.join(KINDS)}"
            )
    return found


# -- evidence


def evidence(report: Report, folder: Path) -> Iterator[str]:
    """The transcript lines, as JSON, of every exchange that a finding shows, and of what they are to be read by."""
    found = Evidence(folder)
    for transcript in found.transcripts:
        lines = _cited(report, transcript)
        exchanges = {transcript.events[line].get("exchange") for line in lines if line in transcript.events} - {None}
        for event in transcript.events.values():
            told = event["leg"] == "harness" and event["kind"] in ("transcript", "world", "target")
            if told or event["seq"] in lines or event.get("exchange") in exchanges:
                yield json.dumps({"transcript": transcript.name, **event}, ensure_ascii=False)


def _cited(report: Report, transcript: Transcript) -> set[int]:
    shown = [part for finding in report["findings"] for part in (finding["exchange"], finding["control"]) if part]
    return {message["line"] for part in shown if part["transcript"] == transcript.name for message in part["messages"]}
