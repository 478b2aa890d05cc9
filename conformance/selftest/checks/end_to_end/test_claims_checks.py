"""Tests of the checks of claims.toml."""

from typing import Any

import pytest

from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, not_observed, passes
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder
from gatebench.conformance.transcript import Transcript


def feature(
    builder: TranscriptBuilder, by: str, exchange: ClientRequest | None = None, *, claimed: bool = True, **facts: Any
) -> ClientRequest | None:
    """Add a feature and the example that shows it."""
    shown = {"by": by, "example": "an example", "detail": "nothing", **facts}
    shown |= {"exchange": exchange.exchange} if exchange else {}
    builder.observe("feature", feature="a feature", claimed=claimed, **shown)
    return exchange


def listed(builder: TranscriptBuilder, tools: Any) -> ClientRequest:
    made = builder.ask("alice", "workbench", "tools/list")
    return made.answered(200, made.reply("mail", tools=tools))


def connected(builder: TranscriptBuilder, **result: Any) -> ClientRequest:
    made = builder.ask("alice", "calculator", "initialize")
    return made.answered(200, made.reply("calculator", **result))


OVERRIDE: dict[str, Any] = {"header": "X-Custom-Header", "value": "n-1"}
NEW = "2026-07-28"


@passes("CLM-001")
def test_claimed_features_work(builder: TranscriptBuilder) -> int:
    feature(builder, "call", builder.call("alice", "calculator"))
    feature(builder, "refusal", builder.ask("dave", "calculator").answered(403))
    feature(builder, "list", listed(builder, [{"name": "whoami"}]))
    overriding = builder.ask("alice", "calculator").arrives(also=[("x-custom-header", "n-1")])
    feature(builder, "header", overriding.answered(), **OVERRIDE)
    feature(builder, "revision", connected(builder, protocolVersion=NEW), revision=NEW)
    feature(builder, "revision", connected(builder, supportedVersions=["2025-11-25", NEW]), revision=NEW)
    feature(builder, "verb", supported=True)
    return 7


@fails("CLM-001")
@pytest.mark.parametrize("status", [200, 403])
def test_claimed_call_fails(builder: TranscriptBuilder, status: int) -> ClientRequest | None:
    return feature(builder, "call", builder.ask("alice", "calculator").arrives().refused("no", status=status))


@fails("CLM-001")
def test_claimed_call_is_not_forwarded(builder: TranscriptBuilder) -> ClientRequest | None:
    return feature(builder, "call", builder.ask("alice", "calculator").answered())


@fails("CLM-001")
@pytest.mark.parametrize("status", [200, 400, 401, 404, 500])
def test_claimed_refusal_has_another_status(builder: TranscriptBuilder, status: int) -> ClientRequest | None:
    return feature(builder, "refusal", builder.ask("dave", "calculator").answered(status))


@fails("CLM-001")
def test_claimed_refusal_is_forwarded_all_the_same(builder: TranscriptBuilder) -> ClientRequest | None:
    return feature(builder, "refusal", builder.ask("dave", "calculator").arrives().answered(403))


@fails("CLM-001")
@pytest.mark.parametrize("tools", [[], None])
def test_claimed_list_is_empty(builder: TranscriptBuilder, tools: Any) -> ClientRequest | None:
    return feature(builder, "list", listed(builder, tools))


@fails("CLM-001")
@pytest.mark.parametrize("header", [("x-custom-header", "n-2"), ("x-custom", "n-1")], ids=str)
def test_claimed_override_is_not_forwarded(builder: TranscriptBuilder, header: tuple[str, str]) -> ClientRequest | None:
    overriding = builder.ask("alice", "calculator").arrives(also=[header])
    return feature(builder, "header", overriding.answered(), **OVERRIDE)


@fails("CLM-001")
@pytest.mark.parametrize(
    "result",
    [
        {},
        {"protocolVersion": "2025-11-25"},
        {"supportedVersions": ["2025-11-25"]},
        {"supportedVersions": NEW},
        {"supportedVersions": 5},
    ],
    ids=str,
)
def test_claimed_revision_is_not_negotiated(builder: TranscriptBuilder, result: dict[str, Any]) -> ClientRequest | None:
    return feature(builder, "revision", connected(builder, **result), revision=NEW)


@fails("CLM-001")
@pytest.mark.parametrize("by", ["list", "revision", "call"])
@pytest.mark.parametrize("result", [[1], "text", None, 5], ids=str)
def test_result_of_a_claimed_feature_is_no_object(
    builder: TranscriptBuilder, by: str, result: Any
) -> ClientRequest | None:
    made = builder.ask("alice", "calculator").arrives().answered(200, {"jsonrpc": "2.0", "id": 1, "result": result})
    return feature(builder, by, made, revision=NEW)


@fails("CLM-001")
@pytest.mark.parametrize("facts", [{"by": "verb", "supported": False}, {"by": "nothing"}], ids=str)
def test_claimed_feature_without_exchange_fails(builder: TranscriptBuilder, facts: dict[str, Any]) -> None:
    feature(builder, **facts)


@passes("CLM-001")
def test_unclaimed_feature_may_fail(builder: TranscriptBuilder) -> int:
    feature(builder, "call", builder.ask("alice", "calculator").answered(403), claimed=False)
    return 1


def test_working_unclaimed_feature_is_remarked(builder: TranscriptBuilder) -> None:
    feature(builder, "verb", supported=True, claimed=False)
    feature(builder, "verb", supported=False, claimed=False)
    feature(builder, "verb", supported=True)
    judge = CheckContext()
    REGISTRY["CLM-001"].load_check()(judge, Transcript(builder.events, builder.facts))
    assert judge.remarks == ["a feature is not claimed, but works: an example"]
    assert not judge.violations


@not_observed("CLM-001")
def test_unrelated_observation_is_not_judged(builder: TranscriptBuilder) -> None:
    builder.observe("guide-call", error="all is lost")
