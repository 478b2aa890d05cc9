"""Load on a URL: what is refused before the load, and which calls of a profile are left out."""

from typing import Any

import pytest

from gatebench.fixtures.errors import BenchError
from gatebench.load.experiments.url_target.calls import UrlPlans, choose
from gatebench.load.experiments.url_target.discovery import Discovered, ToolCall
from gatebench.load.experiments.url_target.endpoint import Endpoint
from gatebench.load.plan.plan import PlannedCaller
from gatebench.load.profiles import profiles
from tests.support.load.url_load import ALICE, TOOL, USERS, LoadCommand
from tests.support.mocks.foreign_mcp import LEGACY, MODERN, Behaviour, ForeignMcp

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
