"""Options of pytest in `gatebench run`, and a gateway of which only the address and a token are known."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatebench.conformance.selftest.support.processes.command import gatebench
from gatebench.fixtures.gateways.lookup import by_name
from gatebench.fixtures.harness.bench import Bench, running_bench


def test_lf_judges_failed_items_again(tmp_path: Path) -> None:
    chosen = "test_cookies and calculator and 2025-11-25"
    first = gatebench(tmp_path, "run", "fastmcp", "-k", chosen, "--json")
    again = gatebench(tmp_path, "run", "fastmcp", "--lf", "--json")
    judged = [json.loads(result.stdout)["judged"] for result in (first, again)]
    assert first.returncode == again.returncode == 1
    assert judged[0]["totals"]["pass"] > 0
    assert judged[1]["totals"]["pass"] == 0
    assert judged[1]["totals"]["fail"] > 0


def test_lf_after_a_run_without_failures_is_refused(tmp_path: Path) -> None:
    assert gatebench(tmp_path, "run", "-k", "ACC-003", "--quiet").returncode == 0
    again = gatebench(tmp_path, "run", "--lf")
    assert again.returncode == 2
    assert "nothing failed in the last run" in again.stderr


def test_reports_are_written_to_the_given_paths(tmp_path: Path) -> None:
    result = gatebench(
        tmp_path,
        "run",
        "-k",
        "ACC-003",
        "--json",
        "--junitxml",
        "ci/junit.xml",
        "--alluredir",
        "allure",
        "--out",
        "out",
    )
    assert (result.returncode, result.stderr) == (0, "")
    printed = json.loads(result.stdout)
    assert printed["conclusion"] == "conformant"
    assert printed["totals"]["pass"] == 1
    assert printed["evidence"] == str(tmp_path / "out")
    assert (tmp_path / "ci/junit.xml").read_bytes() == (tmp_path / "out/junit.xml").read_bytes()
    (builder, *_) = [json.loads(path.read_bytes()) for path in (tmp_path / "allure").glob("*-result.json")]
    labels = {label["name"]: label["value"] for label in builder["labels"]}
    assert (labels["epic"], labels["feature"]) == ("core", "access")
    assert labels["story"].startswith("ACC-003 MUST: ")
    assert any(step["name"].startswith("client → gateway: POST ") for step in builder["steps"])
    assert not any(parameter.get("mode") for parameter in builder["parameters"])


# -- from outside


@pytest.fixture(scope="module")
def running_reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Return a bench with a running reference gateway, of which the tests pass only the address and a token to gatebench."""
    transcript = tmp_path_factory.mktemp("elsewhere") / "transcript.jsonl"
    with running_bench(by_name("reference"), transcript, features=[], listener=lambda _event: None) as bench:
        yield bench


def test_run_on_an_address_with_a_token(running_reference: Bench, tmp_path: Path) -> None:
    address, token = running_reference.target.url("calculator"), running_reference.identities.token("alice")
    result = gatebench(tmp_path, "run", address, "--token-env", "GW", "--out", "seen", GW=token)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "no finding from outside; traffic to the upstreams was not checked" in result.stdout
    report = json.loads((tmp_path / "seen/report.json").read_text(encoding="utf-8"))
    judged = {r["id"] for r in report["requirements"] if r["selected"]}
    endpoint = {"AUTH-001", "AUTH-002", "AUTH-009", "AUTH-011", "END-002", "END-003", "END-007", "END-008"}
    assert judged == endpoint | {"PRM-001", "PRM-002", "PRM-003", "PRM-005"}
    assert {r["outcome"] for r in report["requirements"] if r["selected"]} == {"pass"}
    for path in (tmp_path / "seen.toml", *(tmp_path / "seen").iterdir()):
        assert token not in path.read_text(encoding="utf-8")


def test_gateway_without_authentication_has_findings(running_reference: Bench, tmp_path: Path) -> None:
    """The gateway here is an upstream itself, which requires no token."""
    address = running_reference.world_json["upstreams"]["everything"]["url"]
    result = gatebench(tmp_path, "run", address, "--token-env", "GW", "--json", "--out", "seen", GW="a-token-of-no-use")
    assert result.returncode == 1, result.stdout + result.stderr
    printed = json.loads(result.stdout)
    assert {finding["requirement"] for finding in printed["findings"]} >= {"AUTH-001", "AUTH-002"}


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        ("", "the environment variable GW is not set"),
        ("short", "the token of alice cannot be kept out of reports: "),
        ("a token with spaces ", "the token of alice has characters that a header cannot carry"),
        ("an-unknown-token", "the gateway does not accept the token that was found in the environment"),
    ],
)
def test_bad_token_is_refused(running_reference: Bench, tmp_path: Path, token: str, sentence: str) -> None:
    address = running_reference.target.url("calculator")
    result = gatebench(tmp_path, "run", address, "--token-env", "GW", GW=token)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_token_env_without_url_is_refused(tmp_path: Path) -> None:
    result = gatebench(tmp_path, "run", "reference", "--token-env", "GW")
    assert (result.returncode, "--token-env requires a URL as target" in result.stderr) == (2, True)
