"""Fingerprints of findings in SARIF are the same in every run, and differ between findings."""

import copy
from pathlib import Path

import pytest

from gatebench.reports.conformance import model
from gatebench.reports.conformance.formats import sarif

REPORT = model.build(Path(__file__).parents[2] / "data" / "run")


def hash_of(cause: str, requirement: str = "FID-002", outcome: str = "fail") -> str:
    return sarif.stable_hash({"requirement": requirement, "cause": cause, "outcome": outcome})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the answer arrived after 1.204 s", "the answer arrived after 0.981 s"),
        ("the scenario did not end within 15 s", "unstable: the scenario did not end within 15 s"),
        ("no connection to 127.0.0.1:41234", "no connection to 127.0.0.1:52345"),
        ("no connection to localhost:41234", "no connection to localhost:52345"),
        ("a body of 300213 bytes was cut", "a body of 300214 bytes was cut"),
    ],
)
def test_what_differs_between_runs_does_not_count(one: str, other: str) -> None:
    assert hash_of(one) == hash_of(other)
    assert hash_of(one) == hash_of(one, outcome="known-failure")


def test_other_findings_have_other_fingerprints() -> None:
    assert hash_of("<request> was answered 401") != hash_of("<request> was answered 403")
    assert hash_of("a") != hash_of("a", requirement="FID-003")


def test_fingerprints_do_not_depend_on_the_other_findings() -> None:
    (run,) = sarif.log(REPORT)["runs"]
    found = [result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]]
    assert len(set(found)) == len(found) > 2
    assert all(len(one) == 18 and one.endswith(":1") for one in found)
    alone = copy.deepcopy(REPORT)
    alone["findings"] = alone["findings"][1:2]
    (result,) = sarif.log(alone)["runs"][0]["results"]
    assert result["partialFingerprints"]["primaryLocationLineHash"] == found[1]


def test_runs_of_another_gateway_are_another_category() -> None:
    other = copy.deepcopy(REPORT)
    other["gateway"]["name"] = "other gateway"
    identities = [sarif.log(one)["runs"][0]["automationDetails"]["id"] for one in (REPORT, other)]
    assert len(set(identities)) == 2
    assert identities[1] == "gatebench/other%20gateway/"
