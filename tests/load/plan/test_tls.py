"""TLS settings: unusable files are refused with one sentence, and encrypted keys do not prompt for a password."""

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.protocol.client_tls import TlsSettings


def a_key(path: Path, password: bytes | None = None) -> str:
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden))
    return str(path)


def test_without_settings_the_server_is_verified() -> None:
    context = TlsSettings().context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_insecure_verifies_nothing() -> None:
    context = TlsSettings(insecure=True).context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


def test_unusable_files_are_refused_with_their_option(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    locked = a_key(tmp_path / "locked.pem", b"password")
    for settings, sentence in (
        (TlsSettings(ca_file=str(tmp_path / "none.pem")), "cannot read --ca-file .*none.pem"),
        (TlsSettings(ca_file=str(empty)), "--ca-file .*empty.pem cannot be used"),
        (TlsSettings(client_cert=str(tmp_path / "none.pem")), "cannot read --client-cert"),
        (TlsSettings(client_cert=locked), "--client-cert .*locked.pem cannot be used"),
    ):
        with pytest.raises(BenchError, match=sentence):
            settings.context()
