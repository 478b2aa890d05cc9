"""The lane of the guide's clients: a version that does not do as the guide says."""

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


def test_what_the_guide_promises_is_no_problem() -> None:
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
def test_anything_else_is_one_sentence(change: dict[str, object], sentence: str) -> None:
    assert list(run._problems("2", {"results": [{**GOOD[0], **change}, GOOD[1]]}, STEPS)) == [sentence]


def test_a_client_that_fails_altogether() -> None:
    assert list(run._problems("3", {"failure": "status 1: no"}, STEPS)) == ["fastmcp 3: status 1: no"]
