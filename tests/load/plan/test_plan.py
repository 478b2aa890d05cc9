"""Plans are written for their owner alone, and what is wrong with one is one sentence that quotes nothing."""

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


def test_a_plan_survives_its_file_which_only_its_owner_reads(tmp_path: Path) -> None:
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
def test_a_bad_plan_is_one_sentence(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**json.loads(a_plan().model_dump_json()), **change}))
    with pytest.raises(BenchError) as error:
        plans.read(path)
    assert sentence in str(error.value)
    assert str(path) in str(error.value)


def test_what_is_no_plan_or_not_there_is_one_sentence(tmp_path: Path) -> None:
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


def test_arms_have_names_of_their_own() -> None:
    with pytest.raises(ValidationError, match="two arms are called 'direct'"):
        a_plan(PlannedArm(name="direct", calls=[a_call()]), PlannedArm(name="direct", calls=[a_call()]))


def test_the_example_is_a_plan() -> None:
    example = plans.read(Path(__file__).parents[3] / "load/generator/examples/plan.json")
    assert [call.operation for call in example.arms[0].calls] == ["call", "list"]


def test_what_is_refused_is_not_shown() -> None:
    with pytest.raises(ValidationError) as refused:
        a_plan(rate=0, secrets={"pat:alice": "very-secret-value"})
    assert "very-secret" not in str(refused.value)
