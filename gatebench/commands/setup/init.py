"""`gatebench init`: write a valid, commented descriptor of a gateway, from options or interactively."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gatebench import exit_codes
from gatebench.commands.command import command
from gatebench.commands.options import PATH
from gatebench.commands.setup import descriptor_file
from gatebench.commands.setup.descriptor_file import READY, SINGLE, DescriptorFacts, Kind
from gatebench.fixtures.errors import BenchError

EXAMPLES = """\b
examples:
  gatebench init                                                   interactive, on a terminal
  gatebench init --probe https://gw.example.com/mcp/docs --token-env GW_TOKEN
  gatebench init --outside --url https://gw.example.com/mcp/docs --token-env GW_TOKEN
  gatebench init --url http://127.0.0.1:4000 --single '{base_url}/mcp/{server}' --token-env GW_TOKEN
  gatebench init acme.toml --command 'acme --config {workdir}/acme.yaml --port {port}' --profile core
  gatebench init acme.toml --image acme/gateway:1.4.2 --profile core --profile shared-credentials"""

DEFAULT_FILE = Path("gateway.toml")
KINDS: dict[Kind, str] = {
    "outside": "it is running, and I have an address and a token",
    "configured": "it is running, and I can register servers in it",
    "command": "a command starts it",
    "image": "it is a container image",
}


@dataclass(kw_only=True)
class InitOptions:
    """The options of `gatebench init`."""

    file: Path | None
    name: str | None
    version: str
    url: str | None
    probe: str | None
    outside: bool
    command: str | None
    image: str | None
    ready: str
    single: str
    token_env: str | None
    profiles: tuple[str, ...]
    features: tuple[str, ...]
    quiet: bool
    force: bool


@command(epilog=EXAMPLES)
@click.argument("file", type=PATH, required=False)
@click.option("--name", help="name of the gateway")
@click.option("--version", default="", show_default=False, help="a tag or a commit")
@click.option("--url", help="base URL of a running gateway; with --outside, the URL of one MCP server")
@click.option("--probe", metavar="URL", help="try the running MCP endpoint at URL, and write what it answers")
@click.option("--outside", is_flag=True, help="test from outside: only an address and a token are known")
@click.option("--command", metavar="COMMAND", help="command that starts the gateway")
@click.option("--image", help="container image")
@click.option("--ready", default=READY, help="URL that responds once it has started")
@click.option("--single", default=SINGLE, help="URL of a server")
@click.option("--token-env", metavar="NAME", help="environment variable with a token that the gateway issued")
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="NAME",
    help=f"profile that the gateway claims, of {', '.join(descriptor_file.CLAIMED_PROFILES)}; may be repeated",
)
@click.option(
    "--feature",
    "features",
    multiple=True,
    metavar="NAME",
    help="extended feature that the gateway claims, see `gatebench list --features`; may be repeated",
)
@click.option("--force", is_flag=True, help="overwrite FILE")
def init(**given: Any) -> int:
    """Write the TOML descriptor of a gateway, from options or interactively on a terminal.

    FILE is the file to write (default: gateway.toml).
    """
    options = InitOptions(**given)
    if options.probe:
        return _probe(options, options.probe)
    if not (options.url or options.command or options.image):
        if not sys.stdin.isatty():
            raise BenchError("the address of the gateway is missing; use --url, --command or --image")
        _ask(options)
    kind = _kind(options)
    path = _free_path(options)
    facts = DescriptorFacts(
        kind=kind,
        name=options.name,
        version=options.version,
        url=options.url,
        command=options.command,
        image=options.image,
        ready=options.ready,
        single=options.single,
        token_env=options.token_env,
        profiles=options.profiles,
        features=options.features,
    )
    descriptor_file.write(descriptor_file.render(facts, path.name), path)
    if options.quiet:
        return exit_codes.CONFORMANT
    print(f"{path} is written and valid.")
    for line in _next(kind, path, options.token_env):
        print(line)
    return exit_codes.CONFORMANT


def _free_path(options: InitOptions) -> Path:
    path = options.file or DEFAULT_FILE
    if path.exists() and not options.force:
        raise BenchError(f"{path} already exists; use another file name, or overwrite it with --force")
    return path


def _probe(options: InitOptions, url: str) -> int:
    from gatebench.commands.setup.probe import session  # noqa: PLC0415 - clients are slow to import

    others = {
        "--url": options.url,
        "--outside": options.outside,
        "--command": options.command,
        "--image": options.image,
        "--profile": options.profiles,
        "--feature": options.features,
    }
    excluded = [name for name, value in others.items() if value]
    if excluded:
        raise BenchError(f"--probe excludes {excluded[0]}: the probe finds out what the gateway is; remove one of them")
    path = _free_path(options)
    facts = DescriptorFacts(
        kind="outside", name=options.name, version=options.version, url=url, token_env=options.token_env
    )
    lines = session.write(facts, path, quiet=options.quiet)
    if not options.quiet:
        print("\n".join(lines))
    return exit_codes.CONFORMANT


def _kind(options: InitOptions) -> Kind:
    by_option: dict[str, Kind] = {"url": "configured", "command": "command", "image": "image"}
    given = [kind for name, kind in by_option.items() if getattr(options, name)]
    if len(given) > 1:
        raise BenchError(
            "--url, --command and --image exclude each other: a gateway is already running, or gatebench starts it"
        )
    if options.outside and not options.url:
        raise BenchError("--outside needs --url, the address of one MCP server behind the gateway")
    if options.outside and not options.token_env:
        raise BenchError("--outside needs --token-env, the name of the environment variable that holds the token")
    if options.outside and (options.profiles or options.features):
        raise BenchError("--outside excludes --profile and --feature")
    return "outside" if options.outside else given[0]


def _next(kind: Kind, path: Path, token_env: str | None) -> list[str]:
    steps = []
    if kind == "configured":
        steps += ["gatebench world --save world.json     # addresses and credentials of the world; serves until Ctrl-C"]
        steps += ["# register the servers of world.json in the gateway, then stop the world with Ctrl-C"]
    if token_env:
        steps.append(f"export {token_env}=...                # the token")
    steps.append(f"gatebench run {shlex.quote(str(path))}{' --sheet world.json' if kind == 'configured' else ''}")
    return ["next:", *(f"  {step}" for step in steps)]


def _ask(options: InitOptions) -> None:
    """Fill in missing options interactively."""
    options.name = options.name or _answer("Name of the gateway?", "my gateway")
    for number, words in enumerate(KINDS.values(), 1):
        print(f"  {number}  {words}")
    numbers = click.Choice([str(number) for number in range(1, len(KINDS) + 1)])
    kind = list(KINDS)[int(_answer("Which of these applies?", "1", numbers)) - 1]
    if kind == "outside":
        options.outside = True
        options.url = _answer("URL of one MCP server behind it?", "http://127.0.0.1:4000/mcp")
    elif kind == "configured":
        options.url = _answer("Base URL?", "http://127.0.0.1:4000")
        options.single = _answer("URL of a server, by its name?", options.single)
    elif kind == "command":
        options.command = _answer("Command? ({port}, {workdir}, {world} ... are filled in)", "gateway --port {port}")
        options.ready = _answer("URL that responds once it has started?", options.ready)
    else:
        options.image = _answer("Image?", "example/gateway:1.0")
        options.ready = _answer("URL that responds once it has started?", options.ready)
    if kind in ("outside", "configured"):
        options.token_env = _answer("Environment variable that will hold the token?", "GATEWAY_TOKEN")
    options.file = options.file or Path(_answer("File name of the descriptor?", str(DEFAULT_FILE)))


def _answer(question: str, default: str, choices: click.Choice[str] | None = None) -> str:
    try:
        given = str(click.prompt(question, default, type=choices, show_choices=False, prompt_suffix=" "))
    except click.Abort as abort:  # click raises it for the end of input and for Ctrl-C
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from abort
        raise BenchError("input ended before all questions were answered; use options instead") from abort
    return given.strip() or default
