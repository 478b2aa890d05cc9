"""An endpoint known by its URL: tokens, headers and TLS of the connections to it, and their secrets."""

import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.protocol.client_tls import TlsSettings
from gatebench.fixtures.recording.secrets import MIN_LENGTH, SecretRegistry
from gatebench.load.experiments.url_target.short_values import ShortValues
from gatebench.load.plan.plan import PlannedCaller, address


@dataclass(frozen=True)
class Endpoint:
    """One MCP endpoint. `tokens` are sent as `Authorization: Bearer`, one for each user; without any, nothing is added."""

    url: str
    tokens: Sequence[str] = ()
    headers: dict[str, str] = field(default_factory=dict)
    tls: TlsSettings = field(default_factory=TlsSettings)

    def __post_init__(self) -> None:
        try:
            parts = address(self.url)
        except ValueError as error:
            raise BenchError(f"{error}; write for example https://gw.example.com/mcp") from error
        if "@" in parts.netloc:
            raise BenchError(
                "a URL with a user and password is not supported: give the credential with --token-env or --header"
            )
        if self.tokens and "authorization" in map(str.lower, self.headers):
            raise BenchError("--header Authorization and a token are both given: remove one of them")
        self.tls.context()  # raises for files that cannot be used

    @property
    def shown(self) -> str:
        """The URL for readers: without its query, which may hold a credential."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}" + ("?..." if parts.query else "")

    @property
    def callers(self) -> list[PlannedCaller]:
        """The users of the load: one for each token."""
        if not self.tokens:
            return [PlannedCaller(name="anonymous")]
        return [
            PlannedCaller(name=f"user {number}", headers={"Authorization": f"Bearer {token}"})
            for number, token in enumerate(self.tokens, 1)
        ]

    def secrets(self, of: str = "") -> dict[str, str]:
        """Return label and value of everything to redact in any encoding; `of` begins the labels."""
        return {label: value for label, value in self._credentials(of).items() if len(value) >= MIN_LENGTH}

    @property
    def short_values(self) -> ShortValues:
        """The credentials that are too short for the registry: tokens, and values of headers and queries from 4 characters on."""
        found = {label: value for label, value in self._credentials().items() if len(value) < MIN_LENGTH}
        return ShortValues({label: value for label, value in found.items() if value in self.tokens or len(value) >= 4})

    def _credentials(self, of: str = "") -> dict[str, str]:
        found = {f"{of}token {number}": token for number, token in enumerate(self.tokens, 1)}
        for name, value in self.headers.items():
            found |= {f"{of}header {name}": value, f"{of}credential in {name}": value.rpartition(" ")[2]}
            if name.lower() == "cookie":  # RFC 6265, section 4.2.1
                found |= _numbered(f"{of}cookie", [pair.strip().partition("=")[::2] for pair in value.split(";")])
        return found | _numbered(f"{of}query", parse_qsl(urlsplit(self.url).query))

    def registry(self) -> SecretRegistry:
        """Return a registry that redacts the credentials of this endpoint."""
        registry = SecretRegistry()
        for label, value in self.secrets().items():
            registry.add("gateway-token", label, value)
        return registry

    def redact_report(self, text: str) -> str:
        """Return the JSON text of a load report without the credentials of this endpoint."""
        return self.short_values.redact_report(self.registry().redact(text))

    def proxy_note(self) -> str | None:
        """Return a sentence about a proxy that the environment names for this address, which is not used."""
        parts = urlsplit(self.url)
        proxies = urllib.request.getproxies_environment()
        if parts.scheme not in proxies or urllib.request.proxy_bypass(parts.netloc):
            return None
        name = f"{parts.scheme.upper()}_PROXY"
        return f"{name} is set, but not used: connections to {parts.netloc} are direct, so that no proxy is measured"


def _numbered(what: str, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the values of pairs by label; of a name that occurs again, with the number of the value."""
    found: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for name, value in pairs:
        seen[name] += 1
        found[f"{what} {name}" + (f" {seen[name]}" if seen[name] > 1 else "")] = value
    return found
