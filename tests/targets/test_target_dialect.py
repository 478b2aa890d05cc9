"""Dialects: what a descriptor may say, what follows from it, and a gateway that speaks another one than the guide's."""

from pathlib import Path
from typing import Any

import pytest
from target_bench import descriptor
from whole_run import WholeRun

from conformance.features import FEATURES, IMPLIED, claims_of
from conformance.transcript import Transcript, read
from fixtures.errors import BenchError
from fixtures.gateways.descriptor import Dialect, load
from fixtures.gateways.target import resolve

RUNNING = """
[gateway]
name = "acme"
[endpoints]
base_url = "http://127.0.0.1:9"
"""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("consent = 'http-410'", "dialect.consent is wrong: 'http-410' is none of its values; did you mean http-401?"),
        (
            "consent = 'zzz'",
            "dialect.consent is wrong: 'zzz' is none of its values; there are jsonrpc-error-data, http-401, ",
        ),
        (
            "override_form = 'prefixed'",
            "dialect.override_form is wrong: 'prefixed' is none of its values; did you mean prefixed-headers?",
        ),
        (
            "unknown_tool = ['tool-error', 'tool_error']",
            "dialect.unknown_tool.1 is wrong: 'tool_error' is none of its values; did you mean tool-error?",
        ),
        (
            "unknown_tool = 'tool-error'",
            "dialect.unknown_tool is wrong: input should be a valid list, not 'tool-error'",
        ),
        (
            "unreachable = []",
            "dialect.unreachable is wrong: list should have at least 1 item after validation, not 0, not []",
        ),
        (
            "unreachable = [502]",
            "dialect.unreachable.0 is wrong: 502 is none of its values; there are http-502, http-503, http-504, ",
        ),
        (
            "denied = ['403']",
            "dialect.denied is wrong: '403' is none of its values; there are statuses and jsonrpc-error, tool-error",
        ),
        (
            "consent_parameter = 'uri'",
            'dialect.consent_parameter says nothing unless dialect.consent = "http-401"; leave it out',
        ),
        (
            "consent = 'http-401'\nconsent_prefix = 'Visit:'",
            'dialect.consent_prefix says nothing unless dialect.consent = "tool-error"; leave it out',
        ),
        ("consent_form = 'http-401'", "dialect.consent_form is an unknown key; did you mean consent?"),
    ],
)
def test_what_a_dialect_cannot_say(tmp_path: Path, text: str, sentence: str) -> None:
    path = descriptor(tmp_path, f"{RUNNING}[dialect]\n{text}")
    with pytest.raises(BenchError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: {sentence}")


ALL = {"consent.guide-error", "consent.on-connecting", "override.json"}


@pytest.mark.parametrize(
    ("claims", "dialect", "implied"),
    [
        ("profiles = ['per-user-oauth', 'header-override']", "", ALL),
        ("profiles = ['core']", "", set()),
        ("profiles = ['header-override']", "", {"override.json"}),
        ("profiles = ['header-override']", "override_form = 'prefixed-headers'", set()),
        ("features = ['upstream.oauth']", "consent = 'http-401'", {"consent.on-connecting"}),
        ("features = ['upstream.oauth']", "consent = 'tool-error'", set()),
        ("features = ['upstream.oauth']", "consent = 'url-elicitation'", set()),
    ],
)
def test_what_follows_from_a_dialect(tmp_path: Path, claims: str, dialect: str, implied: set[str]) -> None:
    path = descriptor(tmp_path, f"{RUNNING}[dialect]\n{dialect}\n[claims]\n{claims}")
    assert claims_of(load(path), path).features & ALL == implied


@pytest.mark.parametrize("name", sorted(ALL))
def test_what_follows_is_not_claimed(tmp_path: Path, name: str) -> None:
    path = descriptor(tmp_path, f"{RUNNING}[claims]\nfeatures = ['{name}']")
    with pytest.raises(BenchError) as caught:
        claims_of(load(path), path)
    assert f"{path}: claims.features names {name!r}, which follows from the rest of the descriptor" in str(caught.value)


def test_every_implied_feature_is_one() -> None:
    assert IMPLIED.keys() == ALL
    assert ALL | {base for base, _ in IMPLIED.values()} <= FEATURES.keys()


# -- the house gateway


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> WholeRun:
    """A part of a run that meets every part of its dialect, in both eras."""
    part = "(test_two_consents and bob or test_flat or test_nested or test_unknown_tool or test_no_access and workbench"
    part += " or test_guide_finds_url and alice or test_bad_json) and not 2025-06-18"
    run = WholeRun(tmp_path_factory.mktemp("house"), "conformance/scenarios", "--target", "house", "-k", part)
    assert run.finish() == 0, run.output
    return run


def test_the_house_is_judged_by_its_own_dialect(house: WholeRun) -> None:
    text = (house.folder / "out" / "verdicts.jsonl").read_text(encoding="utf-8")
    for requirement in ("CONS-002", "CONS-003", "CONS-005", "OVR-001", "OVR-002", "DIA-001", "ACC-001"):
        assert f'"requirement": "{requirement}"' in text
    assert "consent.guide-error not claimed" in text, "the guide's client cannot work there, and that is said"
    assert "override.json not claimed" in text


def test_the_house_speaks_it_on_the_wire(house: WholeRun) -> None:
    transcript = Transcript(*read(house.transcript))
    calls = [call for call in transcript.client if call.tags["scenario"] != "smoke"]
    sent: set[str] = {name.lower() for call in calls for name, _ in call.request_headers}
    assert {"x-house-key", "x-upstream-everything-authorization", "x-upstream-calculator-x-only"} <= sent
    assert not {"authorization", "x-tfy-mcp-headers"} & sent
    statuses: dict[Any, set[int | None]] = {}
    for call in calls:
        statuses.setdefault(call.tags["principal"], set()).add(call.status)
    assert statuses["dave"] == {404}
    assert 401 in statuses["bob"]
    assert {"mail__whoami", "calendar__whoami"} <= {call.tool for call in calls}
    assert not any("Please visit" in call.response_text for call in calls)


def test_shipped_dialects() -> None:
    reference = load(resolve("reference")).dialect
    spelled_out = reference.model_copy(update={"upstream_seconds": Dialect().upstream_seconds})
    assert spelled_out == Dialect(), "but for its patience, it says what holds when nothing is said"
    fastmcp, house = load(resolve("fastmcp")).dialect, load(resolve("house")).dialect
    assert (fastmcp.unknown_tool, fastmcp.unreachable) == (["tool-error"], ["tool-error"])
    assert (house.consent, house.denied, house.unknown_tool) == ("http-401", [404], ["tool-error"])
