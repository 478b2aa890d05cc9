"""The options of how a gateway that already runs is reached: certificates, proxy, further headers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from gatebench.commands.options import FILE_NAME, PATH
from gatebench.fixtures.errors import BenchError

if TYPE_CHECKING:  # slow imports
    from gatebench.fixtures.gateways.connection import Connection
    from gatebench.fixtures.gateways.descriptor import Descriptor

Command = Callable[..., int]


@dataclass(frozen=True, kw_only=True)
class ConnectionOptions:
    """The options as they are given."""

    ca_file: str | None
    client_cert: str | None
    client_key: str | None
    proxy: str | None
    header: tuple[str, ...]
    header_file: Path | None

    @property
    def given(self) -> list[str]:
        """Return the names of the options that are given."""
        return [f"--{one.name.replace('_', '-')}" for one in fields(self) if getattr(self, one.name)]


_OPTIONS = (
    click.option("--ca-file", type=FILE_NAME, metavar="FILE", help="a running gateway: authorities to trust (PEM)"),
    click.option("--client-cert", type=FILE_NAME, metavar="FILE", help="a running gateway: client certificate (PEM)"),
    click.option("--client-key", type=FILE_NAME, metavar="FILE", help="its key, if not in the same file"),
    click.option("--proxy", metavar="URL", help="a running gateway: HTTP proxy to reach it through"),
    click.option(
        "--header",
        multiple=True,
        metavar="'NAME: VALUE'",
        help="a running gateway: a header of each request (repeatable)",
    ),
    click.option("--header-file", type=PATH, metavar="FILE", help="the same, with a header on each line of a file"),
)


def of_gateway(command: Command) -> Command:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def take(options: dict[str, Any]) -> ConnectionOptions:
    """Remove these options from those of a command, and return them."""
    return ConnectionOptions(**{one.name: options.pop(one.name) for one in fields(ConnectionOptions)})


@contextmanager
def in_use(options: ConnectionOptions, descriptor: "Descriptor", target: str) -> Iterator[None]:
    """Let the clients of a run use the options within this block. Raise BenchError, one sentence, for wrong ones."""
    if not options.given:
        yield
        return
    if descriptor.launch is not None:
        raise BenchError(
            f"{options.given[0]} is for a gateway that already runs, and gatebench starts {target}; remove the option"
        )
    connection = _connection(options, {"authorization", descriptor.dialect.credential_header.lower()})
    with TemporaryDirectory(prefix="gatebench-") as folder, connection.written(Path(folder) / "connection.json"):
        yield


def _connection(options: ConnectionOptions, of_callers: set[str]) -> "Connection":
    from gatebench.fixtures.gateways.connection import Connection  # noqa: PLC0415 - a slow import
    from gatebench.fixtures.protocol.client_tls import TlsSettings  # noqa: PLC0415
    from gatebench.fixtures.recording import given_credentials  # noqa: PLC0415

    if options.client_key and not options.client_cert:
        raise BenchError("--client-key needs --client-cert, the certificate of this key")
    headers = given_credentials.headers_of(options.header)
    of_file = given_credentials.headers_in(options.header_file) if options.header_file else {}
    for name in (*headers, *of_file):
        if name.lower() in of_callers:
            raise BenchError(
                f"the header {name} carries the tokens of callers, so it cannot be the same in each request; give the token "
                "with --token-env or --token-file, or in [tokens] of a descriptor"
            )
    if twice := {name.lower() for name in headers} & {name.lower() for name in of_file}:
        raise BenchError(f"the header {min(twice)} is given with --header and in --header-file; remove one of them")
    tls = TlsSettings(ca_file=options.ca_file, client_cert=options.client_cert, client_key=options.client_key)
    connection = Connection(tls, options.proxy, headers | of_file, tuple(of_file))
    connection.check()
    return connection
