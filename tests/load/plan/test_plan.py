"""Plans are readable by their owner only, and the error for a bad plan is one sentence without values."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gatebench.fixtures.errors import BenchError
from gatebench.load.plan import plan as plans
from gatebench.load.plan.plan import PlannedArm
from tests.support.load.load_plans import a_call, a_plan


def test_plan_is_written_for_its_owner_only_and_read_back(tmp_path: Path) -> None:
    plan, path = a_plan(secrets={"pat:alice": "very-secret-value"}), tmp_path / "plan.json"
    path.touch(0o644)
    plans.write(plan, path)
    assert plans.read(path) == plan
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seed": -1}, "seed: Input should be greater than or equal to 0"),
        ({"stages": []}, "stages: List should have at least 1 item"),
        ({"arrivals": "bursty"}, "arrivals: Input should be"),
        ({"colour": 1}, "colour: Extra inputs are not permitted"),
        ({"stages": [{"seconds": 1, "rate_from": 0, "rate_to": 0}]}, "all rates are zero"),
        ({"secrets": {"pin": "1234"}}, "the secret 'pin' has fewer than 8 characters"),
        ({"arrivals": "closed", "max_in_flight": 5}, "100 users at the same time, but max_in_flight is 5"),
    ],
)
def test_bad_plan_is_refused_with_one_sentence(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**json.loads(a_plan().model_dump_json()), **change}))
    with pytest.raises(BenchError) as error:
        plans.read(path)
    assert sentence in str(error.value)
    assert str(path) in str(error.value)


def test_invalid_or_missing_plan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    with pytest.raises(BenchError, match=r"cannot read the plan .*No such file"):
        plans.read(path)
    path.write_text('{"secrets": {"x": "hidden-credential"')
    with pytest.raises(BenchError, match="Invalid JSON") as error:
        plans.read(path)
    assert "hidden-credential" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"url": "ftp://127.0.0.1/"},
        {"url": "http:///mcp"},
        {"url": "http://127.0.0.1:99999/"},
        {"revision": "2020-01-01"},
        {"tool": ""},
        {"weight": 0},
        {"callers": []},
    ],
)
def test_a_bad_call_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_call(**change)


def test_arms_with_equal_names_are_refused() -> None:
    with pytest.raises(ValidationError, match="two arms are called 'direct'"):
        a_plan(PlannedArm(name="direct", calls=[a_call()]), PlannedArm(name="direct", calls=[a_call()]))


def test_example_plan_is_valid() -> None:
    example = plans.read(Path(__file__).parents[3] / "load/generator/examples/plan.json")
    assert [call.operation for call in example.arms[0].calls] == ["call", "list"]


def test_validation_error_contains_no_secret() -> None:
    with pytest.raises(ValidationError) as refused:
        a_plan(rate=0, secrets={"pat:alice": "very-secret-value"})
    assert "very-secret" not in str(refused.value)
