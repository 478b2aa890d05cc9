"""load.json and the schema that describes it."""

import json
from pathlib import Path

import jsonschema

from gatebench.load.results import report_model
from gatebench.load.testbed.host import HostCpuSample, describe, same
from tests.support.load.load_reports import report

DATA = Path(__file__).parents[2] / "reports" / "data"


def test_committed_schema_matches_the_model() -> None:
    assert report_model.SCHEMA.read_text(encoding="utf-8") == report_model.schema(), (
        "run `python -m gatebench.load.results.report_model`"
    )


def test_report_is_valid_against_its_schema(tmp_path: Path) -> None:
    path = report_model.write(report(), tmp_path)
    written = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(json.loads(report_model.schema())).validate(written)
    assert report_model.LoadReport.model_validate(written) == report()


def test_machines_are_compared_by_their_facts() -> None:
    here = describe()
    assert same(here, describe())
    assert not same(here, here.model_copy(update={"id": "another"}))
    assert not same(here, here.model_copy(update={"python": "2.7.18"}))


def test_host_cpu_shares_are_relative_to_all_cores() -> None:
    before, after = HostCpuSample(0.0, 0.0, 0.0), HostCpuSample(10.0, 1.0, 2.0)
    assert after.since(before, cores=2) == (0.05, 0.2)
    assert HostCpuSample.now().wall > 0


def test_stored_test_report_is_valid() -> None:
    report_model.LoadReport.model_validate_json((DATA / "load.json").read_bytes())
