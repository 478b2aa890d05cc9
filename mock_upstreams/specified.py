"""`python -m mock_upstreams --spec FILE`: the mock that a JSON file describes, for whoever stands up a whole world of them.

The file holds one object: `{"upstream": {...}}` with the members of `UpstreamSpec`, or `{"idp": {...}}` with those of
`IdpSpec`. The control API answers on a port of its own as well, which stays when the mock is told to refuse connections
(`PUT /_bench/listening`, true or false).
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

from mock_upstreams.control import PREFIX, Control, ControlError, ControlRequest, not_found
from mock_upstreams.idp.spec import ClientSpec, IdpSpec, IssuerSpec
from mock_upstreams.server import Farm, MockError

IMPORTED_LATE = (
    "key_value.aio.adapters.pydantic",
    "key_value.aio.stores.memory",
    "fastmcp.server.providers.prefab_payload",
    "fastmcp.server.providers.prefab_synthesis",
)
"""What FastMCP imports on a session's first call only, which then may take longer than a gateway waits."""


def run(arguments: Sequence[str]) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit status (2 for a file or an address that cannot be used)."""
    from mock_upstreams.__main__ import announce, stop_signal  # noqa: PLC0415 - it is the program that we are part of

    stop = stop_signal()
    options = _parser().parse_args(arguments)
    try:
        name, app = read(options.spec)
        with Farm(options.host) as farm:
            ports = [farm.reserve(number) for number in (options.port, options.control_port)]
            app.add("PUT", "listening", _listening(farm, ports[0]))
            url = farm.serve(app, port=ports[0])
            control_url = farm.serve(_only_control(app), port=ports[1])
            announce({"name": name, "url": url, "control_url": control_url})
            stop.wait()
    except MockError as error:
        print(f"mock_upstreams: {error}", file=sys.stderr)
        return 2
    return 0


def read(path: Path) -> tuple[str, Control]:
    """The name and the application of the mock in a file. Raises MockError with one sentence when there is none."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MockError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise MockError(f"{path} is not JSON: {error}") from error
    if not isinstance(given, dict) or len(given) != 1 or not given.keys() <= {"upstream", "idp"}:
        raise MockError(f'{path} must hold one object with one member, "upstream" or "idp"')
    kind, settings = next(iter(given.items()))
    try:
        return _idp(settings) if kind == "idp" else _upstream(settings)
    except (TypeError, ValueError, KeyError) as error:  # what the settings are does not go together
        raise MockError(f"{path}: {kind} cannot be built from this: {error}") from error


def written(spec: Any) -> dict[str, Any]:
    """A specification as it stands in a file: `{"idp": {...}}` for an IdpSpec, `{"upstream": {...}}` for settings."""
    return {"idp": asdict(spec)} if isinstance(spec, IdpSpec) else {"upstream": dict(spec)}


def _idp(settings: dict[str, Any]) -> tuple[str, Control]:
    from mock_upstreams.idp import build_idp  # noqa: PLC0415 - an upstream has no need of it

    issuers = tuple(
        IssuerSpec(**{**_tuples(IssuerSpec, issuer), "clients": tuple(_client(one) for one in issuer["clients"])})
        for issuer in settings["issuers"]
    )
    return "idp", build_idp(IdpSpec(**{**settings, "issuers": issuers})).app


def _client(settings: dict[str, Any]) -> ClientSpec:
    return ClientSpec(**_tuples(ClientSpec, settings))


def _upstream(settings: dict[str, Any]) -> tuple[str, Control]:
    from mock_upstreams.upstream import UpstreamSpec, build_upstream  # noqa: PLC0415 - takes seconds

    built = build_upstream(UpstreamSpec(**_tuples(UpstreamSpec, settings)))
    if settings.get("application") != "scripted":
        for name in IMPORTED_LATE:
            with contextlib.suppress(ImportError):  # of another FastMCP
                importlib.import_module(name)
    return settings["name"], built.app


def _tuples(of: type, settings: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists where the specification has tuples. Raises ValueError for a member that does not exist."""
    known = [one.name for one in fields(of)]
    if unknown := sorted(set(settings) - set(known)):
        raise ValueError(f"unknown member {unknown[0]!r}; there are {', '.join(known)}")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}


def _listening(farm: Farm, port: int) -> Any:
    async def listening(request: ControlRequest) -> Any:
        """The body, true or false: whether the mock takes connections."""
        if not isinstance(request.body, bool):
            raise ControlError("the body must be true or false")
        await farm.set_listening(port, request.body)
        return {"listening": request.body}

    return listening


def _only_control(app: Control) -> Any:
    async def control(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["path"].startswith(PREFIX) or scope["path"] == "/healthz"):
            await app(scope, receive, send)
        elif scope["type"] == "http":
            await not_found(send)
        else:
            # The mock itself follows the server's life on its other port.
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
    parser.add_argument("--control-port", type=int, default=0, help="the control API's own; 0: a free one")
    return parser
