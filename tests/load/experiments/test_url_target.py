"""Load on the URL of a running gateway with a server behind it that is not gatebench's."""

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from gatebench import cli
from gatebench.fixtures.errors import BenchError
from gatebench.load.experiments import overhead_run
from gatebench.load.experiments.url_target.calls import UrlPlans, choose
from gatebench.load.experiments.url_target.discovery import Discovered, ToolCall
from gatebench.load.experiments.url_target.endpoint import Endpoint
from gatebench.load.plan.plan import PlannedCaller
from gatebench.load.profiles import profiles
from gatebench.load.results.report_model import LoadReport
from tests.support.mocks.certificates import self_signed
from tests.support.mocks.foreign_mcp import LEGACY, MODERN, Behaviour, ForeignMcp

ALICE, BOB = "tok_alice_0123456789", "tok_bob_9876543210"
USERS = {ALICE: "alice", BOB: "bob"}
TOOL = ["--tool", "weather", "--args", '{"city": "Oslo"}']
SHORT = ["--seconds", "2", "--rate", "15"]


class LoadCommand:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder / "out", capsys

    def __call__(self, *arguments: str) -> int:
        capsys, self.status = self._capsys, cli.main(["load", *arguments, "--out", str(self.folder)])
        self.out, self.err = capsys.readouterr()
        return self.status

    @property
    def report(self) -> LoadReport:
        return LoadReport.model_validate_json((self.folder / "load.json").read_bytes())

    @property
    def written(self) -> str:
        return "".join(path.read_text() for path in self.folder.iterdir()) + self.out + self.err


@pytest.fixture
def load(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> LoadCommand:
    monkeypatch.setenv("GW", ALICE)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return LoadCommand(tmp_path, capsys)


@pytest.fixture
def tokens(tmp_path: Path) -> str:
    path = tmp_path / "tokens.txt"
    path.write_text(f"{ALICE}\n\n{BOB}\n")
    return str(path)


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


BAD: dict[str, tuple[Behaviour, list[str], str]] = {
    "no tool": (
        Behaviour(),
        [],
        "name the tool to call with --tool (and its arguments with --args); available: forecast, weather",
    ),
    "wrong tool": (Behaviour(), ["--tool", "wether"], "has no tool 'wether'; did you mean weather?"),
    "schema": (
        Behaviour(),
        ["--tool", "weather", "--args", '{"city": 3}'],
        "does not satisfy the inputSchema of 'weather' at /city",
    ),
    "not JSON": (Behaviour(), ["--tool", "weather", "--args", "{city}"], "--args is not valid JSON"),
    "not an object": (Behaviour(), ["--tool", "weather", "--args", "[]"], "--args must be a JSON object"),
    "no token": (Behaviour(USERS), TOOL, "it needs a token: export one and name the variable with --token-env"),
    "refused": (Behaviour({"other-token": "x"}), [*TOOL, "--token-env", "GW"], "the token is invalid or expired"),
    "unset": (Behaviour(), [*TOOL, "--token-env", "NOWHERE"], "this environment variable is not set or empty"),
    "no file": (Behaviour(), [*TOOL, "--tokens-file", "none.txt"], "cannot read --tokens-file none.txt: No such file"),
    "not MCP": (
        Behaviour(page=True),
        TOOL,
        "is not an MCP endpoint: it answered initialize with status 404, text/html: Not here",
    ),
    "old": (Behaviour(revisions=()), TOOL, "failed at initialize as anonymous: JSON-RPC error -32601"),
    "value": (
        Behaviour(),
        [*TOOL, "--expect", "/content/0/text/city=Rome"],
        '/content/0/text/city is "Oslo", expected "Rome"',
    ),
    "pointer": (Behaviour(), [*TOOL, "--expect", "city=Rome"], "'city' is not a JSON Pointer"),
    "JSONPath": (Behaviour(), [*TOOL, "--expect", "$..city=Rome"], "'$..city' is not a JSON Pointer"),
    "half a character": (
        Behaviour(),
        [*TOOL, "--expect-equal", '"\\ud83c"'],
        "--expect-equal holds half a surrogate pair",
    ),
    "one user": (Behaviour(), [*TOOL, "--isolation", "/content/0/text/user"], "--isolation needs at least two tokens"),
    "profile": (
        Behaviour(),
        [*TOOL, "--profile", "fan-out"],
        "profile fan-out changes upstreams of gatebench: with a URL, use one of",
    ),
    "callers": (
        Behaviour(),
        [*TOOL, "--profile", "strangers"],
        "profile strangers needs callers of gatebench: with a URL, use one of",
    ),
    "header": (
        Behaviour(),
        [*TOOL, "--header", "secret words"],
        "--header number 1 is not a header: write it as 'Name: value'",
    ),
    "sheet": (Behaviour(), [*TOOL, "--sheet", "world.json"], "--sheet is for targets that gatebench starts"),
    "CA": (Behaviour(), [*TOOL, "--ca-file", "none.pem"], "cannot read --ca-file none.pem"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_before_any_load(load: LoadCommand, name: str) -> None:
    behaviour, options, sentence = BAD[name]
    with ForeignMcp(behaviour) as far:
        assert load("run", far.url, *options) == 2
    assert sentence in load.err
    assert len(load.err.strip().splitlines()) == 1
    assert len(far.calls) <= 3
    assert not (load.folder / "load.json").exists()
    assert ALICE not in load.written if load.folder.exists() else True


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "reference", "--tool", "x"], "--tool requires a URL as target"),
        (["run", "127.0.0.1:9/mcp", "--tool", "x"], "but 127.0.0.1:9/mcp is not one"),
        (["run", "http://127.0.0.1:9/mcp", *TOOL], "cannot reach http://127.0.0.1:9/mcp"),
        (["run", "http://me:pw@127.0.0.1/mcp", *TOOL], "a URL with a user and password is not supported"),
        (["overhead", "http://127.0.0.1:9/mcp", *TOOL], "name the upstream's address with --direct-url"),
        (["gate", "http://127.0.0.1:9/mcp", "reference", *TOOL], "reference is not a URL, but the other gateway is"),
    ],
)
def test_invalid_targets_are_refused(load: LoadCommand, arguments: list[str], sentence: str) -> None:
    assert load(*arguments) == 2
    assert sentence in load.err


def test_isolation_with_equal_values_is_refused(load: LoadCommand, tokens: str) -> None:
    with ForeignMcp() as far:
        assert load("run", far.url, *TOOL, "--tokens-file", tokens, "--isolation", "/content/0/text/user") == 2
    assert "user 1 and user 2 get the same value" in load.err


def test_proxy_of_the_environment_is_noted_and_not_used(load: LoadCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with ForeignMcp() as far:
        load("run", far.url, *TOOL, *SHORT, "--profile", "single-call")
    assert load.report.arms[0].failed == 0
    assert any("HTTP_PROXY is set, but not used" in note for note in load.report.notes)


def server_context(certificate: Path, *, clients: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificate)
    return context


def test_unknown_certificate_authority_is_refused(load: LoadCommand, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path / "server.pem")
    with ForeignMcp(tls=server_context(certificate)) as far:
        assert load("run", far.url, *TOOL) == 2
        assert "failed: [SSL: CERTIFICATE_VERIFY_FAILED]" in load.err
        assert "--ca-file" in load.err
        load("run", far.url, *TOOL, *SHORT, "--profile", "single-call", "--insecure")
    assert load.report.arms[0].failed == 0
    assert any("--insecure: the certificate of the server is not verified" in note for note in load.report.notes)


def test_server_without_tls_is_named(load: LoadCommand) -> None:
    with ForeignMcp() as far:
        assert load("run", far.url.replace("http:", "https:"), *TOOL) == 2
    assert "does not speak TLS: is its address http://" in load.err


def test_client_certificate_is_presented(load: LoadCommand, tmp_path: Path) -> None:
    certificate = str(self_signed(tmp_path / "both.pem"))
    with ForeignMcp(tls=server_context(Path(certificate), clients=True)) as far:
        trust = ["--ca-file", certificate, "--profile", "single-call"]
        assert load("run", far.url, *TOOL, *SHORT, *trust) == 2
        assert len(load.err.strip().splitlines()) == 1
        load("run", far.url, *TOOL, *SHORT, *trust, "--client-cert", certificate)
    assert load.report.arms[0].failed == 0


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


def test_listening_clients_stay_as_long_as_the_profile_says() -> None:
    profile = profiles.by_name("listening")
    profile = profile.model_copy(update={"call": [call.model_copy(update={"hold": 7.0}) for call in profile.call]})
    call = ToolCall("weather", {}, [])
    found = Discovered(Endpoint("http://127.0.0.1:9/mcp"), call, "", [LEGACY, MODERN], [PlannedCaller(name="a")], [])
    chosen, _ = choose(profile, found.revisions)
    assert {one.hold for one in UrlPlans(profile, chosen, found).calls()} == {7.0}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"callers": ["strangers"]}, "left out 'call': it needs"),
        ({"personal": True, "method": "tools/list"}, "left out 'call': it needs"),
        ({"member": "calculator"}, "left out 'call': it needs"),
    ],
)
def test_calls_about_gatebench_are_left_out(change: dict[str, Any], reason: str) -> None:
    profile = profiles.by_name("single-call")
    (call,) = profile.call
    profile = profile.model_copy(update={"call": [call.model_copy(update=change)]})
    with pytest.raises(BenchError, match=reason):
        choose(profile, [MODERN])
