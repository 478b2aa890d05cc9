"""Smoke test before any evaluation: the bench reaches this gateway, and a valid call reaches its upstream."""

from collections.abc import Set as AbstractSet

from gatebench.conformance.requirements.features import OUTSIDE, Claims
from gatebench.fixtures.clients.mcp_response import McpResponse
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.harness.bench import Bench
from gatebench.fixtures.harness.scenario import running_scenario
from gatebench.fixtures.world import definition

OUTSIDERS = (
    "alice",
    "calculator",
)  # holder of the only token, and name of the only address, of a black-box target


async def test(bench: Bench, claims: Claims) -> None:
    """Raise BenchError (one sentence) unless a valid call succeeds and its nonce is seen on both legs."""
    if OUTSIDE in claims.features:
        await _from_outside(bench, claims)
        return
    principal, server = simplest(bench, claims.features)
    revision = claims.revisions[-1]
    async with running_scenario(
        bench, "smoke", {"principal": principal, "server": server, "revision": revision}
    ) as scenario:
        client = await scenario.client(principal, server, revision)
        first = await client.connect()
        where = f"{client.url} as {principal}, revision {revision}"
        _explain(bench, first, f"connecting to {where}")
        answer = await client.call(bench.identities.tool(server, "whoami"))
        _explain(bench, answer, f"calling whoami at {where}")
        if not bench.seen_upstream(answer.nonce, server):
            raise BenchError(
                f"smoke failed: {where} responded, but the call did not reach the mock server {server} at "
                f"{bench.world_json['upstreams'][server]['url']}; is the gateway configured from this world.json?"
            )


async def _from_outside(bench: Bench, claims: Claims) -> None:
    """Check that the address responds to the token as an MCP server. The path is unverified: the upstreams are unknown."""
    principal, server = OUTSIDERS
    revision = claims.revisions[-1]
    async with running_scenario(
        bench, "smoke", {"principal": principal, "server": server, "revision": revision}
    ) as scenario:
        client = await scenario.client(principal, server, revision)
        where = f"{client.url} with the token given, revision {revision}"
        _explain(bench, await client.connect(), f"connecting to {where}")
        _explain(bench, await client.list_tools(), f"listing tools at {where}")


def simplest(bench: Bench, features: AbstractSet[str]) -> tuple[str, str]:
    """Return the simplest claimed combination of a caller and a server."""
    if OUTSIDE in features:
        return OUTSIDERS
    for model in ("none", "static", "passthrough"):
        for kind in ("user", "virtual-account", "external"):
            if f"upstream.{model}" in features and f"caller.{kind}" in features:
                if model == "passthrough" and kind != "external":
                    continue
                principal = next(name for name, who in definition.PRINCIPALS.items() if who.kind == kind)
                return principal, next(name for name, up in definition.UPSTREAMS.items() if up.model == model)
    raise BenchError(
        f"{bench.target.path}: the claims allow no scenario: claim at least one caller (caller.user, "
        "caller.virtual-account or caller.external) and one kind of upstream (upstream.none, upstream.static or "
        "upstream.passthrough)"
    )


def _explain(bench: Bench, answer: McpResponse, doing: str) -> None:
    if answer.succeeded:
        return
    raise BenchError(bench.secrets.redact(f"smoke failed: {doing} {_outcome(bench, answer)}{_advice(bench)}"))


def _outcome(bench: Bench, answer: McpResponse) -> str:
    if answer.status == 0:
        reason = str(answer.error_text)
        fix = "give one with --client-cert" if "CERTIFICATE_REQUIRED" in reason else "is the gateway running?"
        return f"got no response ({reason}); {fix}"
    kind = answer.header("content-type") or "no content type"
    hint = {
        401: "the gateway does not accept the token that world.json gives this caller"
        if not bench.target.descriptor.tokens
        else "the gateway does not accept the token that was found in the environment",
        403: "the gateway denies access that world.json grants",
        404: "check [endpoints] in the descriptor",
    }.get(answer.status, "a JSON-RPC result was expected")
    if 300 <= answer.status < 400:
        hint = f"it redirects to {answer.header('location')}; use the final address in [endpoints]"
    text = bench.secrets.redact(" ".join(answer.body.split()))[:160]
    return f"answered {answer.status} ({kind}): {hint}; the body begins: {text or 'nothing'}"


def _advice(bench: Bench) -> str:
    if (
        OUTSIDE in bench.features
        or bench.world.stored
        or bench.target.descriptor.launch
        or bench.target.descriptor.adapter
    ):
        return ""
    return "; for a running gateway, pass the world.json that it was configured from with --sheet"
