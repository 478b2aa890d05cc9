"""Load on the URL of a running gateway with a server behind it that is not gatebench's."""

import json
from pathlib import Path
from typing import Any

import pytest

from gatebench.load.experiments import overhead_run
from gatebench.load.experiments.url_target.endpoint import Endpoint
from gatebench.load.results.report_model import LoadReport
from tests.support.load.url_load import ALICE, BOB, SHORT, TOOL, USERS, LoadCommand
from tests.support.mocks.foreign_mcp import LEGACY, MODERN, Behaviour, ForeignMcp


def test_foreign_tool_gets_only_its_arguments(load: LoadCommand) -> None:
    expected = ["--expect", "/content/0/text/user=alice", "--expect", "/content/0/text/degrees=21"]
    header = ["--header", "X-Tenant: tenant-of-secret-value"]
    with ForeignMcp(Behaviour(USERS)) as far:
        assert load("run", far.url, "--token-env", "GW", *TOOL, *SHORT, *expected, *header) in (0, 2, 4), load.err
    report = load.report
    assert report.complete, report.said
    assert report.arms[0].failed == 0
    assert report.arms[0].done > 10
    assert {one.operation for one in report.arms[0].operations} >= {"call", "call in a session"}
    assert {json.dumps(call["arguments"]) for call in far.calls} == {'{"city": "Oslo"}'}
    assert "nonce" not in json.dumps(far.metas)
    assert {one.get("X-Tenant") for one in far.headers} == {"tenant-of-secret-value"}
    assert report.gateway == "foreign 7"
    for secret in (ALICE, "tenant-of-secret-value"):
        assert secret not in load.written
    for part in (
        "verified in every answer: HTTP status",
        "not verified, because the upstream",
        "values redacted: X-Tenant",
    ):
        assert any(part in note for note in report.notes), part


@pytest.mark.parametrize(("revision", "left_out"), [(LEGACY, None), (MODERN, "left out 'call in a session'")])
def test_server_with_one_era(load: LoadCommand, revision: str, left_out: str | None) -> None:
    with ForeignMcp(Behaviour(revisions=(revision,))) as far:
        load("run", far.url, *TOOL, *SHORT)
    assert load.report.arms[0].failed == 0
    assert load.report.arms[0].done > 10
    assert any(str(left_out) in note for note in load.report.notes) == bool(left_out)


def test_mixed_up_callers_fail_the_run(load: LoadCommand, tokens: str) -> None:
    isolation = ["--tokens-file", tokens, "--isolation", "/content/0/text/user", "--profile", "single-call"]
    isolation += ["--header", "X-Env: zqx"]
    with ForeignMcp(Behaviour(USERS, mixed_up_every=17)) as far:
        assert load("run", far.url, *TOOL, *SHORT, *isolation) == 1, load.out
    assert load.report.conclusion == "wrong-answers"
    assert "the response belongs to user" in load.report.wrong_answers[0].said
    assert BOB not in load.written
    assert "X-Env: «header»" in load.report.wrong_answers[0].request
    assert "zqx" not in load.written, "too short to be redacted by value"


def test_short_tokens_are_accepted_and_redacted_as_words(
    load: LoadCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GW", "sk-1234")
    assert load("run", "http://127.0.0.1:9/mcp", *TOOL, "--token-env", "GW") == 2
    tokens = tmp_path / "short.txt"
    tokens.write_text(f"sk-1234\n{BOB}\n")
    isolation = ["--tokens-file", str(tokens), "--isolation", "/content/0/text/user", "--profile", "single-call"]
    with ForeignMcp(Behaviour({"sk-1234": "alice", BOB: "bob"}, mixed_up_every=17)) as far:
        assert load("run", far.url, *TOOL, *SHORT, *isolation) == 1, load.out
    assert "sk-1234" not in load.written
    assert BOB not in load.written
    assert any("Bearer «token 1»" in one.request for one in load.report.wrong_answers)
    assert any("fewer than 8 characters" in note for note in load.report.notes)


def test_value_is_named_by_jsonpath(load: LoadCommand) -> None:
    with ForeignMcp() as far:
        assert load("run", far.url, *TOOL, "--expect", "$.content[0]['text'].city=Rome") == 2
    assert '/content/0/text/city is "Oslo", expected "Rome"' in load.err


def test_isolated_callers_pass(load: LoadCommand, tokens: str) -> None:
    isolation = ["--tokens-file", tokens, "--isolation", "/content/0/text/user"]
    with ForeignMcp(Behaviour(USERS)) as far:
        assert load("run", far.url, *TOOL, *SHORT, *isolation) in (0, 2, 4)
    assert (load.report.wrong_count, load.report.arms[0].failed) == (0, 0)
    assert {header["Authorization"] for header in far.headers} == {f"Bearer {token}" for token in USERS}


def test_tool_that_begins_to_fail_is_a_failed_run(load: LoadCommand) -> None:
    with ForeignMcp(Behaviour(fails_after=4, version="7 \ud83c")) as far:
        assert load("run", far.url, *TOOL, *SHORT, "--profile", "single-call") == 1
    assert "none of" in load.report.said
    assert load.report.gateway == "foreign 7 \\ud83c", "a text that was cut within a character"
    assert "tool-error: the tool result has isError: the sky has fallen \\ud83c" in load.out.replace("\n  ", " ")
    assert 'class="verdict bad"' in (load.folder / "load.html").read_text()


def test_gateway_that_dies_is_a_finding_and_results_are_kept(load: LoadCommand) -> None:
    with ForeignMcp(Behaviour(dies_after=80)) as far:
        assert load("run", far.url, *TOOL, "--seconds", "6", "--rate", "20", "--profile", "single-call") == 1
    report = load.report
    assert (report.complete, report.ended_by) == (False, "gateway")
    assert sum(one.count for one in report.arms[0].operations if one.outcome == "ok") > 5


def test_overhead_relative_to_a_direct_url(load: LoadCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overhead_run, "MIN_ROUNDS", 10)
    with ForeignMcp(Behaviour(USERS)) as far, ForeignMcp() as upstream:
        direct = ["--direct-url", upstream.url, "--seconds", "5", "--rate", "40"]
        status = load("overhead", far.url, "--token-env", "GW", *TOOL, *direct)
    assert {header.get("Authorization") for header in upstream.headers} == {None}, (
        "the token is not sent to the upstream"
    )
    report = load.report
    assert status in (0, 2), report.said
    assert [(arm.name, arm.failed) for arm in report.arms] == [("direct", 0), ("gateway", 0)]
    assert any("fresh starts" in note and "not controlled" in note for note in report.notes)


def test_two_running_gateways_are_compared_without_starts(load: LoadCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overhead_run, "MIN_ROUNDS", 10)
    with ForeignMcp() as one, ForeignMcp() as two:
        status = load("gate", one.url, two.url, *TOOL, "--seconds", "5")
    report = load.report
    assert status in (0, 2, 4), report.said
    assert [arm.name for arm in report.arms] == ["baseline", "candidate"]
    assert any("nothing is started afresh" in note for note in report.notes)
    if report.comparison:
        assert report.comparison.starts == 0
        assert "no fresh starts" in load.out


def rate_note(report: LoadReport) -> Any:
    return next(note for note in report.notes if "instead of the profile's" in note)


def test_rate_is_chosen_if_none_is_given(load: LoadCommand, tmp_path: Path) -> None:
    path = tmp_path / "fast.toml"
    path.write_text(
        '[fast]\npurpose = "x"\nfinds = "y"\nrate = 100000\nseconds = 2\n[[fast.call]]\noperation = "call"\n'
    )
    with ForeignMcp() as far:
        load("run", far.url, *TOOL, "--profiles", str(path), "--profile", "fast")
    assert load.report.arms[0].failed == 0
    assert "half of what one user alone got" in rate_note(load.report)


def test_every_credential_of_query_and_cookie_is_redacted(load: LoadCommand) -> None:
    cookie = "a=cookie-value-one; b=cookie-value-two"
    with ForeignMcp() as far:
        url = f"{far.url}?key=query-value-one&key=query-value-two"
        load("run", url, *TOOL, *SHORT, "--profile", "single-call", "--header", f"Cookie: {cookie}")
    assert load.report.arms[0].failed == 0
    endpoint = Endpoint(url, headers={"Cookie": cookie})
    for value in ("query-value-one", "query-value-two", "cookie-value-one", "cookie-value-two"):
        assert value not in load.written
        assert endpoint.registry().redact(f"refused: {value}") != f"refused: {value}"
