"""Load on a URL: TLS and proxies."""

import ssl
from pathlib import Path

import pytest

from tests.support.load.url_load import SHORT, TOOL, LoadCommand
from tests.support.mocks.certificates import self_signed
from tests.support.mocks.foreign_mcp import ForeignMcp


def test_proxy_of_the_environment_is_noted_and_not_used(load: LoadCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    with ForeignMcp() as far:
        load("run", far.url, *TOOL, *SHORT, "--profile", "single-call")
    assert load.report.arms[0].failed == 0
    assert any("HTTP_PROXY is set, but not used" in note for note in load.report.notes)


def server_context(certificate: Path, *, clients: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificate)
    return context


def test_unknown_certificate_authority_is_refused(load: LoadCommand, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path / "server.pem")
    with ForeignMcp(tls=server_context(certificate)) as far:
        assert load("run", far.url, *TOOL) == 2
        assert "failed: [SSL: CERTIFICATE_VERIFY_FAILED]" in load.err
        assert "--ca-file" in load.err
        load("run", far.url, *TOOL, *SHORT, "--profile", "single-call", "--insecure")
    assert load.report.arms[0].failed == 0
    assert any("--insecure: the certificate of the server is not verified" in note for note in load.report.notes)


def test_server_without_tls_is_named(load: LoadCommand) -> None:
    with ForeignMcp() as far:
        assert load("run", far.url.replace("http:", "https:"), *TOOL) == 2
    assert "does not speak TLS: is its address http://" in load.err


def test_client_certificate_is_presented(load: LoadCommand, tmp_path: Path) -> None:
    certificate = str(self_signed(tmp_path / "both.pem"))
    with ForeignMcp(tls=server_context(Path(certificate), clients=True)) as far:
        trust = ["--ca-file", certificate, "--profile", "single-call"]
        assert load("run", far.url, *TOOL, *SHORT, *trust) == 2
        assert len(load.err.strip().splitlines()) == 1
        load("run", far.url, *TOOL, *SHORT, *trust, "--client-cert", certificate)
    assert load.report.arms[0].failed == 0
