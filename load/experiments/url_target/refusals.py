"""Error messages for first responses that rule out a load."""

import html
import re

from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.load.experiments.url_target.endpoint import Endpoint
from gatebench.load.plan.plan import PlannedCaller

_EXCERPT = 200  # characters
_HEAD = 10_000  # characters of a page that are searched for its title
_TITLE = re.compile(r"<title>([^<]*)</title>", re.IGNORECASE)
_TLS = ("CERTIFICATE", "certificate", "SSL", "TLS")


def why_not(endpoint: Endpoint, caller: PlannedCaller, response: McpResponse, what: str) -> str:
    """Return a sentence with cause and fix for an unexpected response; `what`: the request."""
    where = endpoint.shown
    if response.status == 0:
        return _unreachable(endpoint, response)
    if response.status in (401, 403):
        return _refused(endpoint, caller, response)
    if 300 <= response.status < 400:
        return f"{where} redirects to {response.header('Location') or 'nowhere'} ({response.status}): use that address"
    if "jsonrpc" in response.answer or what != "initialize":
        return f"{where} failed at {what} as {caller.name}: {explained(response)}"
    return (
        f"{where} is not an MCP endpoint: it answered {what} with {explained(response)}; "
        "give the whole URL of the endpoint, such as https://gw.example.com/mcp"
    )


def _unreachable(endpoint: Endpoint, response: McpResponse) -> str:
    reason = response.error_text or "no response"
    proxy = f"; {note}" if (note := endpoint.proxy_note()) else ""
    if "WRONG_VERSION_NUMBER" in reason:
        return f"{endpoint.shown} does not speak TLS: is its address http://... instead of https://...?{proxy}"
    if any(word in reason for word in _TLS):
        return tls_failed(endpoint, reason)
    return f"cannot reach {endpoint.shown}: {reason}; is the gateway running at this address?{proxy}"


def tls_failed(endpoint: Endpoint, reason: str) -> str:
    """Return a sentence with cause and fix for a connection that fails because of TLS."""
    proxy = f"; {note}" if (note := endpoint.proxy_note()) else ""
    return (
        f"TLS with {endpoint.shown} failed: {reason}; name the certificate authority with --ca-file, a client certificate "
        f"with --client-cert, or verify nothing with --insecure{proxy}"
    )


def _refused(endpoint: Endpoint, caller: PlannedCaller, response: McpResponse) -> str:
    reason = response.header("WWW-Authenticate") or explained(response)
    if not endpoint.tokens and not endpoint.headers:
        fix = "it needs a token: export one and name the variable with --token-env"
    elif response.status == 403:
        fix = "this caller may not do that: use a token with access"
    else:
        fix = "the token is invalid or expired, or belongs in another header (--header)"
    return f"{endpoint.shown} refused {caller.name} with status {response.status} ({reason[:_EXCERPT]}): {fix}"


def explained(response: McpResponse) -> str:
    """Describe a response, as a part of a sentence."""
    if response.status == 0:
        return response.error_text or "no response"
    if error := response.error:
        return f"JSON-RPC error {error.get('code')}: {str(error.get('message', ''))[:_EXCERPT]}"
    if response.result.get("isError"):
        content = response.result.get("content")
        texts = (
            [str(one.get("text", "")) for one in content if isinstance(one, dict)] if isinstance(content, list) else []
        )
        return f"a result with isError: {' '.join(' '.join(texts).split())[:_EXCERPT]}"
    kind = response.header("Content-Type") or "no content type"
    text = _title(response.body) if "html" in kind else response.body
    excerpt = " ".join(text.split())[:_EXCERPT]
    return f"status {response.status}, {kind}" + (f": {excerpt}" if excerpt else "")


def _title(page: str) -> str:
    """Return the title of a web page, which often says what is wrong (a missing client certificate); empty without one."""
    found = _TITLE.search(page[:_HEAD])
    return html.unescape(found[1]) if found else ""
