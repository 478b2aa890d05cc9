"""Ways in which right gateways treat a certificate that is not valid: no row of certificates.toml counts them."""

from collections.abc import Callable

import pytest

from gatebench.conformance.outcomes import Outcome
from gatebench.conformance.scenarios.common import LEAKS
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.outcome_marks import assert_no_violation
from gatebench.conformance.selftest.support.transcript_builder import REGISTRY, TranscriptBuilder
from gatebench.fixtures.world import issuer_variants
from gatebench.fixtures.world.definition import TLS

ISSUER = issuer_variants.VARIANTS[TLS].issuer
CONSENT = "http://127.0.0.1:5000/oauth/connect/1"
UPSTREAM = ("upstream-certificate-unknown-authority", "upstream-certificate-other-host", "upstream-certificate-expired")
Liberty = Callable[[TranscriptBuilder], object]


def ask(builder: TranscriptBuilder) -> ClientRequest:
    """Return a call of alice at the upstream with an https address that has not been answered."""
    return builder.ask("alice", TLS)


def errors(builder: TranscriptBuilder) -> list[ClientRequest]:
    """Return calls that failed in all forms: a gateway status, a JSON-RPC error, the error of a tool."""
    tool_error = {"jsonrpc": "2.0", "id": 1, "result": {"content": [], "isError": True}}
    made = [ask(builder).answered(status) for status in (502, 503, 504, 526)]
    made += [ask(builder).refused("certificate verify failed", status) for status in (200, 500, 502)]
    return [*made, ask(builder).answered(200, tool_error)]


def no_connection(builder: TranscriptBuilder) -> None:
    """Ends the handshake, so that no request arrives, and answers with an error of its choice."""
    control, since = builder.call("alice", TLS), builder.here()
    for case in UPSTREAM:
        builder.case(case, *errors(builder), control=control, since=since, elsewhere=TLS)


def an_error_in_a_stream(builder: TranscriptBuilder) -> None:
    """Answers in an event stream, as it answers other calls."""
    control, since = builder.call("alice", TLS), builder.here()
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "unreachable"}}
    for case in UPSTREAM:
        builder.case(case, ask(builder).streamed(error), control=control, since=since, elsewhere=TLS)


def a_session_that_ends(builder: TranscriptBuilder) -> None:
    """Has lost the session with its connection, and answers 404: the client is to begin anew."""
    control, since = builder.call("alice", TLS), builder.here()
    made = builder.ask("alice", TLS, session="s").answered(404)
    builder.case(UPSTREAM[0], made, control=control, since=since, elsewhere=TLS)


def a_probe_without_credential(builder: TranscriptBuilder) -> None:
    """Asks the upstream for its health or metadata without a credential, whatever its certificate."""
    control, since = builder.call("alice", TLS), builder.here()
    builder.errand(TLS, "GET", target="/healthz", status=404)
    builder.case(UPSTREAM[2], ask(builder).answered(502), control=control, since=since, elsewhere=TLS)


def other_upstreams_meanwhile(builder: TranscriptBuilder) -> None:
    """Serves other callers at other upstreams, with their credentials, and refreshes tokens of another issuer."""
    control, since = builder.call("alice", TLS), builder.here()
    builder.call("bob", "web-search")
    builder.refresh("vendor")
    builder.case(UPSTREAM[0], ask(builder).answered(502), control=control, since=since, elsewhere=TLS)
    builder.case("refresh-certificate-expired", ask(builder).answered(502), control=control, since=since)


def refresh_put_off(builder: TranscriptBuilder) -> None:
    """Cannot refresh: answers with an error, asks for consent, or uses the token that has a while to go."""
    control, since = builder.call("alice", TLS), builder.here()
    consent = builder.ask("alice", TLS, "initialize").asked_to_consent(CONSENT)
    shown = ask(builder).arrives(status=401).answered(502)
    made = [*errors(builder), ask(builder).answered(401), consent, shown, builder.call("alice", TLS)]
    builder.case("refresh-certificate-other-host", *made, control=control, since=since)


def metadata_read_before(builder: TranscriptBuilder) -> None:
    """Reads metadata and keys of the issuer in vain or from a cache, and sends nothing to the token endpoint."""
    control, since = builder.call("alice", TLS), builder.here()
    builder.metadata(ISSUER, None)
    builder.issuer_request(ISSUER, "jwks", {})
    made = ask(builder).answered(502)
    for case in ("code-certificate-unknown-authority", "refresh-certificate-unknown-authority"):
        builder.case(case, made, control=control, since=since)


def keys_from_a_cache(builder: TranscriptBuilder) -> None:
    """Refuses a token whose key it could not fetch, for this reason or another; or breaks the connection."""
    control, since = builder.call("grace", "calculator"), builder.here()
    made = [builder.ask("grace", "calculator").answered(status) for status in (401, 403, 500, 502, 503)]
    made.append(builder.ask("grace", "calculator").refused("no key", 200))
    made.append(builder.ask("grace", "calculator").failed())
    for case in ("key-set-certificate-unknown-authority", "key-set-certificate-expired"):
        builder.case(case, *made, control=control, since=since)
    builder.case("key-set-certificate-valid", builder.call("grace", "calculator"))


def calls_with_a_valid_certificate(builder: TranscriptBuilder) -> None:
    """Tries once more over a new connection, or answers in a stream."""
    retried = ask(builder).arrives(status=503).arrives().answered()
    streamed = ask(builder).arrives().streamed()
    builder.case("upstream-certificate-valid", retried, streamed)


LIBERTIES: list[Liberty] = [
    no_connection,
    an_error_in_a_stream,
    a_session_that_ends,
    a_probe_without_credential,
    other_upstreams_meanwhile,
    refresh_put_off,
    metadata_read_before,
    keys_from_a_cache,
    calls_with_a_valid_certificate,
]


@pytest.mark.parametrize("liberty", LIBERTIES)
def test_conforming_behaviour_has_no_violation(builder: TranscriptBuilder, liberty: Liberty) -> None:
    liberty(builder)
    rows = [one.id for one in REGISTRY.all() if one.group == "certificates"]
    judgements = [builder.judged_by(requirement) for requirement in (*rows, *LEAKS)]
    assert_no_violation(judgements)
    assert any(judgement.outcome is Outcome.PASS for judgement in judgements[: len(rows)])
