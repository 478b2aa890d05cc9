"""Why an address could not be probed: one sentence with the address, the cause and the fix."""

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Literal

import httpx

from gatebench.commands.setup.probe.endpoint import REQUEST_SECONDS
from gatebench.commands.setup.probe.observations import Observations
from gatebench.commands.setup.probe.wording import Wording
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.clients.transport import TIMEOUT
from gatebench.fixtures.gateways import dialects
from gatebench.fixtures.gateways.descriptor import Dialect
from gatebench.fixtures.protocol import messages
from gatebench.fixtures.world.definition import REVISIONS

_MAX_CAUSES = 12  # links of the chain behind an error
CONSENT: tuple[Literal["jsonrpc-error-data", "http-401"], ...] = ("jsonrpc-error-data", "http-401")
"""The forms of a request for consent in a response to any method."""
MAX_URL = 2000
"""Characters of an address that the user has to open."""
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNEXPECTED_EOF")


def unreachable(where: str, failure: Exception | None, says: Wording) -> str:
    """Return the sentence about an address from which no response came; `failure` is the error of the HTTP client."""
    causes = list(_causes(failure))
    tls = next((one for one in causes if isinstance(one, ssl.SSLError)), None)
    if tls is not None:
        return _without_tls(where, tls, says)
    if any(isinstance(one, socket.gaierror) for one in causes):
        return f"{where} has a host name that cannot be resolved; check the address"
    if errno.ECONNREFUSED in {one.errno for one in causes if isinstance(one, OSError)}:
        return f"{where} refused the connection; start the gateway, or check host and port"
    if isinstance(failure, httpx.ConnectTimeout):
        return f"{where} took no connection within {TIMEOUT.connect:g} s; start the gateway, or check host and port"
    if failure is None or isinstance(failure, httpx.TimeoutException):
        return f"{where} gave no response within {REQUEST_SECONDS:g} s; read the log of the gateway, and try again"
    reason = says.plain(str(failure) or type(failure).__name__)
    return f"{where} gave no HTTP response ({reason}); check the address, and that an HTTP server listens there"


def _without_tls(where: str, error: ssl.SSLError, says: Wording) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = says.plain(error.verify_message.rstrip("."))
        return (
            f"{where} has a certificate that cannot be verified ({reason}); set SSL_CERT_FILE to the file of its certificate "
            "authority, or use an address that the certificate names"
        )
    if "CERTIFICATE_REQUIRED" in str(error.reason):
        return (
            f"{where} requires a client certificate, which --probe cannot give; write the descriptor without --probe, and give "
            "the certificate to gatebench run with --client-cert"
        )
    hint = "write http:// if that port speaks no TLS" if _speaks_no_tls(error) else "check its TLS configuration"
    return f"{where} failed in the TLS handshake ({says.plain(error.reason or error)}); {hint}"


def _speaks_no_tls(error: ssl.SSLError) -> bool:
    return any(word in f"{error.reason} {error}" for word in _NOT_TLS)


def _causes(failure: BaseException | None) -> Iterator[BaseException]:
    waiting = [failure]
    for _ in range(_MAX_CAUSES):
        if not waiting:
            return
        error = waiting.pop(0)
        if error is not None:
            yield error
            waiting += [error.__cause__, error.__context__, *getattr(error, "exceptions", ())]


def refused(where: str, answer: McpResponse, token_env: str | None, says: Wording) -> str | None:
    """Return the sentence about a response of 401 or 403 to the given token (or to none); None for any other response.

    A request for consent is one about the token as well, in any form.
    """
    urls = [url for form in CONSENT for url in dialects.authorization_urls(Dialect(consent=form), answer.reply)]
    if urls:
        return (
            f"{where} asks for consent at {says.plain(urls[0], MAX_URL)}; open that address in a browser as the user of the "
            "token, and try again"
        )
    if answer.status not in (401, 403):
        return None
    if token_env is None:
        return (
            f"{where} requires a token (status {answer.status}); put one into an environment variable and name it with "
            "--token-env"
        )
    if answer.status == 401:
        return (
            f"{where} refused the token in {token_env} (status 401); check that the variable holds a token that is valid "
            "for this server"
        )
    return (
        f"{where} denied access to the holder of the token in {token_env} (status 403); grant it, or use another token"
    )


def not_mcp(where: str, seen: Observations, token_env: str | None, says: Wording) -> str:
    """Return the sentence about an address that has accepted no protocol revision."""
    sentences = (refused(where, answer, token_env, says) for answer in seen.connected.values())
    answers = list(seen.connected.values())
    best = next((answer for answer in answers if answer.answer), answers[0])
    return next((one for one in sentences if one), None) or _unusual(where, best, says)


def _unusual(where: str, answer: McpResponse, says: Wording) -> str:
    status, kind = answer.status, messages.media_type(answer.headers)
    if answer.error or "protocolVersion" in answer.result:
        return _other_protocol(where, answer, says)
    if 300 <= status < 400:
        there = says.address(answer.header("Location") or "")
        return f"{where} redirects to {there or 'no address'} (status {status}); use the address of the MCP endpoint itself"
    if status >= 500 or status == 429:
        return f"{where} answered initialize with status {status}; read the log of the gateway, and try again"
    if kind in ("text/html", "application/xhtml+xml"):
        return f"{where} is an HTML page (status {status}) and no MCP endpoint; use the address for MCP clients, such as .../mcp"
    if status in (404, 405, 410):
        what = f"status {status} for initialize"
        return f"{where} has no MCP endpoint of Streamable HTTP ({what}); check the path, such as .../mcp"
    what = f"status {status}, {says.quoted(kind, 60)}" if kind else f"status {status}, no content type"
    return f"{where} does not answer as an MCP server ({what} for initialize); use the address of its MCP endpoint"


def _other_protocol(where: str, answer: McpResponse, says: Wording) -> str:
    if answer.error:
        return (
            f"{where} refused initialize: it {says.outcome(answer)}; check the address, and read the log of the gateway"
        )
    spoken = says.value(answer.result.get("protocolVersion"))
    return f"{where} speaks the protocol revision {spoken} only; gatebench needs one of {', '.join(REVISIONS)}"
