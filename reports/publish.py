"""From two runs of the same gateway to its published folder: nothing is published that was seen once, or that nobody read."""

import gzip
import json
from pathlib import Path
from typing import Any

from reports import lanes, published
from reports.published import KINDS, NotPublishableError, Publication, Report
from reports.text import counted


def publish(first: Path, second: Path, to: Path, provisioning: dict[str, str] | None) -> Path:
    """Write the folder `<target>-<version>` under `to`; returns it.

    Raises NotPublishableError with one sentence when the two runs do not say the same, or when a finding has no reading:
    then everything else is there already, and the missing readings are named.
    """
    reports = [_report(folder) for folder in (first, second)]
    report = reports[0]
    silent = sum(r["outcome"] == "not-observed" and not r["selected"] for r in report["requirements"])
    if silent:
        raise NotPublishableError(f"{first} left out {counted(silent, 'requirement')}; publish whole runs only")
    once = _seen_once(*reports)
    slug = f"{report['target'].replace(':', '-')}-{report['gateway'].get('version') or 'unversioned'}"
    folder = to / slug
    folder.mkdir(parents=True, exist_ok=True)
    _pack(folder / published.REPORT, (first / "report.json").read_bytes())
    _pack(folder / published.EVIDENCE, "".join(f"{line}\n" for line in published.evidence(report, first)).encode())
    about = {
        "format": published.FORMAT,
        "command": f"gatebench run {report['target']}",
        "runs": [{key: one[key] for key in ("time", "gatebench", "registry", "totals")} for one in reports],
        "provisioning": provisioning,
        "seen_once": once,
    }
    (folder / published.ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    publication = published.read(folder)
    _all_read(publication, folder)
    (folder / published.README).write_text(readme(publication), encoding="utf-8")
    return folder


def _report(folder: Path) -> Report:
    try:
        report: Report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotPublishableError(f"{folder} is not the folder of a run with a report: {error}") from error
    if not report["complete"] or report["conclusion"] in ("harness-error", "nothing-judged"):
        raise NotPublishableError(f"{folder} is a run that came to nothing ({report['conclusion']}); run it again")
    return report


def _seen_once(one: Report, other: Report) -> list[str]:
    """Causes that only one of two runs shows; of the second run, what it has judged is compared, and all findings it must judge.

    Raises NotPublishableError where a whole requirement came out otherwise.
    """
    for key in ("target", "gateway", "claims", "registry"):
        if one[key] != other[key]:
            raise NotPublishableError(
                f"the two runs are of two kinds: {key} is {one[key]} in one, {other[key]} in the other"
            )
    said, again = ({r["id"]: r for r in report["requirements"]} for report in (one, other))
    found = {finding["requirement"] for finding in one["findings"]}
    compared = [name for name, r in again.items() if r["selected"] or name in found]
    apart = [
        f"{name} ({said[name]['outcome']}, {again[name]['outcome']})"
        for name in compared
        if said[name]["outcome"] != again[name]["outcome"]
    ]
    if apart:
        raise NotPublishableError(f"not reproduced: {', '.join(apart)}; nothing is published that was seen once")
    causes = [{(f["requirement"], f["cause"]) for f in report["findings"]} for report in (one, other)]
    return sorted(f"{requirement}: {cause}" for requirement, cause in causes[0] ^ causes[1])


def _all_read(publication: Publication, folder: Path) -> None:
    missing = [f for f in publication.report["findings"] if publication.reading(f) is None]
    if missing:
        raise NotPublishableError(
            f"nobody has read {counted(len(missing), 'finding')} of {publication.who}; say in "
            f"{folder / published.READINGS} what {', '.join(sorted({f['requirement'] for f in missing}))} is about"
        )
    findings = publication.report["findings"]
    idle = [reading for reading in publication.readings if not any(reading.covers(f) for f in findings)]
    if idle:
        raise NotPublishableError(
            f"{folder / published.READINGS} speaks of {idle[0].requirement} ({idle[0].what}), which is no finding any more"
        )


def _pack(path: Path, data: bytes) -> None:
    path.write_bytes(gzip.compress(data, 9, mtime=0))


def readme(publication: Publication) -> str:
    """The folder in words."""
    report, about = publication.report, publication.about
    counts = ", ".join(f"{number} {outcome}" for outcome, number in report["totals"].items() if number)
    lines = [
        f"# {publication.who}",
        "",
        f"Judged twice by gatebench {report['gatebench']}: {' and '.join(run['time'] for run in about['runs'])}.",
        f"{counted(report['registry']['size'], 'requirement')}: {counts}.",
        "",
        "Claims: " + ", ".join([*report["claims"]["features"], *report["claims"]["revisions"]]) + ".",
        "",
        "```sh",
        about["command"],
        "```",
        "",
        f"The report as it was written is `{published.REPORT}`, the lines of the transcript that the findings stand on are",
        f"`{published.EVIDENCE}`. Credentials are labels: every secret of a run is minted by the bench.",
        "",
    ]
    if about["provisioning"]:
        lines += ["| what an operator does | how |", "| --- | --- |"]
        lines += [f"| {verb.replace('_', ' ')} | {how} |" for verb, how in about["provisioning"].items()] + [""]
    lines += ["## Findings", ""] + (["None.", ""] if not report["findings"] else [])
    for reading in publication.readings:
        lines += _told(publication, reading)
    if about["seen_once"]:
        lines += ["## Seen in one of the two runs only", "", *(f"- {entry}" for entry in about["seen_once"]), ""]
    return "\n".join(lines).rstrip() + "\n"


def _told(publication: Publication, reading: published.Reading) -> list[str]:
    own = [f for f in publication.report["findings"] if publication.reading(f) is reading]
    if not own:
        return []
    requirement = next(r for r in publication.report["requirements"] if r["id"] == reading.requirement)
    sources = "; ".join(f"{source['document']}, {source['section']}" for source in requirement["sources"])
    lines = [
        f"### {reading.requirement} {requirement['level']}: {own[0]['outcome']} ({reading.kind})",
        "",
        f"> {requirement['text']}",
        f"> ({sources})",
        "",
        reading.text,
        "",
        f"*{reading.kind}: {KINDS[reading.kind]}.*",
        "",
        *(f"- {_plain(finding['what'])} ({counted(finding['occurrences'], 'time')})" for finding in own),
        "",
    ]
    shown = next((finding for finding in own if finding["exchange"]), own[0])
    if shown["exchange"]:
        lines += ["```text", *(row.text for row in lanes.draw(shown["exchange"], 110)), "```", ""]
    if shown["reproduce"]:
        lines += ["```sh", shown["reproduce"], "```", ""]
    return lines


def _plain(text: Any) -> str:
    return str(text).replace("|", "\\|").replace("<", "&lt;")
