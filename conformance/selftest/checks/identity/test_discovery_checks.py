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


def told(
    builder: TranscriptBuilder, issuers: dict[str, list[MetadataRead]] | None = None, **documents: MetadataRead | None
) -> None:
    """Record what the scenario read, by way of discovery; and from which issuers."""
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
def test_both_ways(builder: TranscriptBuilder) -> None:
    told(
        builder,
        issuer(builder),
        challenge=read(builder, document()),
        path=read(builder, document()),
        root=read(builder, status=404),
    )


@passes("PRM-001", "PRM-002", "PRM-003")
@pytest.mark.parametrize("way", ["challenge", "path", "root"])
def test_one_way(builder: TranscriptBuilder, way: str) -> int:
    others = {one: read(builder, status=404) for one in ("path", "root") if one != way}
    told(builder, issuer(builder), **{way: read(builder, document())}, **others)
    return 1


@passes("PRM-001")
@pytest.mark.parametrize("resource", [BASE, f"{BASE}/", f"{BASE}/api/llm", f"{ENDPOINT}/", "HTTP://127.0.0.1:5000/api"])
def test_a_wider_resource_covers_the_endpoint(builder: TranscriptBuilder, resource: str) -> int:
    told(builder, issuer(builder), path=read(builder, document(resource)))
    return 1


@passes("PRM-001", "PRM-002", "PRM-003", "PRM-005")
def test_the_root_is_about_something_else(builder: TranscriptBuilder) -> None:
    other = document(f"{BASE}/another")
    told(
        builder,
        issuer(builder),
        challenge=read(builder, document()),
        path=read(builder, document()),
        root=read(builder, other),
    )


@passes("PRM-003")
def test_an_issuer_that_cannot_be_asked_is_not_held_against_it(builder: TranscriptBuilder) -> int:
    told(builder, {ELSEWHERE: []}, path=read(builder, document(ENDPOINT, ELSEWHERE)))
    return 1


@passes("PRM-005")
def test_the_order_of_issuers_makes_no_difference(builder: TranscriptBuilder) -> None:
    first, second = document(ENDPOINT, ISSUER, ELSEWHERE), document(ENDPOINT, ELSEWHERE, ISSUER)
    told(builder, issuer(builder), challenge=read(builder, first), path=read(builder, second))


# -- no metadata


@pytest.mark.parametrize("requirement", ALL)
@pytest.mark.parametrize("body", ["", "<html>an application</html>", '{"error": "not found"}', "[1]", '"text"'])
def test_where_nothing_is_published_nothing_is_judged(builder: TranscriptBuilder, requirement: str, body: str) -> None:
    page = read(builder, status=200 if body else 404, body=body)
    told(builder, path=page, root=read(builder, document(f"{BASE}/another")))
    judgement = builder.judged_by(requirement)
    assert (judgement.outcome, "publishes no" in judgement.reason) == (Outcome.NOT_APPLICABLE, True)


def test_one_way_alone_cannot_disagree(builder: TranscriptBuilder) -> None:
    told(builder, issuer(builder), path=read(builder, document()))
    assert builder.judged_by("PRM-005").outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize("requirement", ALL)
def test_an_address_that_is_not_ours_is_not_judged(builder: TranscriptBuilder, requirement: str) -> None:
    told(builder, challenge=None)
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
def test_the_resource_is_another(builder: TranscriptBuilder, way: str, resource: Any) -> MetadataRead:
    wrong = read(builder, document(resource))
    told(builder, issuer(builder), **{way: wrong})
    return wrong


@fails("PRM-001")
@pytest.mark.parametrize(("status", "body"), [(404, ""), (200, "<html>"), (500, ""), (200, "{")])
def test_the_challenge_leads_nowhere(builder: TranscriptBuilder, status: int, body: str) -> MetadataRead:
    wrong = read(builder, status=status, body=body)
    told(builder, issuer(builder), challenge=wrong, path=read(builder, document()))
    return wrong


@fails("PRM-002")
@pytest.mark.parametrize("resource", [BASE, f"{ENDPOINT}/", ENDPOINT.replace("http:", "HTTP:")])
def test_the_resource_is_not_quite_the_url(builder: TranscriptBuilder, resource: str) -> MetadataRead:
    wrong = read(builder, document(resource))
    told(builder, issuer(builder), path=wrong)
    return wrong


@fails("PRM-003")
@pytest.mark.parametrize("issuers", [None, [], "", ISSUER, {"a": 1}, [5], [ISSUER, None]], ids=str)
def test_it_names_no_authorization_server(builder: TranscriptBuilder, issuers: Any) -> MetadataRead:
    wrong = read(builder, {"resource": ENDPOINT, "authorization_servers": issuers})
    told(builder, issuer(builder), path=wrong)
    return wrong


@fails("PRM-003")
@pytest.mark.parametrize("said", [{"issuer": f"{ISSUER}/"}, {"token_endpoint": "x"}, None], ids=str)
def test_its_authorization_server_cannot_be_used(builder: TranscriptBuilder, said: Any) -> MetadataRead:
    wrong = read(builder, document())
    there = builder.read(
        "http://127.0.0.1:4000/.well-known/oauth-authorization-server/corp", said, 200 if said else 404
    )
    told(builder, {ISSUER: [there]}, path=wrong)
    return wrong


@fails("PRM-005")
@pytest.mark.parametrize("other", [document(f"{BASE}/mcp"), document(ENDPOINT, ELSEWHERE), document(BASE)], ids=str)
def test_the_two_ways_differ(builder: TranscriptBuilder, other: dict[str, Any]) -> MetadataRead:
    named = read(builder, other)
    told(builder, issuer(builder), challenge=named, path=read(builder, document()))
    return named


# -- PRM-004


def token(builder: TranscriptBuilder, attempt: ClientRequest, control: ClientRequest) -> ClientRequest:
    attempt.control = control.seq
    facts = {"server": "calculator", "principal": "carol", "issuer": ISSUER, "resource": ENDPOINT}
    builder.observe("resource-token", attempt=attempt.exchange, control=control.exchange, **facts)
    return attempt


@passes("PRM-004")
def test_the_token_works(builder: TranscriptBuilder) -> int:
    token(builder, builder.call("carol", "calculator"), builder.call("carol", "calculator"))
    return 1


@fails("PRM-004")
@pytest.mark.parametrize("status", [401, 403, 500])
def test_the_token_is_refused(builder: TranscriptBuilder, status: int) -> ClientRequest:
    control = builder.call("carol", "calculator")
    return token(builder, builder.ask("carol", "calculator").answered(status), control)


@untestable("PRM-004")
def test_so_is_every_token(builder: TranscriptBuilder) -> None:
    control = builder.ask("carol", "calculator").answered(401)
    token(builder, builder.ask("carol", "calculator").answered(401), control)


def test_no_token_can_be_had(builder: TranscriptBuilder) -> None:
    builder.observe("resource-token", attempt=None, control=None, reason="it has an authorization server of its own")
    judgement = builder.judged_by("PRM-004")
    assert (judgement.outcome, judgement.reason) == (
        Outcome.NOT_APPLICABLE,
        "it has an authorization server of its own",
    )


# -- PRM-006


def foreign(builder: TranscriptBuilder, attempt: ClientRequest) -> ClientRequest:
    own = builder.call("carol", "calculator")
    attempt.control = own.seq
    facts = {"server": "calculator", "principal": "carol", "issuer": ISSUER, "resource": ENDPOINT}
    elsewhere = [{"server": "desk", "attempt": attempt.exchange}]
    builder.observe("resource-token", attempt=own.exchange, control=own.exchange, elsewhere=elsewhere, **facts)
    return attempt


@passes("PRM-006")
@pytest.mark.parametrize("status", [401, 403])
def test_a_token_for_another_resource_is_refused(builder: TranscriptBuilder, status: int) -> int:
    foreign(builder, builder.ask("carol", "calculator").answered(status))
    return 1


@fails("PRM-006")
def test_a_token_for_another_resource_is_accepted(builder: TranscriptBuilder) -> ClientRequest:
    return foreign(builder, builder.call("carol", "calculator"))


def test_one_resource_for_the_whole_gateway(builder: TranscriptBuilder) -> None:
    own = builder.call("carol", "calculator")
    facts = {"server": "calculator", "principal": "carol", "issuer": ISSUER, "resource": BASE}
    builder.observe("resource-token", attempt=own.exchange, control=own.exchange, elsewhere=[], **facts)
    assert builder.judged_by("PRM-006").outcome is Outcome.NOT_APPLICABLE


def test_tokens_for_its_resource_are_not_accepted_at_all(builder: TranscriptBuilder) -> None:
    refused = builder.ask("carol", "calculator").answered(401)
    facts = {"server": "calculator", "principal": "carol", "issuer": ISSUER, "resource": ENDPOINT}
    elsewhere = [{"server": "desk", "attempt": refused.exchange}]
    builder.observe("resource-token", attempt=refused.exchange, control=refused.exchange, elsewhere=elsewhere, **facts)
    assert builder.judged_by("PRM-006").outcome is Outcome.NOT_APPLICABLE
