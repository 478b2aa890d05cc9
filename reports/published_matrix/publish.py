"""Create the published folder of a gateway from two runs; every finding must be reproduced and reviewed."""

import gzip
import json
from collections.abc import Collection, Mapping
from pathlib import Path

from gatebench.fixtures.recording import files
from gatebench.reports.conformance import upgrade
from gatebench.reports.conformance.traffic import curl
from gatebench.reports.conformance.traffic.evidence import Evidence
from gatebench.reports.published_matrix import index as published_index
from gatebench.reports.published_matrix import withholding
from gatebench.reports.published_matrix.index import NotPublishableError, Publication, Report
from gatebench.reports.published_matrix.readme import write_readme
from gatebench.reports.rendering.text import counted


def publish(
    first: Path,
    second: Path,
    to: Path,
    provisioning: dict[str, str] | None,
    withhold: Collection[str] = (),
    *,
    configuration: Mapping[str, str] | None = None,
) -> Path:
    """Write the folder `<target>-<version>` under `to` and return it.

    `configuration`: the text of the descriptor and of the files that it names, by file name.
    Findings of the requirements `withhold`, and of those whose comment has the kind `withheld`, are counted and not written.

    Raises NotPublishableError with one sentence if the two runs disagree, or if a finding has no comment. In the second case,
    the folder is written, and the message names the missing comments.
    """
    reports = [_report(folder) for folder in (first, second)]
    report = reports[0]
    left_out = sum(requirement["outcome"] == "not-selected" for requirement in report["requirements"])
    if left_out:
        raise NotPublishableError(
            f"{first} does not include {counted(left_out, 'requirement')}; publish only whole runs"
        )
    once = _seen_once(*reports)
    slug = f"{report['target'].replace(':', '-')}-{report['gateway'].get('version') or 'unversioned'}"
    folder = to / slug
    folder.mkdir(parents=True, exist_ok=True)
    withheld = withholding.requirements_of(
        published_index.readings(folder / published_index.READINGS), withhold, report
    )
    report = withholding.without(report, withheld)
    kept = (
        json.dumps(report, indent=1, ensure_ascii=False).encode() if withheld else (first / "report.json").read_bytes()
    )
    _pack(folder / published_index.REPORT, kept)
    _pack(
        folder / published_index.EVIDENCE,
        "".join(f"{line}\n" for line in published_index.evidence(report, first)).encode(),
    )
    about = {
        "format": published_index.FORMAT,
        "command": f"gatebench run {report['target']}",
        "runs": [{key: one[key] for key in ("time", "gatebench", "registry", "totals")} for one in reports],
        "provisioning": provisioning,
        "seen_once": [entry for entry in once if entry.partition(":")[0] not in withheld],
        "withheld": withheld,
        "upstream_requests": _upstream_requests(report, first),
        "configuration": list(configuration or {}),
    }
    if configuration:
        files.write_text(folder / published_index.CONFIGURATION, _configuration(configuration))
    (folder / published_index.ABOUT).write_text(
        json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    publication = published_index.read(folder)
    _all_read(publication, folder)
    (folder / published_index.README).write_text(write_readme(publication), encoding="utf-8")
    return folder


def _report(folder: Path) -> Report:
    try:
        report = upgrade.report(json.loads((folder / "report.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise NotPublishableError(f"{folder} is not the folder of a run with a report: {error}") from error
    if not report["complete"] or report["conclusion"] in ("harness-error", "nothing-judged"):
        raise NotPublishableError(f"{folder} is a run without a usable result ({report['conclusion']}); run it again")
    return report


def _seen_once(one: Report, other: Report) -> list[str]:
    """Return the causes that only one of the two runs shows. The second run must include all requirements with findings.

    Raises NotPublishableError if the outcome of a requirement differs.
    """
    for key in ("target", "gateway", "claims", "registry"):
        if one[key] != other[key]:
            raise NotPublishableError(f"the two runs differ: {key} is {one[key]} in one, {other[key]} in the other")
    first_run, second_run = ({r["id"]: r for r in report["requirements"]} for report in (one, other))
    found = {finding["requirement"] for finding in one["findings"]}
    compared = [name for name, r in second_run.items() if r["selected"] or name in found]
    apart = [
        f"{name} ({first_run[name]['outcome']}, {second_run[name]['outcome']})"
        for name in compared
        if first_run[name]["outcome"] != second_run[name]["outcome"]
    ]
    if apart:
        raise NotPublishableError(f"not reproduced: {', '.join(apart)}; both runs must agree")
    causes = [{(f["requirement"], f["cause"]) for f in report["findings"]} for report in (one, other)]
    return sorted(f"{requirement}: {cause}" for requirement, cause in causes[0] ^ causes[1])


def _all_read(publication: Publication, folder: Path) -> None:
    missing = [f for f in publication.report["findings"] if publication.reading(f) is None]
    withheld = {reading.requirement for reading in publication.readings if reading.kind == withholding.WITHHELD}
    missing += [{"requirement": name} for name in publication.about["withheld"] if name not in withheld]
    if missing:
        raise NotPublishableError(
            f"{counted(len(missing), 'finding')} of {publication.who} without a comment; add comments for "
            f"{', '.join(sorted({f['requirement'] for f in missing}))} to {folder / published_index.READINGS}"
        )
    findings = publication.report["findings"]
    shown = [one for one in publication.readings if one.requirement not in publication.about["withheld"]]
    idle = [reading for reading in shown if not any(reading.covers(f) for f in findings)]
    if idle:
        raise NotPublishableError(
            f"{folder / published_index.READINGS} has a comment on {idle[0].requirement} ({idle[0].what}), "
            "which is no longer a finding"
        )

    levels = {requirement["id"]: requirement["level"] for requirement in publication.report["requirements"]}
    for reading in publication.readings:
        if reading.kind == "defect" and "MUST" not in levels.get(reading.requirement, "MUST"):
            raise NotPublishableError(
                f"{folder / published_index.READINGS}: {reading.requirement} is at {levels[reading.requirement]}, "
                "which is no defect; use the kind advice or design"
            )


def _pack(path: Path, data: bytes) -> None:
    files.write_bytes(path, gzip.compress(data, 9, mtime=0))


def _upstream_requests(report: Report, folder: Path) -> dict[str, str]:
    """Return, by finding, the last request that the gateway sent to an upstream in its exchange, as a command line of curl."""
    found: dict[str, str] = {}
    transcripts = {transcript.name: transcript for transcript in Evidence(folder).transcripts}
    for finding in report["findings"]:
        shown = finding["exchange"] or {}
        sent = [one for one in shown.get("messages", []) if (one["leg"], one["kind"]) == ("upstream", "request")]
        exchange = transcripts[shown["transcript"]].exchange_at(sent[-1]["line"]) if sent else None
        command = curl.command_of(exchange) if exchange else None
        if command:
            found[finding["id"]] = command
    return found


def _configuration(files_of: Mapping[str, str]) -> str:
    lines = [
        "# Configuration",
        "",
        "The descriptor, and the files that it names, as they were when the gateway was tested.",
        "",
    ]
    for name, text in files_of.items():
        lines += [f"## {name}", "", "````text", text.rstrip(), "````", ""]
    return "\n".join(lines)
