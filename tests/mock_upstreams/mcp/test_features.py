"""Resources, prompts, completion, logging and content of every kind, in both eras."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.mocks.mcp_http import UpstreamClient, answer_of, next_event

Post = Callable[..., Any]
ERAS = ["legacy", "modern"]


@pytest.fixture(params=["features", "lean-features"])
def caller(request: pytest.FixtureRequest, serve: Callable[..., UpstreamClient]) -> UpstreamClient:
    return serve(application=request.param, name="everything")


@pytest.fixture
def complete(serve: Callable[..., UpstreamClient]) -> UpstreamClient:
    """A server with log messages and content of every kind."""
    return serve(application="features", name="everything")


@pytest.fixture(params=ERAS)
def post(request: pytest.FixtureRequest, caller: UpstreamClient) -> Post:
    if request.param == "modern":
        return caller.modern
    caller.initialize()
    return caller.post


LISTS = [
    ("resources/list", "resources", 6),
    ("resources/templates/list", "resourceTemplates", 3),
    ("prompts/list", "prompts", 4),
]


@pytest.mark.parametrize(("method", "key", "count"), LISTS)
def test_lists_are_paginated(caller: UpstreamClient, post: Post, method: str, key: str, count: int) -> None:
    whole = answer_of(post(method))["result"][key]
    assert len(whole) == count
    caller.control("PUT", "pages", {"size": 1})
    found, params = [], {}
    while True:
        result = answer_of(post(method, params))["result"]
        found += result[key]
        if "nextCursor" not in result:
            break
        params = {"cursor": result["nextCursor"]}
    assert found == whole
    caller.control("PUT", "pages", {"size": None})


def test_every_listed_resource_can_be_read(post: Post) -> None:
    for resource in answer_of(post("resources/list"))["result"]["resources"]:
        result = answer_of(post("resources/read", {"uri": resource["uri"]}))["result"]
        assert result["contents"][0]["uri"] == resource["uri"]
    assert (
        answer_of(post("resources/read", {"uri": "test://template/7/data"}))["result"]["contents"][0]["text"]
        == '{"id": "7"}'
    )


def test_unknown_resource_prompt_and_cursor_are_errors(caller: UpstreamClient, post: Post) -> None:
    code = -32602 if post == caller.modern else -32002
    error = answer_of(post("resources/read", {"uri": "test://nothing"}))["error"]
    assert (error["code"], error["data"]) == (code, {"uri": "test://nothing"})
    assert answer_of(post("prompts/get", {"name": "nothing"}))["error"]["code"] == -32602
    assert answer_of(post("resources/list", {"cursor": "nothing"}))["error"]["code"] == -32602


def test_prompts_and_completion(post: Post) -> None:
    got = answer_of(
        post("prompts/get", {"name": "test_prompt_with_arguments", "arguments": {"arg1": "a", "arg2": "b"}})
    )["result"]
    assert got["messages"][0]["content"]["text"] == "Prompt with arguments: arg1='a', arg2='b'"
    asked = {
        "ref": {"type": "ref/prompt", "name": "test_prompt_with_arguments"},
        "argument": {"name": "arg2", "value": "x"},
        "context": {"arguments": {"arg1": "a"}},
    }
    values = answer_of(post("completion/complete", asked))["result"]["completion"]["values"]
    assert values == ["x1", "x2", "everything|test_prompt_with_arguments|arg1=a"]


@pytest.mark.parametrize("era", ERAS)
def test_content_of_each_kind(complete: UpstreamClient, era: str) -> None:
    if era == "legacy":
        complete.initialize()
    post = complete.modern if era == "modern" else complete.post
    result = answer_of(post("tools/call", {"name": "test_multiple_content_types", "arguments": {}}))["result"]
    assert [one["type"] for one in result["content"]] == ["text", "image", "resource", "resource_link", "text"]
    assert answer_of(post("tools/call", {"name": "test_error_handling", "arguments": {}}))["result"]["isError"]


def levels(response: Any) -> list[str]:
    events = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
    return [one["params"]["level"] for one in events if one.get("method") == "notifications/message"]


def test_log_messages_of_a_session(complete: UpstreamClient) -> None:
    caller = complete
    caller.initialize()
    call = ("tools/call", {"name": "test_tool_with_logging", "arguments": {}})
    assert levels(caller.post(*call))[0] == "info"
    assert answer_of(caller.post("logging/setLevel", {"level": "critical"}))["result"] == {}
    assert levels(caller.post(*call)) == ["critical", "alert", "emergency"]


def test_updates_reach_subscribers_only(caller: UpstreamClient) -> None:
    caller.initialize()
    uri = {"uri": "test://watched-resource"}
    with caller.http.stream("GET", "/mcp", headers=caller.session) as stream:
        lines = stream.iter_lines()
        assert caller.control("POST", "resources/updated", uri) == {"sessions": 0}
        answer_of(caller.post("resources/subscribe", uri))
        assert caller.control("POST", "resources/updated", uri) == {"sessions": 1}
        assert next_event(lines)["params"] == uri
        answer_of(caller.post("resources/unsubscribe", uri))
        assert caller.control("POST", "resources/updated", uri) == {"sessions": 0}
        caller.control("PUT", "resources", {"add": ["a"]})
        assert next_event(lines)["method"] == "notifications/resources/list_changed"
        caller.control("PUT", "prompts", {"add": ["added-a"]})
        assert next_event(lines)["method"] == "notifications/prompts/list_changed"


def test_updates_reach_listening_clients_only(caller: UpstreamClient) -> None:
    uri = {"uri": "test://watched-resource"}
    content, mirrored = caller.modern_request(
        "subscriptions/listen", {"notifications": {"resourceSubscriptions": [uri["uri"]], "promptsListChanged": True}}
    )
    with caller.http.stream("POST", "/mcp", json=content, headers=mirrored) as stream:
        lines = stream.iter_lines()
        assert next_event(lines)["method"] == "notifications/subscriptions/acknowledged"
        caller.control("POST", "resources/updated", {"uri": "test://static-text"})
        caller.control("POST", "resources/updated", uri)
        assert next_event(lines)["params"]["uri"] == uri["uri"]
        caller.control("PUT", "prompts", {"add": ["added-a"]})
        assert next_event(lines)["method"] == "notifications/prompts/list_changed"


def test_capabilities_are_those_of_its_features(caller: UpstreamClient, complete: UpstreamClient) -> None:
    lean = {
        "tools": {"listChanged": True},
        "resources": {"listChanged": True, "subscribe": True},
        "prompts": {"listChanged": True},
        "completions": {},
    }
    whole = answer_of(complete.modern("server/discover"))["result"]["capabilities"]
    assert whole == lean | {"logging": {}}
    assert answer_of(caller.modern("server/discover"))["result"]["capabilities"] in (lean, whole)
