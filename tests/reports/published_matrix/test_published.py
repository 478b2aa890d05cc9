"""What is published of real gateways."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from gatebench import cli
from gatebench.commands.conformance.publish import configuration
from gatebench.fixtures.gateways import lookup
from gatebench.fixtures.gateways.target import Target
from gatebench.reports.published_matrix import index as published_index
from gatebench.reports.published_matrix.index import NotPublishableError
from gatebench.reports.published_matrix.publish import publish
from tests.support.reports.published_runs import edit, findings, publish_with_comments


def test_run_has_findings_with_exchanges(runs: tuple[Path, Path]) -> None:
    assert any(finding["exchange"] for finding in findings(runs[0]))


def test_finding_without_comment_is_not_published(runs: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(
        NotPublishableError, match=r"\d+ findings? of .* without a comment; add comments for .*readings.toml"
    ):
        publish(*runs, tmp_path / "published", None)
    assert not list(tmp_path.glob("published/*/README.md"))


def test_published_folder_has_report_evidence_and_readme(runs: tuple[Path, Path], tmp_path: Path) -> None:
    folder = publish_with_comments(runs, tmp_path / "published")
    assert gzip.decompress((folder / published_index.REPORT).read_bytes()) == (runs[0] / "report.json").read_bytes()
    lines = gzip.decompress((folder / published_index.EVIDENCE).read_bytes()).decode().splitlines()
    cited = {f["line"] for f in findings(runs[0]) if f["line"]}
    assert cited <= {json.loads(line)["seq"] for line in lines}
    write_readme = (folder / published_index.README).read_text(encoding="utf-8")
    for finding in findings(runs[0]):
        assert finding["requirement"] in write_readme
    assert "it is\n<b>so</b>" in write_readme
    assert "| mint | unsupported |" in write_readme
    assert "gatebench run" in write_readme


def commented(folder: Path, kinds: dict[str, str]) -> None:
    """Write a comment of this kind for each requirement."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = "".join(
        f'[[reading]]\nrequirement = "{name}"\nkind = "{kind}"\ntext = "a reason"\n' for name, kind in kinds.items()
    )
    (folder / published_index.READINGS).write_text(entries, encoding="utf-8")


@pytest.mark.parametrize("named", [True, False], ids=["option", "comment"])
def test_withheld_findings_are_counted_and_not_shown(runs: tuple[Path, Path], tmp_path: Path, *, named: bool) -> None:
    found = findings(runs[0])
    name = found[0]["requirement"]
    folder = publish_with_comments(runs, tmp_path / "published")
    commented(folder, {one["requirement"]: "withheld" if one["requirement"] == name else "defect" for one in found})
    publish(*runs, tmp_path / "published", None, [name] if named else [])
    publication = published_index.read(folder)
    number = sum(one["requirement"] == name for one in found)
    assert publication.about["withheld"] == {name: number}
    assert not [one for one in publication.report["findings"] if one["requirement"] == name]
    outcome = next(one["outcome"] for one in publication.report["requirements"] if one["id"] == name)
    assert outcome == found[0]["outcome"]
    assert publication.report["totals"] == json.loads((runs[0] / "report.json").read_text())["totals"]
    lines = {
        json.loads(line)["seq"]
        for line in gzip.decompress((folder / published_index.EVIDENCE).read_bytes()).splitlines()
    }
    kept = {
        part["line"]
        for one in found[1:]
        if one["requirement"] != name
        for part in (one["exchange"] or {}).get("messages", [])
    }
    assert found[0]["line"] in kept or found[0]["line"] not in lines
    text = (folder / published_index.README).read_text(encoding="utf-8")
    assert "## Withheld" in text
    assert "a reason" in text
    assert found[0]["what"] not in text + json.dumps(publication.report, ensure_ascii=False)


def test_withheld_finding_needs_a_reason_and_a_finding(runs: tuple[Path, Path], tmp_path: Path) -> None:
    name = findings(runs[0])[0]["requirement"]
    with pytest.raises(NotPublishableError, match=f"add comments for .*{name}"):
        publish(*runs, tmp_path / "published", None, [name])
    with pytest.raises(NotPublishableError, match="--withhold AUTH-999: the run has no finding of it"):
        publish(*runs, tmp_path / "published", None, ["AUTH-999"])


def test_finding_at_should_is_no_defect(runs: tuple[Path, Path], tmp_path: Path) -> None:
    name = findings(runs[0])[0]["requirement"]
    for folder in runs:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        next(r for r in report["requirements"] if r["id"] == name)["level"] = "SHOULD"
        edit(folder, requirements=report["requirements"])
    with pytest.raises(NotPublishableError, match=f"{name} is at SHOULD, which is no defect"):
        publish_with_comments(runs, tmp_path / "published")


def test_page_has_configuration_notes_and_what_was_not_judged(runs: tuple[Path, Path], tmp_path: Path) -> None:
    folder = publish_with_comments(runs, tmp_path / "published")
    with (folder / published_index.READINGS).open("a", encoding="utf-8") as readings:
        readings.write('[[note]]\nrequirements = ["AUTH-001"]\ntext = "a hook of ours\\nanswers"\n')
    publish(*runs, tmp_path / "published", None, configuration={"acme.toml": "x = 1\n", "acme.conf.j2": "y\n"})
    page = (folder / published_index.README).read_text(encoding="utf-8")
    assert "**AUTH-001**: a hook of ours answers" in page
    assert "`configuration.md` the configuration" in page
    assert "## Not judged" in page
    kept = (folder / published_index.CONFIGURATION).read_text(encoding="utf-8")
    assert "## acme.toml\n\n````text\nx = 1\n````" in kept


def test_configuration_is_the_descriptor_and_what_it_names() -> None:
    assert list(configuration(Target(lookup.resolve("haproxy")))) == [
        "haproxy.toml",
        "haproxy.cfg.j2",
        "haproxy-callers.map.j2",
        "haproxy-allowed.list.j2",
    ]
    assert "contextforge.py" in configuration(Target(lookup.resolve("contextforge")))


def test_publishing_is_deterministic(runs: tuple[Path, Path], tmp_path: Path) -> None:
    one, other = publish_with_comments(runs, tmp_path / "a"), publish_with_comments(runs, tmp_path / "b")
    assert {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in other.iterdir()}


def test_finding_that_was_not_reproduced_is_not_published(runs: tuple[Path, Path], tmp_path: Path) -> None:
    report = json.loads((runs[1] / "report.json").read_text(encoding="utf-8"))
    name = findings(runs[0])[0]["requirement"]
    next(r for r in report["requirements"] if r["id"] == name)["outcome"] = "pass"
    edit(runs[1], requirements=report["requirements"])
    with pytest.raises(NotPublishableError, match=rf"not reproduced: {name} \(.*, pass\)"):
        publish(*runs, tmp_path / "published", None)


def test_second_run_may_select_the_findings_only(runs: tuple[Path, Path], tmp_path: Path) -> None:
    report = json.loads((runs[1] / "report.json").read_text(encoding="utf-8"))
    red = {f["requirement"] for f in findings(runs[0])}
    for requirement in report["requirements"]:
        if requirement["id"] not in red:
            requirement |= {"selected": False, "outcome": "not-selected"}
    edit(runs[1], requirements=report["requirements"])
    assert publish_with_comments(runs, tmp_path / "published").is_dir()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"target": "another"}, "the two runs differ: target is"),
        ({"registry": {"digest": "0", "size": 1}}, "the two runs differ: registry is"),
        ({"complete": False}, "is a run without a usable result"),
        ({"conclusion": "harness-error"}, r"is a run without a usable result \(harness-error\)"),
    ],
)
def test_different_or_incomplete_runs_are_not_published(
    runs: tuple[Path, Path], tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    edit(runs[1], **changes)
    with pytest.raises(NotPublishableError, match=sentence):
        publish(*runs, tmp_path / "published", None)


def test_partial_first_run_is_not_published(runs: tuple[Path, Path], tmp_path: Path) -> None:
    report = json.loads((runs[0] / "report.json").read_text(encoding="utf-8"))
    report["requirements"][-1] |= {"selected": False, "outcome": "not-selected"}
    edit(runs[0], requirements=report["requirements"])
    with pytest.raises(NotPublishableError, match="does not include 1 requirement; publish only whole runs"):
        publish(*runs, tmp_path / "published", None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("reading = 3", "cannot be read"),
        ("[[reading]\n", "cannot be read"),
        (
            '[[reading]]\nrequirement = "CRED-001"\nkind = "bad"\ntext = "x"',
            "unknown kind 'bad'; expected one of defect",
        ),
        ('[[reading]]\nrequirement = "CRED-001"\n', "cannot be read"),
    ],
)
def test_invalid_comments_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / published_index.READINGS).write_text(text, encoding="utf-8")
    with pytest.raises(NotPublishableError, match=sentence):
        published_index.readings(tmp_path / published_index.READINGS)


def test_comment_on_an_unknown_requirement_is_refused(runs: tuple[Path, Path], tmp_path: Path) -> None:
    folder = publish_with_comments(runs, tmp_path / "published")
    with (folder / published_index.READINGS).open("a", encoding="utf-8") as readings:
        readings.write('[[reading]]\nrequirement = "XXX-001"\nkind = "defect"\ntext = "gone"\n')
    with pytest.raises(NotPublishableError, match="has a comment on XXX-001"):
        publish(*runs, tmp_path / "published", None)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (published_index.REPORT, b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xff\xff", "is not a published report: "),
        (
            published_index.REPORT,
            gzip.compress(b'{"report": 2}'),
            "is not a published report: the report violates its schema",
        ),
        (published_index.REPORT, gzip.compress(b"[]"), "is not a published report: "),
        (published_index.ABOUT, b"{}", "publication.json has no command; create it with `gatebench publish`"),
        (published_index.ABOUT, b"[]", "publication.json has no command; create it with `gatebench publish`"),
    ],
    ids=["cut off", "no report", "no object", "no publication", "no object as publication"],
)
def test_damaged_published_folder_is_refused(
    runs: tuple[Path, Path], tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    folder = publish_with_comments(runs, tmp_path / "published")
    (folder / name).write_bytes(content)
    with pytest.raises(NotPublishableError, match=sentence):
        published_index.read(folder)


def test_folder_that_cannot_be_written_is_named(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in runs:
        edit(folder, target="reference")
    (tmp_path / "file").touch()
    assert cli.main(["publish", *map(str, runs), "--to", str(tmp_path / "file")]) == 2
    assert f"cannot publish {runs[0]}: {tmp_path / 'file'}" in capsys.readouterr().err
