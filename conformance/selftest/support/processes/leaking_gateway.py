"""The reference gateway, which under load responds to calls with every secret that it knows, in many encodings.

Every second call gets a wrong response with secrets: a failure, or a result, in JSON or as an event stream, that
belongs to another call. The samples of wrong responses and failures that a load run keeps must not contain them.
"""

import base64
import functools
import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gatebench.fixtures.reference_gateway import decision_patch
from gatebench.fixtures.reference_gateway.app import build_gateway
from gatebench.fixtures.reference_gateway.cli import main
from gatebench.fixtures.reference_gateway.config import WorldConfig
from gatebench.fixtures.reference_gateway.http.asgi import Application, GatewayResponse, Receive, Scope, Send, read_body

RIGHT_AT_FIRST = 20  # calls that are answered correctly at first
MAX_LENGTH = 12_000  # characters of a response: the stored part of a wrong response ends within a secret


def forms(secret: str) -> Iterator[str]:
    """Yield a secret, encoded once or twice."""
    raw = secret.encode()
    yield secret
    for lead in range(3):
        yield base64.b64encode(b"u:"[:lead] + raw).decode()
    yield base64.urlsafe_b64encode(raw).decode()
    yield base64.b64encode(base64.b64encode(raw)).decode()
    yield base64.b64encode(raw.hex().encode()).decode()
    yield base64.b64encode(gzip.compress(raw)).decode()
    for wide in ("utf-16-le", "utf-16-be"):
        yield raw.decode().encode(wide).decode("latin-1")
        yield base64.b64encode(raw.decode().encode(wide)).decode()
    yield raw.hex()
    yield raw.hex().upper()
    yield quote(secret, safe="")
    yield "".join(f"%{byte:02X}" for byte in raw)
    yield "".join(f"\\u{byte:04x}" for byte in raw)
    yield secret[:16]
    yield secret[-16:]


def known_to(world: dict[str, Any]) -> list[str]:
    """Return the credentials in a world config: tokens of callers, upstreams, OAuth clients and the administrator."""
    found = [token for who in world["principals"].values() for token in who.get("tokens", [])]
    for upstream in world["upstreams"].values():
        found += [value for name, value in upstream["auth"].items() if name in ("value", "client_secret")]
    return [*found, world["gateway"]["admin_token"]]


class Leaking:
    """ASGI middleware in front of the reference gateway."""

    def __init__(self, inner: Application, secrets: list[str]) -> None:
        self._inner = inner
        self._secrets = secrets
        self._calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond as the reference does, or with secrets."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._inner(scope, receive, send)
            return
        body = await read_body(receive)
        message = json.loads(body or b"{}")
        called = message.get("method") == "tools/call"
        self._calls += called
        if called and self._calls > RIGHT_AT_FIRST and self._calls % 2:
            sent = [f"{name.decode()}: {value.decode('latin-1')}" for name, value in scope["headers"]]
            await self._leak(message["id"], sent, send)
        else:
            await self._inner(scope, _once(body, receive), send)

    async def _leak(self, rpc_id: object, sent: list[str], send: Send) -> None:
        turn = self._calls // 2
        secret = self._secrets[turn % len(self._secrets)]
        texts = [*forms(secret), *sent]
        text = "; ".join(texts[turn % len(texts) :] + texts)[:MAX_LENGTH]
        print(f"answered with {text!r}", flush=True)
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": rpc_id}
        if turn % 4 == 0:
            answer["error"] = {"code": -32000, "message": text}
        else:
            answer["result"] = {"content": [{"type": "text", "text": text}], "isError": False}
        whole = json.dumps(answer, ensure_ascii=turn % 4 == 1).encode()
        kind = "application/json"
        if turn % 4 == 3:
            kind = "text/event-stream"
            whole = b": " + secret.encode("utf-16-le") + b"\n: " + text.encode() + b"\ndata: " + whole + b"\n\n"
        await GatewayResponse(200, whole, (("content-type", kind), ("x-debug", quote(secret)))).send(send)


def _once(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` with a body that has been read, and then the original one."""
    left = [body]

    async def again() -> Any:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return again


def build(world: WorldConfig, *, secrets: list[str]) -> Application:
    """Build the leaking gateway of a world, which learns the access tokens of users when it uses them."""

    def noting(pick: Any) -> Any:
        async def noted(*arguments: Any) -> Any:
            credential = await pick(*arguments)
            if credential.token and credential.token not in secrets:
                secrets.append(credential.token)
            return credential

        return noted

    decision_patch.replace("upstream.credentials.Credentials.pick", noting)
    return Leaking(build_gateway(world), secrets)


if __name__ == "__main__":
    sheet = Path(sys.argv[sys.argv.index("--world") + 1]).read_text(encoding="utf-8")
    sys.exit(main(build=functools.partial(build, secrets=known_to(json.loads(sheet)))))
