"""load.json and the schema that describes it."""

import json
from pathlib import Path

import jsonschema

from gatebench.load.results import report_model
from gatebench.load.testbed.host import HostCpuSample, describe, same
from tests.support.load.load_reports import report

DATA = Path(__file__).parents[2] / "reports" / "data"


def test_the_committed_schema_is_the_models() -> None:
    assert report_model.SCHEMA.read_text(encoding="utf-8") == report_model.schema(), (
        "run `python -m gatebench.load.results.report_model`"
    )


def test_a_report_is_what_its_schema_says(tmp_path: Path) -> None:
    path = report_model.write(report(), tmp_path)
    written = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(json.loads(report_model.schema())).validate(written)
    assert report_model.LoadReport.model_validate(written) == report()


def test_this_machine_is_the_same_as_itself_and_not_as_one_with_more_cores() -> None:
    here = describe()
    assert same(here, describe())
    assert not same(here, here.model_copy(update={"id": "another"}))
    assert not same(here, here.model_copy(update={"python": "2.7.18"}))


def test_shares_of_the_weather_are_of_all_cores() -> None:
    before, after = HostCpuSample(0.0, 0.0, 0.0, 0.0), HostCpuSample(10.0, 5.0, 1.0, 2.0)
    assert after.since(before, cores=2) == (0.25, 0.05, 0.2)
    assert HostCpuSample.now().busy > 0


def test_the_report_that_reports_are_tested_with_is_one() -> None:
    report_model.LoadReport.model_validate_json((DATA / "load.json").read_bytes())
