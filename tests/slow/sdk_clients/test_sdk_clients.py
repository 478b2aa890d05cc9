"""The check of the SDKs' clients: which results are problems."""

from typing import Any

import pytest

from gatebench.mock_upstreams.mcp.features import catalogue
from tests.slow.sdk_clients import steps

BY_COMMAND_LINE: dict[str, Any] = {
    "tools": [f"everything-{name}" for name in steps.TOOLS],
    "text": "This is a simple text response for testing.",
    "resources": [entry["uri"] for entry in catalogue.resources("everything")],
    "templates": [entry["uriTemplate"] for entry in catalogue.templates("everything")],
    "resource of text": catalogue.contents("everything", "test://static-text", None),
    "prompts": [entry["name"] for entry in catalogue.prompts()],
    "prompt": [{"type": "text", "text": "Prompt with arguments: arg1='one', arg2='two'"}],
}


def found(**changed: Any) -> list[str]:
    return list(steps.problems("x", BY_COMMAND_LINE | changed, steps.BY_COMMAND_LINE))


def test_results_of_a_conformant_gateway_are_no_problem() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"text": {"error": "McpError: no"}}, "x, text: McpError: no"),
        ({"text": "another text"}, "x, text: unexpected result 'another text'"),
        ({"prompts": []}, "x, prompts: unexpected result []"),
        ({"prompts": None}, "x, prompts: unexpected result None"),
    ],
)
def test_other_result_is_reported_in_one_sentence(changed: dict[str, Any], sentence: str) -> None:
    assert found(**changed) == [sentence]


def test_client_that_cannot_connect_is_a_problem() -> None:
    results = {"connect": {"error": "TimeoutError: no"}}
    assert list(steps.problems("x", results)) == ["x: the client could not connect: TimeoutError: no"]


def test_a_step_that_did_not_run_is_a_problem() -> None:
    assert len(list(steps.problems("x", {}))) == len(steps.EXPECTED)
