"""report.html: its words, and the page as a browser shows it."""

import copy
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatebench.commands.conformance import report_files
from gatebench.reports.conformance import model, outcomes
from gatebench.reports.conformance.formats import html
from gatebench.reports.load import html as load_html
from tests.support import chromium

REPORT = model.build(Path(__file__).parents[2] / "data" / "run")
LEAK = next(f for f in REPORT["findings"] if f["requirement"] == "CRED-001")


def test_page_is_one_file_without_external_resources() -> None:
    text = html.render(REPORT)
    assert "default-src 'none'" in text
    assert not re.findall(r"""(?:src|href|action)=["'](?!#|data:)[^"']*""", text)
    assert "@import" not in text
    assert "url(" not in text


def test_conclusion_and_claims_come_before_findings() -> None:
    text = html.render(REPORT)
    places = [
        text.index(part) for part in ("Not conformant: 1 fail", 'id="claims"', 'id="findings"', 'id="requirements"')
    ]
    assert places == sorted(places)


def test_finding_card_has_source_evidence_and_values() -> None:
    text = html.render(REPORT)
    card = text[text.index(f'id="{LEAK["id"]}"') :]
    card = card[: card.index("</details>\n\n")] if "</details>\n\n" in card else card
    for part in ("GUIDE, G20", "guilty", "Positive control", "expected", "actual"):
        assert part in card
    assert '<b class="key">«pat:alice»</b>' in card


def test_recorded_text_is_escaped() -> None:
    report = copy.deepcopy(REPORT)
    report["findings"][0]["what"] = "<script>alert(1)</script>"
    report["findings"][0]["exchange"]["messages"][0]["body"] = '"><img src=x onerror=alert(1)>'
    report["gateway"]["name"] = "</title><script>alert(2)</script>"
    text = html.render(report)
    assert text.count("<script>") == 1
    assert "<img" not in text


@pytest.mark.parametrize("conclusion", ["conformant", "nothing-judged", "incomplete", "harness-error"])
def test_other_conclusions(conclusion: str) -> None:
    report = {**REPORT, "conclusion": conclusion, "incomplete_reason": "the run was cut off", "machine": {}}
    text = html.render(report)
    assert ('class="verdict good"' in text) == (conclusion == "conformant")
    assert "the run was cut off" in text


def test_empty_report() -> None:
    empty = {**REPORT, "findings": [], "judgements": [], "requirements": []}
    assert "None." in html.render(empty)


def test_outcomes_are_explained() -> None:
    assert tuple(outcomes.MEANINGS) == outcomes.ORDER
    table = (Path(__file__).parents[4] / "docs" / "report.md").read_text(encoding="utf-8")
    for outcome, meaning in outcomes.MEANINGS.items():
        assert f"| `{outcome}` | {meaning} |" in table
    assert "<dd>violated</dd>" in html.render(REPORT)


def test_claims_without_results_are_not_said_to_be_covered() -> None:
    text = html.render({**REPORT, "claims": {**REPORT["claims"], "features": ["sessions"]}})
    assert ">none in this run<" in text[text.index("<tr><td>sessions</td>") :].split("</tr>")[0]


def test_results_from_outside_are_counted_for_that_claim() -> None:
    outside = {**REPORT["judgements"][0], "scenario": "outside/initialize[2025-11-25]", "outcome": "pass"}
    text = html.render(
        {**REPORT, "claims": {**REPORT["claims"], "features": ["outside"]}, "judgements": [outside, outside]}
    )
    assert 'title="pass">2<' in text[text.index("<tr><td>outside</td>") :].split("</tr>")[0]


def test_every_outcome_has_a_sign_of_its_own() -> None:
    signs: dict[str, str] = {}
    for names, sign in re.findall(r"^([^{]*)\{[^}]*--sign: \"(.)\"", html.render(REPORT), re.MULTILINE):
        signs |= dict.fromkeys(re.findall(r"\.o-([a-z-]+)", names), sign)
    assert sorted(signs) == sorted(outcomes.ORDER)
    assert len(set(signs.values())) == len(outcomes.ORDER)


def test_backticks_of_requirements_are_code() -> None:
    report = copy.deepcopy(REPORT)
    report["requirements"][0]["text"] = "`dialect.denied` is <b>kept</b>."
    assert "<code>dialect.denied</code> is &lt;b&gt;kept&lt;/b&gt;." in html.render(report)


def test_untestable_requirements_with_one_reason_share_a_card() -> None:
    obstacle = next(f for f in REPORT["findings"] if f["outcome"] == "untestable")
    other = {**obstacle, "id": "SES-009-abcdef", "requirement": "SES-009"}
    text = html.render({**REPORT, "findings": [*REPORT["findings"], other]})
    assert text.count('class="card finding') == len(REPORT["findings"])
    assert "This prevents the check of 2 requirements" in text
    assert '<a id="SES-009-abcdef"></a>' in text  # links to it still work


# -- in a browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if not chromium.found():
        pytest.skip("NOT RUN: there is no Chromium on this machine; install the package `chromium`")
    path = html.write(REPORT, tmp_path_factory.mktemp("page"))
    with chromium.ChromiumPage() as opened:
        opened.address = path.as_uri()  # type: ignore[attr-defined]
        yield opened


@pytest.fixture
def fresh(page: Any) -> Any:
    page.open("about:blank")
    page.open(page.address)
    return page


def shown(page: Any, kind: str) -> list[str]:
    found: list[str] = page.run(f"[...document.querySelectorAll('details.{kind}:not([hidden])')].map(card => card.id)")
    return found


def test_page_opens_without_console_errors_or_requests(fresh: Any) -> None:
    assert len(shown(fresh, "finding")) == len(REPORT["findings"])
    assert len(shown(fresh, "req")) == len(REPORT["requirements"])
    assert {url for url in fresh.requests if url != "about:blank"} == {fresh.address}
    assert fresh.complaints == []


def test_filter_by_outcome_group_level_and_text(fresh: Any) -> None:
    fresh.run("document.querySelector('.chip[value=fail]').click()")
    assert shown(fresh, "finding") == [LEAK["id"]]
    assert "1 of 5 findings" in fresh.run("document.getElementById('shown').textContent")
    fresh.run("document.querySelector('.chip[value=fail]').click()")
    fresh.run(
        "const choice = document.querySelector('[name=group]'); choice.value = 'consent';"
        "choice.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    assert {name[:4] for name in shown(fresh, "finding")} == {"CONS"}
    fresh.press("x")
    fresh.press("/")
    for letter in "pat:alice":
        fresh.press(letter)
    assert LEAK["id"] in shown(fresh, "finding")
    assert len(shown(fresh, "finding")) < len(REPORT["findings"])
    assert fresh.run("location.hash") == "#?text=pat%3Aalice"


def test_keyboard_opens_and_closes_findings(fresh: Any) -> None:
    is_open = f"document.getElementById('{LEAK['id']}').open"
    fresh.press("j")
    fresh.press("o")
    assert fresh.run(is_open)
    fresh.press("c")
    assert not fresh.run(is_open)
    fresh.press("e")
    assert fresh.run("[...document.querySelectorAll('details.finding')].every(card => card.open)")
    assert fresh.run("[...document.querySelectorAll('.seq .more details')].every(body => !body.open)")
    assert "message at fault" in fresh.run(
        "getComputedStyle(document.querySelector('.guilty .say'), '::before').content"
    )
    assert fresh.complaints == []


def test_deep_link_opens_its_finding(page: Any) -> None:
    page.open("about:blank")
    page.open(f"{page.address}#{LEAK['id']}")
    assert page.run(f"document.getElementById('{LEAK['id']}').open")
    page.open("about:blank")
    page.open(f"{page.address}#?outcome=fail")
    assert shown(page, "finding") == [LEAK["id"]]


def test_print_opens_the_findings_and_their_bodies(fresh: Any) -> None:
    opened = "[...document.querySelectorAll('details.finding, .finding .seq details, .finding .control details')]"
    fresh.run("dispatchEvent(new Event('beforeprint'))")
    assert fresh.run(f"{opened}.every(part => part.open)")
    fresh.run("dispatchEvent(new Event('afterprint'))")
    assert not fresh.run(f"{opened}.some(part => part.open)")


def test_page_fits_a_phone_screen(fresh: Any, tmp_path: Path) -> None:
    fresh.press("e")
    picture = fresh.look(tmp_path / "narrow.png", width=390, height=800)
    assert picture.stat().st_size > 1000
    assert fresh.run("document.documentElement.scrollWidth <= innerWidth")


def test_load_results_are_included(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "data" / "load.json", tmp_path)
    text = html.write(REPORT, tmp_path, load_html.section(tmp_path)).read_text(encoding="utf-8")
    assert 'id="load"' in text
    assert text.count("<svg") > 2
    assert 'id="load"' not in html.render(REPORT)


def test_load_report_that_cannot_be_read_does_not_prevent_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "load.json").write_text("{", encoding="utf-8")
    assert report_files.write_page(REPORT, tmp_path).exists()
    assert "report.html does not show the load: " in capsys.readouterr().err
