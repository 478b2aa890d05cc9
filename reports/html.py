"""report.html: one file for looking rather than reading, that needs no network, no server and no script to be whole.

Everything that came off a wire is escaped by the template engine; a content security policy forbids the page to load anything.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from reports import outcomes, sequence
from reports.blocks import blocks
from reports.text import counted, visible

TEMPLATES = Path(__file__).parent / "templates"

Report = Mapping[str, Any]

_KEY = re.compile(r"«[^«»]{1,200}»")
_LEVELS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY")
_SAYS_NOTHING = {"not-applicable", "not-observed", "skipped"}  # of one scenario
_PLAIN_CLAIMS = {"virtual-servers": "virtual."}


def write(report: Report, folder: Path) -> Path:
    """Put report.html into the run's folder; returns its path."""
    path = folder / "report.html"
    path.write_text(render(report, _load(folder)), encoding="utf-8", errors="replace")
    return path


def _load(folder: Path) -> Report | None:
    """What `gatebench load` measured into the same folder, with its charts."""
    from reports import load_html, load_read, load_terminal  # noqa: PLC0415 - they use this module

    if not (folder / "load.json").exists():
        return None
    measured = load_read.read(folder)
    tone = load_terminal.tone(measured["conclusion"])
    return {"report": measured, "tone": tone, "charts": load_html.charts(measured)}


def render(report: Report, load: Report | None = None) -> str:
    """The page; `load`: a load report with its charts, where there is one."""
    requirements = {requirement["id"]: requirement for requirement in report["requirements"]}
    outcome_of = {name: _outcome(requirement) for name, requirement in requirements.items()}
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            who=" ".join(str(report["gateway"].get(key)) for key in ("name", "version") if report["gateway"].get(key)),
            verdict=outcomes.verdict(report),
            tone={"conformant": "good", "findings": "bad"}.get(report["conclusion"], "open"),
            counts={name.replace(" ", "-"): number for name, number in outcomes.counts(report).items()},
            claims=_claims(report, requirements),
            groups=_groups(report["requirements"]),
            levels=[level for level in _LEVELS if any(r["level"] == level for r in report["requirements"])],
            requirements=requirements,
            blocks=[
                (block, [requirements[name] for name in block.requirements]) for block in blocks(report["findings"])
            ],
            outcome_of=outcome_of,
            judgements=_by_requirement(report["judgements"]),
            remarks=_remarks(report["judgements"]),
            filters=_filters(report, outcome_of),
            load=load,
        )
    )


def environment() -> jinja2.Environment:
    """The template engine, as all pages of ours use it."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["marked"] = _marked
    made.filters["counted"] = counted
    made.globals["picture"] = sequence.picture
    return made


def _marked(text: object) -> Markup:
    """Escaped text in which the labels of credentials stand out."""
    return Markup(_KEY.sub(lambda match: f'<b class="key">{match[0]}</b>', str(escape(visible(text)))))  # noqa: S704 - escaped


def _outcome(requirement: Report) -> str:
    silent = requirement["outcome"] == "not-observed" and not requirement["selected"]
    return "not-selected" if silent else str(requirement["outcome"])


def _by_requirement(judgements: Iterable[Report]) -> dict[str, list[Report]]:
    """Worst first, otherwise in order."""
    found: dict[str, list[Report]] = {}
    for judgement in judgements:
        found.setdefault(judgement["requirement"], []).append(judgement)
    for own in found.values():
        own.sort(key=lambda judgement: outcomes.rank(judgement["outcome"]))
    return found


def _groups(requirements: Iterable[Report]) -> dict[str, list[Report]]:
    found: dict[str, list[Report]] = {}
    for requirement in requirements:
        found.setdefault(requirement["group"], []).append(requirement)
    return found


def _claims(report: Report, requirements: Mapping[str, Report]) -> list[tuple[str, str, dict[str, int]]]:
    """What is claimed, feature by feature and revision by revision: (kind, name, judgements by outcome)."""
    claimed = [("feature", name) for name in report["claims"]["features"]]
    claimed += [("revision", name) for name in report["claims"]["revisions"]]
    rows = []
    for kind, name in claimed:
        own = (
            judgement["outcome"]
            for judgement in report["judgements"]
            if _concerns(name, judgement, requirements.get(judgement["requirement"], {}))
        )
        judged = Counter(outcome for outcome in own if outcome not in _SAYS_NOTHING)
        rows.append((kind, name, {outcome: judged[outcome] for outcome in outcomes.ORDER if judged[outcome]}))
    return rows


def _concerns(claim: str, judgement: Report, requirement: Report) -> bool:
    """A claim is put to the test where a requirement is about it, or a scenario uses it (`user.alice`, `oauth.mail`)."""
    if requirement.get("feature") == claim:
        return True
    values = judgement["scenario"].partition("[")[2]
    kind, _, name = claim.partition(".")
    mark = (
        f"{name}." if kind in ("caller", "upstream") else _PLAIN_CLAIMS.get(claim, claim if claim[:2] == "20" else "")
    )
    return bool(mark) and re.search(rf"(?<![\w.]){re.escape(mark)}", values) is not None


def _remarks(judgements: Iterable[Report]) -> list[tuple[str, list[str]]]:
    said: dict[str, set[str]] = {}
    for judgement in judgements:
        if judgement.get("remarks"):
            said.setdefault(judgement["requirement"], set()).update(judgement["remarks"])
    return [(name, sorted(remarks, reverse=True)[:12]) for name, remarks in said.items()]


def _filters(report: Report, outcome_of: Mapping[str, str]) -> dict[str, int]:
    """The outcomes that there are to choose from, with how many findings and requirements have each."""
    found = Counter([*outcome_of.values(), *(block.first["outcome"] for block in blocks(report["findings"]))])
    return {outcome: found[outcome] for outcome in (*outcomes.ORDER, "not-selected") if found[outcome]}
