"""Before anything is judged: does the bench reach this gateway, and does a valid call land where it should?"""

from collections.abc import Set as AbstractSet

from conformance.features import OUTSIDE, Claims
from fixtures import standard
from fixtures.bench import Bench
from fixtures.clients.raw import Answer
from fixtures.errors import BenchError

OUTSIDERS = (
    "alice",
    "calculator",
)  # who holds the one token, and what the one address is called, when judged from outside


async def test(bench: Bench, claims: Claims) -> None:
    """Raise BenchError with one sentence unless a valid call comes back right and its nonce is seen on both legs."""
    if OUTSIDE in claims.features:
        await _from_outside(bench, claims)
        return
    principal, server = simplest(bench, claims.features)
    revision = claims.revisions[-1]
    async with bench.scenario("smoke", {"principal": principal, "server": server, "revision": revision}) as scenario:
        client = await scenario.client(principal, server, revision)
        first = await client.connect()
        where = f"{client.url} as {principal}, revision {revision}"
        _explain(bench, first, f"connecting to {where}")
        answer = await client.call(bench.tool(server, "whoami"))
        _explain(bench, answer, f"calling whoami at {where}")
        if not bench.seen_upstream(answer.nonce, server):
            raise BenchError(
                f"smoke failed: {where} answered, but the call never reached our {server} server at "
                f"{bench.sheet['upstreams'][server]['url']}; is the gateway configured from this world's sheet?"
            )


async def _from_outside(bench: Bench, claims: Claims) -> None:
    """The address answers the token as an MCP server does. What lies behind it is not ours, so there is no proof of path."""
    principal, server = OUTSIDERS
    revision = claims.revisions[-1]
    async with bench.scenario("smoke", {"principal": principal, "server": server, "revision": revision}) as scenario:
        client = await scenario.client(principal, server, revision)
        where = f"{client.url} with the token given, revision {revision}"
        _explain(bench, await client.connect(), f"connecting to {where}")
        _explain(bench, await client.list_tools(), f"listing tools at {where}")


def simplest(bench: Bench, features: AbstractSet[str]) -> tuple[str, str]:
    """The simplest claimed combination of a caller and a server."""
    if OUTSIDE in features:
        return OUTSIDERS
    for model in ("none", "static", "passthrough"):
        for kind in ("user", "virtual-account", "external"):
            if f"upstream.{model}" in features and f"caller.{kind}" in features:
                if model == "passthrough" and kind != "external":
                    continue
                principal = next(name for name, who in standard.PRINCIPALS.items() if who.kind == kind)
                return principal, next(name for name, up in standard.UPSTREAMS.items() if up.model == model)
    raise BenchError(
        f"{bench.target.path}: the claims leave nothing to start with: claim at least one caller (caller.user, "
        "caller.virtual-account or caller.external) and one kind of upstream (upstream.none, upstream.static or "
        "upstream.passthrough)"
    )


def _explain(bench: Bench, answer: Answer, doing: str) -> None:
    if answer.succeeded:
        return
    raise BenchError(bench.secrets.redact(f"smoke failed: {doing} {_outcome(bench, answer)}{_advice(bench)}"))


def _outcome(bench: Bench, answer: Answer) -> str:
    if answer.status == 0:
        return f"got no answer ({answer.error_text}); is the gateway there?"
    kind = answer.header("content-type") or "no content type"
    hint = {
        401: "the gateway does not accept the token that the setup sheet gives this caller"
        if not bench.target.descriptor.tokens
        else "the gateway does not accept the token that was found in the environment",
        403: "the gateway denies access that the setup sheet grants",
        404: "check [endpoints] in the descriptor",
    }.get(answer.status, "a JSON-RPC result was expected")
    if 300 <= answer.status < 400:
        hint = f"it redirects to {answer.header('location')}; give the final address in [endpoints]"
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
    return "; a gateway that already runs must be judged with --sheet, the setup sheet that it was configured from"
