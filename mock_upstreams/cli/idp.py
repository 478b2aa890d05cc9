"""`python -m mock_upstreams idp`: one mock IdP, served until it is interrupted."""

import argparse
import json
import secrets
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

from ..idp.app import build_idp
from ..idp.config import ALGORITHMS, ClientSpec, IdpSpec, IssuerSpec
from ..server import MockError, ServerThread
from .program import OptionParser

ISSUERS = ("corp", "vendor", "calendar-as", "rogue")
"""The issuers of the standard world, served when none are named."""


def run(arguments: Sequence[str]) -> int:
    """Serve a mock IdP until SIGINT or SIGTERM; return the exit status (2 for invalid options).

    Prints one JSON line once it accepts connections: `name`, `url`, `issuers` (name to issuer identifier),
    `control_token`.
    """
    # Install the handlers before printing the line: the reader may send a signal at once.
    stopped = threading.Event()
    previous = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        options = _parser().parse_args(arguments)
        with ServerThread(options.host) as farm:
            print(json.dumps(_serve(farm, options)), flush=True)
            stopped.wait()
    except (MockError, ValueError) as error:
        print(f"mock_upstreams idp: {error}", file=sys.stderr)
        return 2
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return 0


def _serve(farm: ServerThread, options: argparse.Namespace) -> dict[str, Any]:
    port = farm.reserve(options.port)
    everywhere = options.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
    url = f"http://127.0.0.1:{port}" if everywhere else farm.url(port)
    names = tuple(options.issuer or ISSUERS)
    clients = _clients(options.client, names)
    control_token = options.control_token or secrets.token_urlsafe(24)
    idp = build_idp(
        IdpSpec(
            public_url=options.public_url or url,
            back_channel_url=options.back_channel_url,
            control_token=control_token,
            issuers=tuple(IssuerSpec(name, ALGORITHMS, clients=clients.get(name, ())) for name in names),
        )
    )
    farm.serve(idp.app, port=port)
    issuers = {name: issuer.url for name, issuer in idp.issuers.items()}
    return {"name": "idp", "url": url, "issuers": issuers, "control_token": control_token}


def _clients(given: list[str], issuers: tuple[str, ...]) -> dict[str, tuple[ClientSpec, ...]]:
    """Parse `issuer:client_id:secret:redirect_uri` items; no secret makes a public client, repetition adds redirect URIs."""
    found: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for text in given:
        issuer, *rest = text.split(":", 3)
        if len(rest) != 3 or not rest[0]:
            raise MockError(f"--client {text!r} must be issuer:client_id:secret:redirect_uri")
        if issuer not in issuers:
            raise MockError(f"--client {text!r} does not name an issuer of this IdP; available: {', '.join(issuers)}")
        key = (issuer, rest[0], rest[1])
        found[key] = (*found.get(key, ()), *([rest[2]] if rest[2] else []))
    clients: dict[str, tuple[ClientSpec, ...]] = {}
    for (issuer, client_id, secret), redirect_uris in found.items():
        clients[issuer] = (*clients.get(issuer, ()), ClientSpec(client_id, secret or None, redirect_uris))
    return clients


def _parser() -> argparse.ArgumentParser:
    parser = OptionParser(
        prog="python -m mock_upstreams idp", description="A mock identity provider with several issuers."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to bind")
    parser.add_argument("--port", type=int, default=0, help="port to bind; 0 (default) lets the system choose")
    parser.add_argument(
        "--public-url", help="base URL of issuer identifiers and browser endpoints (default: where it listens)"
    )
    parser.add_argument(
        "--back-channel-url", help="base URL of the endpoints that servers call (default: the public URL)"
    )
    parser.add_argument("--issuer", action="append", metavar="NAME", help=f"repeatable (default: {', '.join(ISSUERS)})")
    parser.add_argument(
        "--client",
        action="append",
        default=[],
        metavar="ISSUER:ID:SECRET:REDIRECT_URI",
        help="repeatable; empty secret: public",
    )
    parser.add_argument("--control-token", help="token of the control API at /_bench/ (default: a random one, printed)")
    return parser
