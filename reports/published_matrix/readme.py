"""The page of a published gateway, as Markdown: what was tested, each finding with its comment, and what was not judged."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from gatebench.reports.conformance.layout import sequence_text
from gatebench.reports.published_matrix import index as published_index
from gatebench.reports.published_matrix.heat_map import SCENARIOS, scenario_rows
from gatebench.reports.published_matrix.index import KINDS, Annotation, Publication
from gatebench.reports.rendering.source_links import url_of
from gatebench.reports.rendering.text import counted, shorten, visible

JUDGED = frozenset({"pass", "fail", "warn", "deviation", "known-failure"})
MAX_NAMED = 12  # requirements named for a reason
MAX_REASON = 200  # characters
MAX_BODY = 1000  # characters of a body


def write_readme(publication: Publication) -> str:
    """Return the page."""
    about = publication.about
    withheld = about.get("withheld", {})
    lines = [*_head(publication), *_scenarios(publication), "## Findings", ""]
    if not (publication.report["findings"] or withheld):
        lines += ["None.", ""]
    for reading in publication.readings:
        lines += _comment(publication, reading)
    if withheld:
        lines += ["## Withheld", "", *(_withheld(publication, name, count) for name, count in withheld.items()), ""]
    if about["seen_once"]:
        lines += ["## Observed in only one of the two runs", "", *(f"- {entry}" for entry in about["seen_once"]), ""]
    return "\n".join([*lines, *_not_judged(publication)]).rstrip() + "\n"


def _head(publication: Publication) -> list[str]:
    report, about = publication.report, publication.about
    is_report = "report without withheld findings" if about.get("withheld") else "unchanged report"
    counts = ", ".join(f"{number} {outcome}" for outcome, number in report["totals"].items() if number)
    kept = (
        f"`{published_index.REPORT}` is the {is_report}, `{published_index.EVIDENCE}` the transcript lines of findings"
    )
    configured = f", `{published_index.CONFIGURATION}` the configuration" if about.get("configuration") else ""
    lines = [
        f"# {publication.who}",
        "",
        f"Tested twice with gatebench {report['gatebench']}: {' and '.join(run['time'] for run in about['runs'])}.",
        f"{counted(report['registry']['size'], 'requirement')}: {counts}.",
        "",
        "Claims: " + ", ".join([*report["claims"]["features"], *report["claims"]["revisions"]]) + ".",
        "",
        *_platform(report),
        "```sh",
        about["command"],
        "```",
        "",
        f"{kept}{configured}.",
        "Credentials are replaced by labels; gatebench mints every secret of a run.",
        "",
    ]
    for note in publication.notes:
        lines += [f"**{', '.join(note.requirements)}**: {' '.join(note.text.split())}", ""]
    if about["provisioning"]:
        lines += ["| operator action | how |", "| --- | --- |"]
        lines += [f"| {verb.replace('_', ' ')} | {how} |" for verb, how in about["provisioning"].items()] + [""]
    return lines


def _platform(report: Mapping[str, Any]) -> list[str]:
    machine = report.get("machine") or {}
    if not machine:
        return []
    system = str(machine["system"]).partition(" ")[0]
    seconds = report.get("timings") or {}
    took = f"; {seconds['whole']:.0f} s for the first run" if seconds.get("whole") else ""
    on = f"{system} on {machine['architecture']}, {machine['cores']} cores"
    return [f"Platform: {on}, gatebench on Python {machine['python']}{took}.", ""]


def _scenarios(publication: Publication) -> list[str]:
    lines = ["| scenario of the guide | requirements |", "| --- | --- |"]
    for scenario, row in zip(SCENARIOS, scenario_rows([publication]), strict=True):
        lines.append(f"| {scenario.name}: {scenario.meaning} | {row.cells[0].label} |")
    return [*lines, ""]


def _withheld(publication: Publication, name: str, count: int) -> str:
    requirement = _requirement(publication, name)
    reason = next(one.text for one in publication.readings if one.requirement == name)
    found = f"- {name} {requirement['level']}: {requirement['outcome']}, {counted(count, 'finding')} not shown."
    return f"{found} {requirement['text']} {' '.join(reason.split())}"


def _comment(publication: Publication, reading: Annotation) -> list[str]:
    own = [f for f in publication.report["findings"] if publication.reading(f) is reading]
    if not own:
        return []
    requirement = _requirement(publication, reading.requirement)
    lines = [
        f"### {reading.requirement} {requirement['level']}: {own[0]['outcome']} ({reading.kind})",
        "",
        f"> {requirement['text']}",
        f"> ({'; '.join(_source(source) for source in requirement['sources'])})",
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
        lines += _fenced("text", "\n".join(row.text for row in sequence_text.draw(shown["exchange"], 110)))
        lines += _bodies(shown["exchange"])
    if shown["reproduce"]:
        lines += _fenced("sh", shown["reproduce"])
    if shown["exchange"] and shown["exchange"].get("curl"):
        lines += ["The client's request with curl:", "", *_fenced("sh", visible(shown["exchange"]["curl"]))]
    if command := publication.about.get("upstream_requests", {}).get(shown["id"]):
        lines += ["The request that the gateway sent to the upstream, with curl:", "", *_fenced("sh", visible(command))]
    return lines


def _bodies(exchange: Mapping[str, Any]) -> list[str]:
    """Return the bodies of the responses on both sides of the gateway."""
    texts = [
        f"{message['from']} to {message['to']}, {message['summary']}:\n{shorten(visible(message['body']), MAX_BODY)}"
        for message in exchange["messages"]
        if message["kind"] == "answer" and message.get("body") and message["leg"] in ("client", "upstream")
    ]
    return _fenced("text", "\n\n".join(texts[-4:])) if texts else []


def _fenced(language: str, text: str) -> list[str]:
    marks = "```" if "```" not in text else "````"
    return [f"{marks}{language}", text, marks, ""]


def _not_judged(publication: Publication) -> list[str]:
    """Return the requirements that were not judged, by outcome and reason."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in publication.report["requirements"]:
        if one["outcome"] not in JUDGED:
            found[one["outcome"], _reason(one)].append(one["id"])
    if not found:
        return []
    lines = ["## Not judged", "", "| outcome | why | requirements |", "| --- | --- | --- |"]
    for (outcome, reason), names in sorted(found.items(), key=lambda entry: (entry[0][0], -len(entry[1]))):
        more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
        lines.append(f"| {outcome} | {_plain(reason)} | {len(names)}: {', '.join(names[:MAX_NAMED])}{more} |")
    return [*lines, ""]


def _reason(requirement: Mapping[str, Any]) -> str:
    reason = requirement.get("reason") or requirement.get("exclusion") or "the traffic of the requirement did not occur"
    return shorten(" ".join(visible(str(reason)).split()), MAX_REASON)


def _source(source: Mapping[str, str]) -> str:
    named = f"{source['document']}, {source['section']}"
    url = url_of(source["document"], source["section"])
    return f"[{named}]({url})" if url else named


def _requirement(publication: Publication, name: str) -> Mapping[str, Any]:
    return next(one for one in publication.report["requirements"] if one["id"] == name)


def _plain(text: Any) -> str:
    return str(text).replace("|", "\\|").replace("<", "&lt;")
