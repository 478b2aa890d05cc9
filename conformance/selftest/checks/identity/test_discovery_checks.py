"""Tests of the checks of discovery.toml."""

from typing import Any

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import fails, passes, untestable
from gatebench.conformance.selftest.support.transcript_base import MetadataRead
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

BASE = "http://127.0.0.1:5000"
ENDPOINT = f"{BASE}/api/llm/mcp/calculator/server"
METADATA = f"{BASE}/.well-known/oauth-protected-resource"
ISSUER = "http://127.0.0.1:4000/corp"
ELSEWHERE = "https://login.example"
ALL = ("PRM-001", "PRM-002", "PRM-003", "PRM-005")


def document(resource: Any = ENDPOINT, *issuers: Any) -> dict[str, Any]:
    return {"resource": resource, "authorization_servers": list(issuers or [ISSUER])}


def record_metadata(
    builder: TranscriptBuilder, issuers: dict[str, list[MetadataRead]] | None = None, **documents: MetadataRead | None
) -> None:
    """Record the metadata that the scenario read, by way of discovery, and the requests to each issuer."""
    notes = [
        {"way": way, "url": read.url if read else "http://elsewhere/", "exchange": read.exchange if read else None}
        for way, read in documents.items()
    ]
    asked = {name: [read.exchange for read in reads] for name, reads in (issuers or {}).items()}
    builder.observe("resource-metadata", server="calculator", endpoint=ENDPOINT, documents=notes, issuers=asked)


def issuer(builder: TranscriptBuilder, name: str = ISSUER) -> dict[str, list[MetadataRead]]:
    missing = builder.read("http://127.0.0.1:4000/.well-known/oauth-authorization-server/corp", status=404)
    return {name: [missing, builder.read("http://127.0.0.1:4000/corp/.well-known/x", {"issuer": name})]}


def read(
    builder: TranscriptBuilder, value: Any = None, status: int = 200, path: str = "", body: str = ""
) -> MetadataRead:
    return builder.read(METADATA + path, value, status, body)


# -- correct metadata


@passes(*ALL)
def test_metadata_by_challenge_and_by_path(builder: TranscriptBuilder) -> None:
    record_metadata(
        builder,
        issuer(builder),
        challenge=read(builder, document()),
        path=read(builder, document()),
        root=read(builder, status=404),
    )


@passes("PRM-001", "PRM-002", "PRM-003")
@pytest.mark.parametrize("way", ["challenge", "path", "root"])
def test_metadata_at_one_address_only(builder: TranscriptBuilder, way: str) -> int:
    others = {one: read(builder, status=404) for one in ("path", "root") if one != way}
    record_metadata(builder, issuer(builder), **{way: read(builder, document())}, **others)
    return 1


@passes("PRM-001")
@pytest.mark.parametrize("resource", [BASE, f"{BASE}/", f"{BASE}/api/llm", f"{ENDPOINT}/", "HTTP://127.0.0.1:5000/api"])
def test_a_wider_resource_covers_the_endpoint(builder: TranscriptBuilder, resource: str) -> int:
    record_metadata(builder, issuer(builder), path=read(builder, document(resource)))
    return 1


@passes("PRM-001", "PRM-002", "PRM-003", "PRM-005")
def test_root_metadata_of_another_resource_are_ignored(builder: TranscriptBuilder) -> None:
    other = document(f"{BASE}/another")
    record_metadata(
        builder,
        issuer(builder),
        challenge=read(builder, document()),
        path=read(builder, document()),
        root=read(builder, other),
    )


@passes("PRM-003")
def test_unreachable_issuer_is_no_violation(builder: TranscriptBuilder) -> int:
    record_metadata(builder, {ELSEWHERE: []}, path=read(builder, document(ENDPOINT, ELSEWHERE)))
    return 1


@passes("PRM-005")
def test_issuers_in_another_order_are_equal(builder: TranscriptBuilder) -> None:
    first, second = document(ENDPOINT, ISSUER, ELSEWHERE), document(ENDPOINT, ELSEWHERE, ISSUER)
    record_metadata(builder, issuer(builder), challenge=read(builder, first), path=read(builder, second))


# -- no metadata


@pytest.mark.parametrize("requirement", ALL)
@pytest.mark.parametrize("body", ["", "<html>an application</html>", '{"error": "not found"}', "[1]", '"text"'])
def test_no_metadata_is_not_applicable(builder: TranscriptBuilder, requirement: str, body: str) -> None:
    page = read(builder, status=200 if body else 404, body=body)
    record_metadata(builder, path=page, root=read(builder, document(f"{BASE}/another")))
    judgement = builder.judged_by(requirement)
    assert (judgement.outcome, "publishes no" in judgement.reason) == (Outcome.NOT_APPLICABLE, True)


def test_metadata_at_one_address_cannot_differ(builder: TranscriptBuilder) -> None:
    record_metadata(builder, issuer(builder), path=read(builder, document()))
    assert builder.judged_by("PRM-005").outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize("requirement", ALL)
def test_metadata_address_outside_the_gateway_is_not_applicable(builder: TranscriptBuilder, requirement: str) -> None:
    record_metadata(builder, challenge=None)
    assert builder.judged_by(requirement).outcome is Outcome.NOT_APPLICABLE


# -- wrong metadata


@fails("PRM-001")
@pytest.mark.parametrize("way", ["challenge", "path"])
@pytest.mark.parametrize(
    "resource",
    [
        f"{BASE}/mcp",
        f"{BASE}/api/llm/mcp/calc",
        "http://127.0.0.1:5001/api",
        "https://127.0.0.1:5000/",
        "gateway",
        5,
        None,
        [ENDPOINT],
        f"{ENDPOINT}#x",
        f"{ENDPOINT}/more",
        "http://[::1",
        "",
    ],
    ids=str,
)
def test_resource_does_not_cover_the_endpoint(builder: TranscriptBuilder, way: str, resource: Any) -> MetadataRead:
    wrong = read(builder, document(resource))
    record_metadata(builder, issuer(builder), **{way: wrong})
    return wrong


@fails("PRM-001")
@pytest.mark.parametrize(("status", "body"), [(404, ""), (200, "<html>"), (500, ""), (200, "{")])
def test_challenge_names_an_address_without_metadata(
    builder: TranscriptBuilder, status: int, body: str
) -> MetadataRead:
    wrong = read(builder, status=status, body=body)
    record_metadata(builder, issuer(builder), challenge=wrong, path=read(builder, document()))
    return wrong


@fails("PRM-002")
@pytest.mark.parametrize("resource", [BASE, f"{ENDPOINT}/", ENDPOINT.replace("http:", "HTTP:")])
def test_resource_differs_from_the_metadata_url(builder: TranscriptBuilder, resource: str) -> MetadataRead:
    wrong = read(builder, document(resource))
    record_metadata(builder, issuer(builder), path=wrong)
    return wrong


@fails("PRM-003")
@pytest.mark.parametrize("issuers", [None, [], "", ISSUER, {"a": 1}, [5], [ISSUER, None]], ids=str)
def test_metadata_without_authorization_server(builder: TranscriptBuilder, issuers: Any) -> MetadataRead:
    wrong = read(builder, {"resource": ENDPOINT, "authorization_servers": issuers})
    record_metadata(builder, issuer(builder), path=wrong)
    return wrong


@fails("PRM-003")
@pytest.mark.parametrize("said", [{"issuer": f"{ISSUER}/"}, {"token_endpoint": "x"}, None], ids=str)
def test_metadata_name_an_unusable_authorization_server(builder: TranscriptBuilder, said: Any) -> MetadataRead:
    wrong = read(builder, document())
    there = builder.read(
        "http://127.0.0.1:4000/.well-known/oauth-authorization-server/corp", said, 200 if said else 404
    )
    record_metadata(builder, {ISSUER: [there]}, path=wrong)
    return wrong


@fails("PRM-005")
@pytest.mark.parametrize("other", [document(f"{BASE}/mcp"), document(ENDPOINT, ELSEWHERE), document(BASE)], ids=str)
def test_metadata_by_challenge_and_by_path_differ(builder: TranscriptBuilder, other: dict[str, Any]) -> MetadataRead:
    named = read(builder, other)
    record_metadata(builder, issuer(builder), challenge=named, path=read(builder, document()))
    return named


# -- PRM-004


def resource_token(builder: TranscriptBuilder, attempt: ClientRequest, control: ClientRequest) -> ClientRequest:
    attempt.control = control.seq
    facts = {"server": "calculator", "principal": "carol", "issuer": ISSUER, "resource": ENDPOINT}
    builder.observe("resource-token", attempt=attempt.exchange, control=control.exchange, **facts)
    return attempt


@passes("PRM-004")
def test_token_for_the_resource_is_accepted(builder: TranscriptBuilder) -> int:
    resource_token(builder, builder.call("carol", "calculator"), builder.call("carol", "calculator"))
    return 1


@fails("PRM-004")
@pytest.mark.parametrize("status", [401, 403, 500])
def test_token_for_the_resource_is_refused(builder: TranscriptBuilder, status: int) -> ClientRequest:
    control = builder.call("carol", "calculator")
    return resource_token(builder, builder.ask("carol", "calculator").answered(status), control)


@untestable("PRM-004")
def test_refused_resource_token_is_untestable_if_every_token_is_refused(builder: TranscriptBuilder) -> None:
    control = builder.ask("carol", "calculator").answered(401)
    resource_token(builder, builder.ask("carol", "calculator").answered(401), control)


def test_resource_token_without_known_issuer_is_not_applicable(builder: TranscriptBuilder) -> None:
    builder.observe("resource-token", attempt=None, control=None, reason="it has an authorization server of its own")
    judgement = builder.judged_by("PRM-004")
    assert (judgement.outcome, judgement.reason) == (
        Outcome.NOT_APPLICABLE,
        "it has an authorization server of its own",
    )


# -- PRM-006


def foreign_resource_token(builder: TranscriptBuilder, attempt: ClientRequest) -> ClientRequest:
    own = builder.call("carol", "calculator")
    attempt.control = own.seq
    facts = {"server": "calculator", "principal": "carol", "issuer": ISSUER, "resource": ENDPOINT}
    elsewhere = [{"server": "desk", "attempt": attempt.exchange}]
    builder.observe("resource-token", attempt=own.exchange, control=own.exchange, elsewhere=elsewhere, **facts)
    return attempt


@passes("PRM-006")
@pytest.mark.parametrize("status", [401, 403])
def test_a_token_for_another_resource_is_refused(builder: TranscriptBuilder, status: int) -> int:
    foreign_resource_token(builder, builder.ask("carol", "calculator").answered(status))
    return 1


@fails("PRM-006")
def test_a_token_for_another_resource_is_accepted(builder: TranscriptBuilder) -> ClientRequest:
    return foreign_resource_token(builder, builder.call("carol", "calculator"))


def test_one_resource_for_all_servers_is_not_applicable(builder: TranscriptBuilder) -> None:
    own = builder.call("carol", "calculator")
    facts = {"server": "calculator", "principal": "carol", "issuer": ISSUER, "resource": BASE}
    builder.observe("resource-token", attempt=own.exchange, control=own.exchange, elsewhere=[], **facts)
    assert builder.judged_by("PRM-006").outcome is Outcome.NOT_APPLICABLE


def test_foreign_resource_token_is_not_applicable_if_own_token_is_refused(builder: TranscriptBuilder) -> None:
    refused = builder.ask("carol", "calculator").answered(401)
    facts = {"server": "calculator", "principal": "carol", "issuer": ISSUER, "resource": ENDPOINT}
    elsewhere = [{"server": "desk", "attempt": refused.exchange}]
    builder.observe("resource-token", attempt=refused.exchange, control=refused.exchange, elsewhere=elsewhere, **facts)
    assert builder.judged_by("PRM-006").outcome is Outcome.NOT_APPLICABLE


# -- PRM-007


UPSTREAMS_OWN = "http://127.0.0.1:4000/vendor"


def named_issuers(builder: TranscriptBuilder, control: ClientRequest, attempt: ClientRequest | None = None) -> None:
    tried = {}
    if attempt is not None:
        attempt.control = control.seq
        tried[UPSTREAMS_OWN] = attempt.exchange
    builder.observe("named-issuers", server="mail", principal="carol", control=control.exchange, attempts=tried)


@fails("PRM-007")
def test_tokens_of_a_named_issuer_are_refused(builder: TranscriptBuilder) -> ClientRequest:
    attempt = builder.ask("carol", "mail", "initialize").answered(401)
    named_issuers(builder, builder.call("carol", "mail"), attempt)
    return attempt


@passes("PRM-007")
@pytest.mark.parametrize("status", [200, 403, 404])
def test_tokens_of_a_named_issuer_are_accepted(builder: TranscriptBuilder, status: int) -> int:
    attempt = builder.ask("carol", "mail", "initialize").answered(status)
    named_issuers(builder, builder.call("carol", "mail"), attempt)
    return 1


@passes("PRM-007")
def test_no_issuer_of_an_upstream_is_named(builder: TranscriptBuilder) -> int:
    named_issuers(builder, builder.call("carol", "mail"))
    return 1


@untestable("PRM-007")
def test_named_issuers_are_untestable_if_every_token_is_refused(builder: TranscriptBuilder) -> None:
    control = builder.ask("carol", "mail", "initialize").answered(401)
    named_issuers(builder, control, builder.ask("carol", "mail", "initialize").answered(401))


def test_named_issuers_without_metadata_are_not_applicable(builder: TranscriptBuilder) -> None:
    builder.observe("named-issuers", server="mail", principal="carol", reason="no metadata")
    assert builder.judged_by("PRM-007").outcome is Outcome.NOT_APPLICABLE
