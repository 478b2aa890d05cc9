"""`gatebench world`: the mocks alone, for gateways that gatebench does not start."""

import json
import os
import sys
import threading
from pathlib import Path

import click

from gatebench import exit_codes
from gatebench.commands.command import command
from gatebench.commands.options import PATH, Choice, IntegerRange
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.harness import backend_choice
from gatebench.fixtures.recording.secrets import SecretRegistry
from gatebench.fixtures.recording.transcript_writer import TranscriptWriter
from gatebench.fixtures.world import config as world_config
from gatebench.fixtures.world import export
from gatebench.fixtures.world.addresses import AddressOverrides
from gatebench.fixtures.world.own_upstream import description
from gatebench.fixtures.world.own_upstream.server import OwnServer
from gatebench.fixtures.world.world import World
from gatebench.mock_upstreams.server import MockError


@command()
@click.option("--save", type=PATH, metavar="FILE", help="write world.json to FILE instead of printing it")
@click.option("--sheet", type=PATH, metavar="FILE", help="use this stored world.json instead of a new one")
@click.option(
    "--world",
    "backend",
    type=Choice(("embedded", "containers")),
    default="embedded",
    help="how to run the mocks; embedded: in this process",
)
@click.option("--upstream", type=PATH, metavar="FILE", help="description of your own MCP server, one more upstream")
@click.option(
    "--mocks-at",
    default="",
    show_default=False,
    metavar="URL",
    help="for a gateway on another machine: URL at which it reaches the mocks, with {name} or {port}: http://bench:{port}",
)
@click.option(
    "--gateway",
    default="",
    show_default=False,
    metavar="URL",
    help="for a gateway on another machine: its base URL, to which browsers are redirected",
)
@click.option(
    "--listen",
    default="127.0.0.1",
    metavar="ADDRESS",
    help="for a gateway on another machine: address on which the mocks listen",
)
@click.option(
    "--prepare",
    type=PATH,
    metavar="DIR",
    help="for mocks that another tool starts, such as compose.yaml: write world.json and their configuration to DIR, then exit",
)
@click.option(
    "--first-port", type=IntegerRange(1, 65000), default=7400, metavar="N", help="with --prepare: first published port"
)
def world(
    *,
    save: Path | None,
    sheet: Path | None,
    backend: backend_choice.WorldKind,
    upstream: Path | None,
    mocks_at: str,
    gateway: str,
    listen: str,
    prepare: Path | None,
    first_port: int,
    quiet: bool,
) -> int:
    """Start the mocks and print their world.json; serves until Ctrl-C."""
    outside = AddressOverrides(mocks_at=mocks_at, gateway=gateway, listen=listen)
    if prepare and upstream:
        raise BenchError(
            "--upstream has no effect with --prepare: its recorder runs in a process of gatebench; omit one"
        )
    if prepare:
        _write(export.prepare(prepare, first_port, outside).to_json(), save)
        return exit_codes.CONFORMANT
    exit_codes.end_in_order()
    stored = world_config.load(sheet) if sheet else None
    if world_config.is_running(stored):
        raise BenchError(f"{sheet} describes a world that is already running; use it with: gatebench run --sheet ...")
    if upstream and backend != "embedded":
        raise BenchError(f"--upstream {upstream} needs --world embedded: its recorder runs in this process")
    secrets = SecretRegistry()
    own = OwnServer(description.load(upstream), secrets) if upstream else None
    try:
        with (
            World(secrets, stored, backend_choice.backend_for(backend), outside, own) as running,
            TranscriptWriter(Path(os.devnull), secrets, run=running.world_json["run"]) as recorder,
        ):
            running.serve(recorder)
            running.leave_alone()
            _write(running.world_json, save)
            where = f"world.json: {save}" if save else "world.json is printed above"
            if not quiet:
                print(f"gatebench: the world is running; {where}; stop it with Ctrl-C", file=sys.stderr, flush=True)
            threading.Event().wait()
    except MockError as error:
        cause = str(error).partition(";")[0]
        raise BenchError(f"{cause}; name an address of this machine with --listen") from error
    except OSError as error:
        raise BenchError(f"cannot write {error.filename or save}: {error.strerror}") from error
    except KeyboardInterrupt:
        pass
    return exit_codes.CONFORMANT


def _write(sheet: dict[str, object], save: Path | None) -> None:
    if save:
        world_config.save(sheet, save)
    else:
        print(json.dumps(sheet, indent=2), flush=True)
