"""The probe of a running gateway: from an address and a token to observations."""

import os
from urllib.parse import urlsplit

import httpx

from gatebench.commands.setup.probe import failures, steps
from gatebench.commands.setup.probe.endpoint import ProbedEndpoint, standing
from gatebench.commands.setup.probe.observations import Observations
from gatebench.commands.setup.probe.wording import Wording, wording
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.protocol.opaque_response import checked_url


def prepare(url: str, token_env: str | None) -> tuple[str | None, Wording]:
    """Return the token in the variable (None without a variable), and the wording that redacts it.

    Raise BenchError for an address that is no http or https URL, and for a token that cannot be used.
    """
    token = None
    if token_env is not None:
        token = os.environ.get(token_env, "")
        if not token:
            raise BenchError(f"the environment variable {token_env} is not set; export it with a token of the gateway")
        if not token.isascii() or not token.isprintable() or " " in token:
            raise BenchError(f"the token in {token_env} has characters that a header cannot carry; export it again")
    try:
        says = wording(url, token)
    except ValueError as error:
        raise BenchError(f"the address or the token in {token_env} cannot be kept out of files: {error}") from error
    _check(url, says)
    return token, says


def _check(url: str, says: Wording) -> None:
    try:
        parts, known = urlsplit(url), checked_url(url)
        _ = parts.port
    except (httpx.InvalidURL, ValueError) as error:
        raise BenchError(
            f"{says.address(url)} is not a URL; write for example https://gw.example.com/mcp/docs"
        ) from error
    if known.scheme not in ("http", "https") or not known.host or parts.fragment:
        raise BenchError(
            f"--probe needs the http or https URL of an MCP endpoint, and {says.quoted(says.address(url))} is not one; "
            "write for example https://gw.example.com/mcp/docs"
        )


async def probe(url: str, token: str | None, token_env: str | None, says: Wording, show: steps.Show) -> Observations:
    """Return what the gateway answered, within `endpoint.WHOLE_SECONDS`. `show` gets the name of each step.

    Raise BenchError with one sentence if the address cannot be reached, is no MCP endpoint, or refuses the token.
    """
    where, seen = says.address(url), Observations()
    async with standing(url, token) as endpoint:
        clients = await steps.connect(endpoint, seen, show)
        if not seen.accepted:
            raise BenchError(_why_not(endpoint, where, seen, token_env, says))
        await steps.explore(endpoint, seen, clients[seen.accepted[-1]], show)
        refusal = failures.refused(f"{where} answers initialize, but for tools/list it", seen.tools[0], token_env, says)
        if refusal:
            raise BenchError(refusal)
    return seen


def _why_not(endpoint: ProbedEndpoint, where: str, seen: Observations, token_env: str | None, says: Wording) -> str:
    if not any(answer.status for answer in seen.connected.values()):
        return failures.unreachable(where, endpoint.failure, says)
    return failures.not_mcp(where, seen, token_env, says)
