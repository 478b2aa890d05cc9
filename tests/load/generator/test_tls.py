"""Gateways behind https: the same client; an untrusted certificate is a refused connection."""

import ssl
from pathlib import Path

import pytest

from gatebench.fixtures.protocol.client_tls import TlsSettings
from gatebench.load.plan.plan import PlannedArm
from tests.support.load.generator_runs import play
from tests.support.load.http_server import TinyServer
from tests.support.load.load_plans import a_call, a_plan
from tests.support.mocks.certificates import self_signed


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a file with a self-signed certificate for the loopback address, and its key."""
    return self_signed(tmp_path / "certificate.pem")


def test_responses_of_every_size_over_tls(certificate: Path, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with TinyServer(tls=context) as server:
        calls = [
            a_call(server.url("right"), operation="small"),
            a_call(server.url("right"), operation="large", arguments={"value": "x" * 500_000}),
            a_call(server.url("sse"), operation="sse"),
            a_call(server.url("big/300000"), operation="big"),
            a_call(server.url("stream/2/10"), operation="stream", kind="stream", events=2),
            a_call(server.url("closing"), operation="closing"),
        ]
        plan = a_plan(PlannedArm(name="direct", calls=calls), rate=60.0, seconds=1.5, timeout=10.0)
        trusting = play(plan, tmp_path / "trusting", SSL_CERT_FILE=str(certificate)).result
        strict = play(plan, tmp_path / "strict").result
        given = play(plan.model_copy(update={"tls": TlsSettings(ca_file=str(certificate))}), tmp_path / "given").result
    assert {(cell.operation, cell.outcome) for cell in trusting.cells} == {(call.operation, "ok") for call in calls}
    assert {cell.outcome for cell in given.cells} == {"ok"}
    assert {cell.outcome for cell in strict.cells} == {"refused"}
    assert "certificate verify failed" in next(event.detail for event in strict.events if event.kind == "refused")


def test_request_that_is_not_read_over_tls_is_a_timeout(certificate: Path, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    large = {"value": "x" * (12 << 20)}  # more than the buffers of both sides take
    with TinyServer(tls=context) as server:
        calls = [
            a_call(server.url(behaviour), operation=behaviour, arguments=large) for behaviour in ("unread", "early")
        ]
        plan = a_plan(PlannedArm(name="direct", calls=calls), rate=8.0, seconds=1.5, timeout=2.0)
        result = play(plan, tmp_path, SSL_CERT_FILE=str(certificate)).result
    found = {(cell.operation, cell.outcome) for cell in result.cells if cell.outcome != "unfinished"}
    assert found == {("unread", "timeout"), ("early", "http-error")}
    assert {event.detail for event in result.events if event.kind == "timeout"} == {"the request was not accepted"}
