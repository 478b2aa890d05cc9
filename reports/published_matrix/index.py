"""Published reports of real gateways: a folder for each gateway and version.

<gateway>-<version>/
  report.json.gz      the report of the first run, unchanged but for withheld findings
  evidence.jsonl.gz   the transcript lines that findings refer to, with the world and the target
  publication.json    both runs: command, time, counts; how the gateway is provisioned
  readings.toml       a comment on every finding, from manual review, and notes on what was judged
  configuration.md    the descriptor and the files that it names
  README.md           a summary, generated from the other files
"""

import gzip
import json
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from gatebench.reports.conformance import schema, upgrade
from gatebench.reports.conformance.traffic.evidence import Evidence, TranscriptIndex

FORMAT = 1
REPORT, EVIDENCE, ABOUT, READINGS, CONFIGURATION, README = (
    "report.json.gz",
    "evidence.jsonl.gz",
    "publication.json",
    "readings.toml",
    "configuration.md",
    "README.md",
)
_OF_ABOUT = {"command", "runs", "provisioning", "seen_once"}
KINDS = {
    "defect": "violates the source that the requirement cites, in the gateway itself",
    "default": "behaviour of a documented default, which another setting avoids",
    "design": "documented design, which the requirement does not allow",
    "consequence": "follows from another finding",
    "advice": "a SHOULD that is not met, or declared behaviour",
    "unobserved": "not a fault: the traffic of the requirement did not occur",
    "withheld": "counted, and not shown: it lets a caller act as another one, or take what belongs to another one",
}

Report = dict[str, Any]
Finding = Mapping[str, Any]


class NotPublishableError(Exception):
    """Raised if a report cannot be published or read; the message is one sentence."""


@dataclass(frozen=True)
class Annotation:
    """A reviewer's comment on findings: all of a requirement, or those whose sentence matches the glob `what`."""

    requirement: str
    kind: str
    text: str
    what: str = "*"

    def covers(self, finding: Finding) -> bool:
        """Return True if it applies to this finding."""
        return self.requirement == finding["requirement"] and fnmatchcase(finding["what"], self.what)


@dataclass(frozen=True)
class Note:
    """What a reader has to know about outcomes that are no findings, such as those of a part that gatebench brings."""

    requirements: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Publication:
    """The content of one folder."""

    slug: str
    report: Report
    about: dict[str, Any]
    readings: list[Annotation]
    notes: list[Note]

    @property
    def who(self) -> str:
        """Name and version of the gateway."""
        gateway = self.report["gateway"]
        return f"{gateway['name']} {gateway.get('version', '')}".strip()

    def reading(self, finding: Finding) -> Annotation | None:
        """Return the first comment that applies to a finding."""
        return next((reading for reading in self.readings if reading.covers(finding)), None)


def read(folder: Path) -> Publication:
    """Read a published folder. Raises NotPublishableError with one sentence if it is not one, or is damaged."""
    try:
        report = upgrade.report(json.loads(gzip.decompress((folder / REPORT).read_bytes())))
        schema.check(report)
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError, EOFError, AttributeError, zlib.error) as error:
        raise NotPublishableError(f"{folder} is not a published report: {error}") from error
    missing = _OF_ABOUT - about.keys() if isinstance(about, dict) else _OF_ABOUT
    if missing:
        raise NotPublishableError(f"{folder / ABOUT} has no {min(missing)}; create it with `gatebench publish`")
    return Publication(folder.name, report, about, readings(folder / READINGS), notes(folder / READINGS))


def everything(folder: Path) -> list[Publication]:
    """Return all published reports, sorted by the name of the gateway.

    Raises NotPublishableError if there are none, or one cannot be read.
    """
    found = [read(path.parent) for path in sorted(folder.glob(f"*/{REPORT}"))]
    if not found:
        raise NotPublishableError(f"{folder} contains no published report; create one with `gatebench publish`")
    return sorted(found, key=lambda one: (str(one.report["gateway"]["name"]).casefold(), one.slug))


def readings(path: Path) -> list[Annotation]:
    """Return the comments of reviewers. Raises NotPublishableError with one sentence if the file cannot be read."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("reading", [])
        found = [Annotation(**{key: str(value).strip() for key, value in entry.items()}) for entry in entries]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise NotPublishableError(f"{path} cannot be read: {error}") from error
    for reading in found:
        if reading.kind not in KINDS:
            raise NotPublishableError(
                f"{path}: {reading.requirement}: unknown kind {reading.kind!r}; expected one of {', '.join(KINDS)}"
            )
    return found


def notes(path: Path) -> list[Note]:
    """Return the notes of reviewers. Raises NotPublishableError with one sentence if the file cannot be read."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("note", [])
        return [Note(tuple(entry["requirements"]), str(entry["text"]).strip()) for entry in entries]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotPublishableError(f"{path}: a note needs requirements and text: {error}") from error


# -- evidence


def evidence(report: Report, folder: Path) -> Iterator[str]:
    """Yield, as JSON, the transcript lines of every exchange that a finding shows, and those that describe world and target."""
    found = Evidence(folder)
    for transcript in found.transcripts:
        lines = _cited(report, transcript)
        briefs = transcript.events.briefs
        exchanges = {briefs[line].get("exchange") for line in lines if line in briefs} - {None}
        for event in briefs.values():
            is_head = event["leg"] == "harness" and event["kind"] in ("transcript", "world", "target")
            if is_head or event["seq"] in lines or event.get("exchange") in exchanges:
                whole = transcript.events.whole(event)
                yield json.dumps({"transcript": transcript.name, **whole}, ensure_ascii=False)


def _cited(report: Report, transcript: TranscriptIndex) -> set[int]:
    shown = [part for finding in report["findings"] for part in (finding["exchange"], finding["control"]) if part]
    return {message["line"] for part in shown if part["transcript"] == transcript.name for message in part["messages"]}
