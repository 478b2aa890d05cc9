"""An endpoint known by its URL: tokens, headers and TLS of the connections to it, and their secrets."""

import os
import re
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.protocol.client_tls import TlsSettings
from gatebench.fixtures.recording import files
from gatebench.fixtures.recording.secrets import MIN_LENGTH, SecretRegistry
from gatebench.load.plan.plan import PlannedCaller, address

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_VALUE = re.compile(r"[\x20-\x7e\x80-\xff]*")  # RFC 9110, section 5.5, without tabs
_TOKEN = re.compile(r"[\x21-\x7e]+")
_OURS = ("content-length", "transfer-encoding", "connection", "content-type", "accept", "accept-encoding")


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
        """Return label and value of everything to redact; `of` begins the labels."""
        found = {f"{of}token {number}": token for number, token in enumerate(self.tokens, 1)}
        for name, value in self.headers.items():
            found |= {f"{of}header {name}": value, f"{of}credential in {name}": value.rpartition(" ")[2]}
        found |= {f"{of}query {name}": value for name, value in parse_qsl(urlsplit(self.url).query)}
        return {label: value for label, value in found.items() if len(value) >= MIN_LENGTH}

    def registry(self) -> SecretRegistry:
        """Return a registry that redacts them."""
        registry = SecretRegistry()
        for label, value in self.secrets().items():
            registry.add("gateway-token", label, value)
        return registry

    def proxy_note(self) -> str | None:
        """Return a sentence about a proxy that the environment names for this address, which is not used."""
        parts = urlsplit(self.url)
        proxies = urllib.request.getproxies_environment()
        if parts.scheme not in proxies or urllib.request.proxy_bypass(parts.netloc):
            return None
        name = f"{parts.scheme.upper()}_PROXY"
        return f"{name} is set, but not used: connections to {parts.netloc} are direct, so that no proxy is measured"


def token_of(variable: str, option: str = "--token-env") -> str:
    """Return the token in an environment variable. Raises BenchError with one sentence."""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise BenchError(f"{option} {variable}: this environment variable is not set or empty; export it first")
    return _checked(value, f"{option} {variable}")


def tokens_in(path: Path) -> list[str]:
    """Return the tokens of a file, one a line; empty lines are skipped. Raises BenchError with one sentence."""
    try:
        lines = files.read_text(path).splitlines()
    except OSError as error:
        raise BenchError(
            f"cannot read --tokens-file {path}: {error.strerror}; give a text file with one token a line"
        ) from error
    except UnicodeDecodeError as error:
        raise BenchError(
            f"--tokens-file {path} is not text in UTF-8; give a text file with one token a line"
        ) from error
    found: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if token := line.strip():
            before = found.setdefault(_checked(token, f"--tokens-file {path}, line {number}"), number)
            if before != number:
                raise BenchError(
                    f"--tokens-file {path}: line {number} repeats the token of line {before}; remove one of them"
                )
    if not found:
        raise BenchError(f"--tokens-file {path} holds no token; write one a line")
    return list(found)


def _checked(token: str, where: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise BenchError(f"{where}: the token has a space or a character that is not ASCII; give it without `Bearer`")
    if len(token) < MIN_LENGTH:
        raise BenchError(
            f"{where}: the token has {len(token)} characters; with fewer than {MIN_LENGTH}, it cannot be redacted in "
            "what gatebench writes: use a longer one"
        )
    return token


def headers_of(given: Sequence[str], option: str = "--header") -> dict[str, str]:
    """Return the headers of options `Name: value`. Raises BenchError that never shows a value."""
    found: dict[str, str] = {}
    for number, text in enumerate(given, 1):
        name, colon, value = (part.strip() for part in text.partition(":"))
        if not colon or not _NAME.fullmatch(name):
            raise BenchError(f"{option} number {number} is not a header: write it as 'Name: value'")
        if not _VALUE.fullmatch(value):
            raise BenchError(f"{option} {name}: the value has characters that a header cannot hold")
        if name.lower() in _OURS or name.lower().startswith("mcp-"):
            raise BenchError(f"{option} {name}: gatebench sets this header itself; leave it out")
        if name.lower() in map(str.lower, found):
            raise BenchError(f"{option} {name} is given twice; give each header once")
        found[name] = value
    return found
