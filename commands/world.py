"""`gatebench world` and `gatebench gateway`: the two sides alone."""

import argparse
import json
import os
import sys
from pathlib import Path

from commands import status
from fixtures.errors import BenchError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
    world = commands.add_parser("world", help="stand the world up and print its setup sheet; serves until Ctrl-C")
    world.add_argument("--save", type=Path, metavar="FILE", help="write the sheet there instead of printing it")
    world.add_argument("--sheet", type=Path, metavar="FILE", help="the world of this stored sheet, not a new one")
    world.add_argument(
        "--world",
        choices=("embedded", "containers"),
        default="embedded",
        help="who serves it: this process, or containers",
    )
    where = world.add_argument_group("for a gateway that is somewhere else")
    where.add_argument(
        "--mocks-at",
        default="",
        metavar="URL",
        help="how it reaches the mocks, with {name} or {port}: http://bench:{port}",
    )
    where.add_argument("--gateway", default="", metavar="URL", help="its base URL, where browsers come back to")
    where.add_argument("--listen", default="127.0.0.1", metavar="ADDRESS", help="where the mocks listen (127.0.0.1)")
    prepared = world.add_argument_group("for something else that starts the mocks, such as compose.yaml")
    prepared.add_argument(
        "--prepare", type=Path, metavar="DIR", help="write the sheet and the mocks' files there, once"
    )
    prepared.add_argument(
        "--first-port", type=_port, default=7400, metavar="N", help="published ports begin here (7400)"
    )
    world.set_defaults(command=_world)

    gateway = commands.add_parser("gateway", help="the reference gateway alone; serves until Ctrl-C")
    gateway.add_argument("--world", type=Path, required=True, metavar="FILE", help="the setup sheet")
    gateway.add_argument("--host", help="where to listen, if not where the sheet says")
    gateway.add_argument("--port", type=int, help="where to listen, if not where the sheet says; 0: any free port")
    gateway.set_defaults(command=_gateway)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65000:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 1 to 65000")
    return int(text)


def _world(options: argparse.Namespace) -> int:
    import threading  # noqa: PLC0415

    from fixtures import prepared, worlds  # noqa: PLC0415
    from fixtures import sheet as sheets  # noqa: PLC0415
    from fixtures.outside import Outside  # noqa: PLC0415
    from fixtures.recorder import Recorder  # noqa: PLC0415
    from fixtures.secrets import SecretRegistry  # noqa: PLC0415
    from fixtures.world import World  # noqa: PLC0415

    outside = Outside(mocks_at=options.mocks_at, gateway=options.gateway, listen=options.listen)
    if options.prepare:
        _tell(prepared.prepare(options.prepare, options.first_port, outside), options.save)
        return status.CONFORMANT
    status.end_in_order()
    stored = sheets.load(options.sheet) if options.sheet else None
    if sheets.exists(stored):
        raise BenchError(
            f"{options.sheet} describes a world that runs already; judge with it: gatebench run --sheet ..."
        )
    secrets = SecretRegistry()
    try:
        with (
            World(secrets, stored, worlds.far_end(options.world), outside) as world,
            Recorder(Path(os.devnull), secrets, run=world.sheet["run"]) as recorder,
        ):
            world.serve(recorder)
            world.leave_alone()
            _tell(world.sheet, options.save)
            where = f"its setup sheet is {options.save}" if options.save else "its setup sheet is above"
            print(f"gatebench: the world is up; {where}; Ctrl-C ends it", file=sys.stderr, flush=True)
            threading.Event().wait()
    except OSError as error:
        raise BenchError(f"cannot write {error.filename or options.save}: {error.strerror}") from error
    except KeyboardInterrupt:
        pass
    return status.CONFORMANT


def _tell(sheet: dict[str, object], save: Path | None) -> None:
    from fixtures import sheet as sheets  # noqa: PLC0415

    if save:
        sheets.save(sheet, save)
    else:
        print(json.dumps(sheet, indent=2), flush=True)


def _gateway(options: argparse.Namespace) -> int:
    from fixtures.reference_gateway.cli import serve  # noqa: PLC0415

    return serve(options.world, options.host, options.port)
