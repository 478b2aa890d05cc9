"""`python -m mock_upstreams --spec FILE`: run the mock that a JSON file describes; a world starts its mocks this way.

The file holds one object: `{"upstream": {...}}` with the members of `UpstreamSpec`, `{"upstreams": {...}}` with those of
`UpstreamGroupSpec`, or `{"idp": {...}}` with those of `IdpSpec`. The control API is also served on a second port, which
stays open when the mock refuses connections (`PUT /_bench/listening`, true or false). The first port also serves HTTPS once it
has a certificate (`PUT /_bench/certificate`).
"""

import argparse
import contextlib
import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from starlette.types import Receive, Scope, Send

from ..control.api import PREFIX, ControlApi, ControlError, ControlRequest
from ..http import not_found
from ..idp.config import ClientSpec, IdpSpec, IssuerSpec
from ..server import MockError, ServerThread
from .program import announce, stop_signal

IMPORTED_LATE = (
    "key_value.aio.adapters.pydantic",
    "key_value.aio.stores.memory",
    "fastmcp.server.providers.prefab_payload",
    "fastmcp.server.providers.prefab_synthesis",
)
"""Modules that FastMCP imports on a session's first call, which could then exceed a gateway's timeout."""


def run(arguments: Sequence[str]) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit status (2 for a file or an address that cannot be used)."""
    stop = stop_signal()
    options = _parser().parse_args(arguments)
    try:
        name, app = read(options.spec)
        with ServerThread(options.host) as farm:
            ports = [farm.reserve(number) for number in (options.port, options.control_port)]
            app.add("PUT", "listening", _listening(farm, ports[0]))
            app.add("PUT", "certificate", _certificate(farm, ports[0]))
            url = farm.serve(app, port=ports[0], tls=True)
            control_url = farm.serve(_only_control(app), port=ports[1])
            announce({"name": name, "url": url, "control_url": control_url})
            stop.wait()
    except MockError as error:
        print(f"mock_upstreams: {error}", file=sys.stderr)
        return 2
    return 0


def read(path: Path) -> tuple[str, ControlApi]:
    """Return the name and the application of the mock in a file. Raises MockError (one sentence) for an invalid file."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MockError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise MockError(f"{path} is not JSON: {error}") from error
    if not isinstance(given, dict) or len(given) != 1 or not given.keys() <= {"upstream", "upstreams", "idp"}:
        raise MockError(f'{path} must hold one object with one member, "upstream", "upstreams" or "idp"')
    kind, settings = next(iter(given.items()))
    try:
        return {"idp": _idp, "upstreams": _upstreams}.get(kind, _upstream)(settings)
    except (TypeError, ValueError, KeyError) as error:  # the settings contradict each other
        raise MockError(f"{path}: {kind} cannot be built from this: {error}") from error


def written(spec: Any) -> dict[str, Any]:
    """Return a specification (an IdpSpec, or the arguments of an UpstreamSpec or UpstreamGroupSpec) as a JSON object."""
    if isinstance(spec, IdpSpec):
        return {"idp": asdict(spec)}
    return {"upstreams" if "members" in spec else "upstream": dict(spec)}


def _idp(settings: dict[str, Any]) -> tuple[str, ControlApi]:
    from ..idp.app import build_idp  # noqa: PLC0415 - upstreams do not need it

    issuers = tuple(
        IssuerSpec(**{**_tuples(IssuerSpec, issuer), "clients": tuple(_client(one) for one in issuer["clients"])})
        for issuer in settings["issuers"]
    )
    return "idp", build_idp(IdpSpec(**{**settings, "issuers": issuers})).app


def _client(settings: dict[str, Any]) -> ClientSpec:
    return ClientSpec(**_tuples(ClientSpec, settings))


def _upstream(settings: dict[str, Any]) -> tuple[str, ControlApi]:
    from ..upstream import UpstreamSpec, build_upstream  # noqa: PLC0415 - a slow import

    built = build_upstream(UpstreamSpec(**_tuples(UpstreamSpec, settings)))
    if settings.get("application") != "scripted":
        for name in IMPORTED_LATE:
            with contextlib.suppress(ImportError):  # another FastMCP version
                importlib.import_module(name)
    return settings["name"], built.app


def _upstreams(settings: dict[str, Any]) -> tuple[str, ControlApi]:
    from ..upstream import UpstreamSpec  # noqa: PLC0415 - a slow import
    from ..upstream_group import UpstreamGroupSpec, build_group  # noqa: PLC0415 - as above

    members = tuple(UpstreamSpec(**_tuples(UpstreamSpec, one)) for one in settings["members"])
    return settings["name"], build_group(UpstreamGroupSpec(**{**settings, "members": members})).app


def _tuples(of: type, settings: dict[str, Any]) -> dict[str, Any]:
    """Convert JSON lists to the tuples of the specification. Raises ValueError for an unknown member."""
    known = [one.name for one in fields(of)]
    if unknown := sorted(set(settings) - set(known)):
        raise ValueError(f"unknown member {unknown[0]!r}; available: {', '.join(known)}")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}


def _listening(farm: ServerThread, port: int) -> Any:
    async def listening(request: ControlRequest) -> Any:
        """Control handler, PUT true or false: whether the mock accepts connections."""
        if not isinstance(request.body, bool):
            raise ControlError("the body must be true or false")
        await farm.set_listening(port, request.body)
        return {"listening": request.body}

    return listening


def _certificate(farm: ServerThread, port: int) -> Any:
    async def certificate(request: ControlRequest) -> Any:
        """Control handler, PUT a private key and its certificate in PEM (a string), or null: what the mock's HTTPS presents.

        An object with the string as `pem` may say `old_tls`: over TLS 1.0 and 1.1 only.
        """
        body = request.body if isinstance(request.body, dict) else {"pem": request.body}
        if not isinstance(body.get("pem"), str | None):
            raise ControlError('the body must be a string in PEM, null, or an object with the string as "pem"')
        try:
            await farm.present(port, body["pem"], old_tls=body.get("old_tls") is True)
        except ValueError as error:
            raise ControlError(str(error)) from error
        return {"presents": request.body is not None}

    return certificate


def _only_control(app: ControlApi) -> Any:
    async def control(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["path"].startswith(PREFIX) or scope["path"] == "/healthz"):
            await app(scope, receive, send)
        elif scope["type"] == "http":
            await not_found(send)
        else:
            # The mock itself follows the server's lifespan on its other port.
            while (event := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{event['type']}.complete"})
            await send({"type": "lifespan.shutdown.complete"})

    return control


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mock_upstreams --spec FILE", description="Serve the mock that a JSON file describes."
    )
    parser.add_argument("--spec", type=Path, required=True, metavar="FILE", help="what the mock is")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--control-port", type=int, default=0, help="port of the control API; 0: a free one")
    return parser
