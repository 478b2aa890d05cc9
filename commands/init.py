"""`gatebench init`: a descriptor for a gateway of one's own, from options or from answers; it validates, and explains itself."""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from commands import status
from fixtures.errors import BenchError

EXAMPLES = """examples:
  gatebench init                                                   asks, on a terminal
  gatebench init --outside --url https://gw.example.com/mcp/docs --token-env GW_TOKEN
  gatebench init --url http://127.0.0.1:4000 --single '{base_url}/mcp/{server}' --token-env GW_TOKEN
  gatebench init acme.toml --command 'acme --config {workdir}/acme.yaml --port {port}' --profile core
  gatebench init acme.toml --image acme/gateway:1.4.2 --profile core --profile shared-credentials"""

KINDS = {
    "outside": "it runs, and I have an address and a token",
    "configured": "it runs, and I can register servers in it",
    "command": "a command starts it",
    "image": "it is a container image",
}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
    init = commands.add_parser(
        "init",
        help="write a descriptor for your own gateway",
        description="Write the TOML file that tells gatebench about a gateway: from options, or by asking on a terminal.",
        epilog=EXAMPLES,
    )
    init.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: gateway.toml")
    init.add_argument("--name", help="what the gateway is called")
    init.add_argument("--version", default="", help="a tag or a commit")
    init.add_argument("--url", help="where it runs: with --outside the address of one MCP server, else its base")
    init.add_argument("--outside", action="store_true", help="only an address and a token are known")
    init.add_argument("--command", dest="start", metavar="COMMAND", help="what starts it")
    init.add_argument("--image", help="container image")
    init.add_argument(
        "--ready", default="{base_url}/healthz", help="URL that answers once it has started (%(default)s)"
    )
    init.add_argument("--single", default="{base_url}/mcp/{server}", help="where a server is (%(default)s)")
    init.add_argument("--token-env", metavar="NAME", help="environment variable with a token that the gateway minted")
    init.add_argument("--profile", dest="profiles", action="append", default=[], help="what it claims; may be repeated")
    init.add_argument("--force", action="store_true", help="overwrite FILE")
    init.set_defaults(command=_init)


def _init(options: argparse.Namespace) -> int:
    asked = not (options.url or options.start or options.image)
    if asked:
        if not sys.stdin.isatty():
            raise BenchError("nothing says how the gateway is reached; give --url, --command or --image")
        _ask(options)
    kind = _kind(options)
    path = options.file or Path("gateway.toml")
    if path.exists() and not options.force:
        raise BenchError(f"{path} is there already; name another file, or overwrite it with --force")
    text = rendered(
        kind,
        path.name,
        name=options.name,
        version=options.version,
        url=options.url,
        start=options.start,
        image=options.image,
        ready=options.ready,
        single=options.single,
        token_env=options.token_env,
        profiles=options.profiles,
    )
    write(text, path)
    print(f"{path} is written, and valid.")
    for line in _next(kind, path, options.token_env):
        print(line)
    return status.CONFORMANT


def _kind(options: argparse.Namespace) -> str:
    given = [name for name in ("url", "start", "image") if getattr(options, name)]
    if len(given) > 1:
        raise BenchError(
            "--url, --command and --image exclude each other: a gateway runs already, or the bench starts it"
        )
    if options.outside and not options.url:
        raise BenchError("--outside needs --url, the address of one MCP server behind the gateway")
    if options.outside and not options.token_env:
        raise BenchError("--outside needs --token-env, the name of the environment variable that holds the token")
    if options.outside and options.profiles:
        raise BenchError("--outside leaves nothing else to claim; leave --profile out")
    return "outside" if options.outside else {"url": "configured", "start": "command", "image": "image"}[given[0]]


def rendered(kind: str, file: str, **facts: Any) -> str:
    """The text of a descriptor; `facts` are the options of the command by name."""
    import jinja2  # noqa: PLC0415

    from conformance.features import OUTSIDE, PROFILES  # noqa: PLC0415
    from fixtures.standard import LEGACY_REVISIONS, MODERN_REVISION  # noqa: PLC0415

    url = (facts["url"] or "").rstrip("/")
    # Whose token the gateway mints itself can say only what that one caller meets.
    least = kind == "configured" and bool(facts["token_env"]) and not facts["profiles"]
    environment = jinja2.Environment(  # noqa: S701 - TOML, not HTML
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["toml"] = lambda value: json.dumps(
        value, ensure_ascii=False
    )  # a basic string of TOML is one of JSON
    template = environment.from_string((Path(__file__).parent / "descriptor.toml.j2").read_text(encoding="utf-8"))
    return template.render(
        kind=kind,
        file=file,
        name=facts["name"] or urlsplit(url).netloc or Path(file).stem,
        version=facts["version"],
        url=url,
        command=shlex.split(facts["start"] or ""),
        image=facts["image"],
        ready=facts["ready"],
        single="{base_url}" if kind == "outside" else facts["single"],
        token_env=facts["token_env"],
        profiles=[] if least else facts["profiles"] or ["core"],
        all_profiles=[name for name in PROFILES if name != OUTSIDE],
        revisions=LEGACY_REVISIONS,
        modern=MODERN_REVISION,
    )


def write(text: str, path: Path) -> None:
    """Write a descriptor, once it has been found valid. Raises BenchError with one sentence where it is not."""
    import tempfile  # noqa: PLC0415

    from conformance.features import claims_of  # noqa: PLC0415
    from fixtures.gateways import descriptor  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="gatebench-") as folder:
        trial = Path(folder) / path.name
        trial.write_text(text, encoding="utf-8")
        try:
            claims_of(descriptor.load(trial), trial)
        except BenchError as error:
            raise BenchError(str(error).replace(f"{trial}", "the descriptor would not be valid")) from error
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror}; name another file") from error


def _next(kind: str, path: Path, token_env: str | None) -> list[str]:
    steps = []
    if kind == "configured":
        steps += ["gatebench world --save world.json     # addresses and credentials of the world; serves until Ctrl-C"]
        steps += ["# register its servers in the gateway as world.json says, then end the world with Ctrl-C"]
    if token_env:
        steps.append(f"export {token_env}=...                # the token")
    steps.append(f"gatebench run {shlex.quote(str(path))}{' --sheet world.json' if kind == 'configured' else ''}")
    return ["next:", *(f"  {step}" for step in steps)]


def _ask(options: argparse.Namespace) -> None:
    """Fill in what is missing, from answers on the terminal."""
    options.name = options.name or _answer("What is the gateway called?", "my gateway")
    for number, words in enumerate(KINDS.values(), 1):
        print(f"  {number}  {words}")
    chosen = _answer("Which of these is it?", "1", *map(str, range(1, len(KINDS) + 1)))
    kind = list(KINDS)[int(chosen) - 1]
    if kind == "outside":
        options.outside = True
        options.url = _answer("The address of one MCP server behind it?", "http://127.0.0.1:4000/mcp")
    elif kind == "configured":
        options.url = _answer("Its base address?", "http://127.0.0.1:4000")
        options.single = _answer("Where is a server, by its name?", options.single)
    elif kind == "command":
        options.start = _answer("The command? ({port}, {workdir}, {world} ... are filled in)", "gateway --port {port}")
        options.ready = _answer("Which URL answers once it has started?", options.ready)
    else:
        options.image = _answer("The image?", "example/gateway:1.0")
        options.ready = _answer("Which URL answers once it has started?", options.ready)
    if kind in ("outside", "configured"):
        options.token_env = _answer("Which environment variable will hold the token?", "GATEWAY_TOKEN")
    options.file = options.file or Path(_answer("Which file shall it be?", "gateway.toml"))


def _answer(question: str, default: str, *choices: str) -> str:
    while True:
        try:
            given = input(f"{question} [{default}] ").strip() or default
        except EOFError as error:
            raise BenchError("the questions were not answered; give options in place of answers") from error
        if not choices or given in choices:
            return given
        print(f"  one of {', '.join(choices)}, please")
