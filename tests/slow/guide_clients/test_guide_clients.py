"""The check of the guide's clients: a version whose results differ from the guide."""

import pytest

from tests.slow.guide_clients import run

STEPS = [
    {"name": "a", "url": "", "token": "", "tool": "whoami", "missing": 0},
    {"name": "b", "url": "", "token": "", "tool": "whoami", "missing": 2},
]
GOOD = [
    {"mode": "auto", "step": "a", "tools": ["whoami"], "content": {"x": 1}},
    {"mode": "auto", "step": "b", "auth_required": ["1", "2"]},
]


def test_results_of_the_guide_are_no_problem() -> None:
    assert list(run._problems("2", {"results": GOOD}, STEPS)) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"error": "McpError: no"}, "fastmcp 2, mode auto, a: McpError: no"),
        ({"auth_required": ["1"]}, "fastmcp 2, mode auto, a: 1 authorization URLs instead of 0"),
        ({"tools": ["other"]}, "fastmcp 2, mode auto, a: the tool whoami is not listed: other"),
        ({"content": None}, "fastmcp 2, mode auto, a: the call had no content"),
    ],
)
def test_other_result_is_reported_in_one_sentence(change: dict[str, object], sentence: str) -> None:
    assert list(run._problems("2", {"results": [{**GOOD[0], **change}, GOOD[1]]}, STEPS)) == [sentence]


def test_failed_client_is_reported_in_one_sentence() -> None:
    assert list(run._problems("3", {"failure": "status 1: no"}, STEPS)) == ["fastmcp 3: status 1: no"]
