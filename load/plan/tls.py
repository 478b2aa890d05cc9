"""TLS of the connections to a gateway: certificate authorities, client certificate, or no verification."""

import ssl
from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

from gatebench.fixtures.errors import BenchError


class TlsSettings(BaseModel):
    """Files are PEM. Without `ca_file`, the certificates of the system are trusted (or those in SSL_CERT_FILE)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None  # None: in the file of the certificate
    insecure: bool = False  # neither the certificate nor the name of the server is verified

    def context(self) -> ssl.SSLContext:
        """Return the context of a client. Raises BenchError that names the option whose file cannot be used."""
        context = _reading("--ca-file", self.ca_file, lambda: ssl.create_default_context(cafile=self.ca_file))
        if self.client_cert is not None:
            _reading("--client-cert", self.client_cert, lambda: self._load_client(context))
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _load_client(self, context: ssl.SSLContext) -> ssl.SSLContext:
        # An empty password: OpenSSL would ask on the terminal for that of an encrypted key.
        context.load_cert_chain(str(self.client_cert), self.client_key, password="")
        return context


def _reading(option: str, path: str | None, load: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    try:
        return load()
    except ssl.SSLError as error:
        raise BenchError(
            f"{option} {path} cannot be used ({error.reason or error}): give a PEM file; a client certificate needs its "
            "unencrypted key, in the same file or with --client-key"
        ) from error
    except OSError as error:
        raise BenchError(
            f"cannot read {option} {path} (or its key): {error.strerror}; give the path of a PEM file"
        ) from error
