"""`python -m mock_upstreams PERSONALITY`: run one upstream, or the identity provider, as its own process."""

import argparse
import secrets
import sys
from collections.abc import Sequence

from .cli.program import OptionParser, announce, stop_signal
from .http import ALL_REVISIONS
from .server import MockError, ServerThread
from .upstream import APPLICATIONS, PERSONALITIES, UpstreamSpec, build_upstream


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit status (0, or 2 for invalid options)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["idp"]:
        from .cli.idp import run  # noqa: PLC0415 - upstreams do not need it

        return run(given[1:])
    if given[:1] == ["--spec"]:
        from .cli.from_config import run as run_specified  # noqa: PLC0415

        return run_specified(given)
    if given[:1] == ["lean"]:
        from .cli import lean as lean_program  # noqa: PLC0415

        return lean_program.run(given[1:], stop_signal())
    try:
        return _serve(_parser().parse_args(given))
    except MockError as error:
        print(f"mock_upstreams: {error}", file=sys.stderr)
        return 2


def _serve(options: argparse.Namespace) -> int:
    if options.personality in ("idp", "lean"):
        raise MockError(f"{options.personality} must come first, its options after it")
    stop = stop_signal()
    token = options.control_token or secrets.token_urlsafe(24)
    spec = UpstreamSpec(
        name=options.name or options.personality,
        personality=options.personality,
        application=options.application,
        revisions=options.revisions,
        header=options.header,
        issuer=options.issuer,
        back_channel=options.back_channel,
        audience=options.audience,
        hosts=tuple(options.allowed_host),
        control_token=token,
    )
    with ServerThread(options.host) as farm:
        port = farm.reserve(options.port)
        upstream = build_upstream(spec)
        url = farm.serve(upstream.app, port=port, protocol=upstream.protocol)
        announce({"name": spec.name, "url": url, "mcp_url": f"{url}/mcp", "control_token": token})
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = OptionParser(
        prog="python -m mock_upstreams",
        description="Serve one mock upstream MCP server (idp: the identity provider; lean: several, for load; --spec FILE "
        "instead of everything: the mock that a file describes); prints its address as one JSON line.",
    )
    parser.add_argument(
        "personality",
        choices=(*PERSONALITIES, "idp", "lean"),
        help="how callers are authenticated; idp and lean have options of their own",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=_port, default=0, help="0: a free one")
    parser.add_argument("--name", help="name of the mock in its records (default: the personality)")
    parser.add_argument("--application", choices=APPLICATIONS, default="tools")
    parser.add_argument(
        "--revisions", type=_revisions, default=ALL_REVISIONS, help=f"some of {','.join(ALL_REVISIONS)}"
    )
    parser.add_argument("--header", type=_header, metavar="NAME=VALUE", help="the header that static expects")
    parser.add_argument("--issuer", help="issuer whose tokens oauth and jwt accept")
    parser.add_argument(
        "--back-channel", help="base URL under which the issuer is reached from here (default: the issuer)"
    )
    parser.add_argument("--audience", help="audience that tokens must have (default: the MCP URL)")
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which clients address it (Host), beside its own; IP addresses and localhost always are",
    )
    parser.add_argument("--control-token", help="token of the control API (default: random, and printed)")
    return parser


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; it must be 0 to 65535")
    return int(text)


def _revisions(text: str) -> tuple[str, ...]:
    named = [one.strip() for one in text.split(",") if one.strip()]
    for one in named:
        if one not in ALL_REVISIONS:
            raise argparse.ArgumentTypeError(f"there is no revision {one!r}; available: {', '.join(ALL_REVISIONS)}")
    if not named:
        raise argparse.ArgumentTypeError(f"name at least one revision of {', '.join(ALL_REVISIONS)}")
    return tuple(one for one in ALL_REVISIONS if one in named)


def _header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
