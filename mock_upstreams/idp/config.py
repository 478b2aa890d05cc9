"""Configuration of a mock IdP: the issuers of one process, their keys, their clients, their URLs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

ALGORITHMS = ("ES256", "EdDSA", "RS256")
"""JOSE algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1), the preferred one for the IdP's own tokens first."""


@dataclass(frozen=True)
class ClientSpec:
    """A pre-registered client; one without a secret is public (RFC 6749 section 2.1) and relies on PKCE."""

    client_id: str
    client_secret: str | None = None
    redirect_uris: tuple[str, ...] = ()


@dataclass(frozen=True)
class IssuerSpec:
    """One issuer. Lifetimes are in seconds. `exchange_from` names the issuers whose tokens it accepts in an exchange.

    None means every issuer of the process. `settings` are changed from the start; with `final_slash` its identifier ends
    in a slash. With `tls` its URLs begin with https; the process that serves it provides the certificate.
    """

    name: str
    algorithms: tuple[str, ...] = ("ES256",)
    access_lifetime: int = 3600
    refresh_rotation: bool = True
    clients: tuple[ClientSpec, ...] = ()
    exchange_from: tuple[str, ...] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    final_slash: bool = False
    tls: bool = False


@dataclass(frozen=True, kw_only=True)
class IdpSpec:
    """One IdP process. Issuer ids and browser endpoints are below `public_url`, the rest below `back_channel_url`.

    They differ if a gateway in a container reaches the IdP by another name than a browser does.
    """

    public_url: str
    back_channel_url: str | None = None
    issuers: tuple[IssuerSpec, ...]
    control_token: str

    def check(self) -> None:
        """Raise ValueError (one sentence) if no IdP can be built from this."""
        for url in (self.public_url, self.back_channel_url):
            if url is not None:
                _check_base(url)
        names = [issuer.name for issuer in self.issuers]
        if not names:
            raise ValueError("an IdP needs at least one issuer")
        for issuer in self.issuers:
            _check_issuer(issuer, names)


def _check_base(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is not a base URL like http://127.0.0.1:4000")
    if parts.path:
        raise ValueError(f"{url!r} must end after host and port: issuers are its first path segments")


def _check_issuer(issuer: IssuerSpec, names: list[str]) -> None:
    name = issuer.name
    if (
        not name
        or name.startswith((".", "_"))
        or not name.replace("-", "").replace("_", "").isalnum()
        or name in ("healthz", "oauth2")
    ):
        raise ValueError(f"{name!r} cannot name an issuer: use letters, digits and dashes (it becomes a path segment)")
    if names.count(name) > 1:
        raise ValueError(f"issuer {name!r} is named twice")
    unknown = [algorithm for algorithm in issuer.algorithms if algorithm not in ALGORITHMS]
    if unknown or not issuer.algorithms:
        raise ValueError(f"issuer {name!r} needs algorithms out of {', '.join(ALGORITHMS)}, not {unknown or 'none'}")
    for trusted in issuer.exchange_from or ():
        if trusted not in names:
            raise ValueError(f"issuer {name!r} takes tokens of {trusted!r}, which is no issuer of this IdP")
    _check_clients(issuer)


def _check_clients(issuer: IssuerSpec) -> None:
    identifiers = [client.client_id for client in issuer.clients]
    for client in issuer.clients:
        if identifiers.count(client.client_id) > 1:
            raise ValueError(f"client {client.client_id!r} of issuer {issuer.name!r} is named twice")
        if not client.client_id or client.client_secret == "":
            raise ValueError(
                f"a client of issuer {issuer.name!r} has an empty identifier or secret (public: no secret)"
            )
