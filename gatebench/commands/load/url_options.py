"""The options of load commands for a target that is the URL of a running gateway."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from gatebench.commands.options import FILE_NAME, PATH
from gatebench.fixtures.errors import BenchError

Command = Callable[..., int]


@dataclass(frozen=True, kw_only=True)
class UrlOptions:
    """The options about a running gateway and its tool. Options that a command does not have keep their defaults."""

    tool: str | None
    args: str
    token_env: str | None
    tokens_file: Path | None = None
    expect: tuple[str, ...]
    expect_equal: str | None
    isolation: str | None = None
    header: tuple[str, ...]
    ca_file: str | None
    client_cert: str | None
    client_key: str | None
    insecure: bool
    direct_url: str | None = None
    direct_token_env: str | None = None
    direct_tool: str | None = None
    direct_header: tuple[str, ...] = ()
    candidate_token_env: str | None = None


_COMMON = (
    click.option("--tool", metavar="NAME", help="URL: the tool to call"),
    click.option("--args", metavar="JSON", default="{}", help="URL: the arguments of the tool, a JSON object"),
    click.option("--token-env", metavar="VARIABLE", help="URL: environment variable with the token"),
    click.option("--expect", metavar="POINTER=VALUE", multiple=True, help="URL: a value in every result (repeatable)"),
    click.option("--expect-equal", metavar="JSON", help="URL: the answer of the tool"),
    click.option("--header", metavar="'NAME: VALUE'", multiple=True, help="URL: a further header (repeatable)"),
    click.option("--ca-file", type=FILE_NAME, metavar="FILE", help="URL: certificate authorities to trust (PEM)"),
    click.option("--client-cert", type=FILE_NAME, metavar="FILE", help="URL: client certificate (PEM)"),
    click.option(
        "--client-key",
        type=FILE_NAME,
        metavar="FILE",
        help="URL: key of the client certificate, if it is in another file",
    ),
    click.option("--insecure", is_flag=True, help="URL: do not verify the server's certificate"),
)
_SEVERAL_USERS = (
    click.option("--tokens-file", type=PATH, metavar="FILE", help="URL: tokens of several users, one per line"),
    click.option("--isolation", metavar="POINTER", help="URL: a value in the result that differs from token to token"),
)
_DIRECT = (
    click.option("--direct-url", metavar="URL", help="URL: the upstream itself, for comparison"),
    click.option("--direct-token-env", metavar="VARIABLE", help="URL: environment variable with the upstream's token"),
    click.option("--direct-tool", metavar="NAME", help="URL: the tool's name at the upstream, if it differs"),
    click.option("--direct-header", metavar="'NAME: VALUE'", multiple=True, help="URL: a header for the upstream"),
)
_CANDIDATE = (
    click.option("--candidate-token-env", metavar="VARIABLE", help="URL: the candidate's token, if it differs"),
)


def _adding(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


for_run = _adding(*_COMMON, *_SEVERAL_USERS)
for_overhead = _adding(*_COMMON, *_SEVERAL_USERS, *_DIRECT)
for_gate = _adding(*_COMMON, *_CANDIDATE)


def take(options: dict[str, Any]) -> UrlOptions:
    """Remove the options of this module from the options of a command, and return them."""
    return UrlOptions(**{one.name: options.pop(one.name) for one in fields(UrlOptions) if one.name in options})


def is_url(target: str) -> bool:
    """Return True for a target that is an address and not a descriptor."""
    return target.startswith(("http://", "https://"))


def refuse(given: UrlOptions, target: str) -> None:
    """Raise BenchError if an option is given that needs a URL as target."""
    for one in fields(UrlOptions):
        value = getattr(given, one.name)
        if value not in (None, False, (), "{}"):
            option = f"--{one.name.replace('_', '-')}"
            raise BenchError(
                f"{option} requires a URL as target, such as https://gw.example.com/mcp, but {target} is not one; "
                "a descriptor has its own settings"
            )


def require_alone(**others: object) -> None:
    """Raise BenchError for options that do not fit a URL; by name, with their values."""
    for name, value in others.items():
        if value is not None:
            raise BenchError(
                f"--{name} is for targets that gatebench starts or that have a world.json, not for a URL: leave it out"
            )
