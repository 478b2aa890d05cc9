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
    world.set_defaults(command=_world)

    gateway = commands.add_parser("gateway", help="the reference gateway alone; serves until Ctrl-C")
    gateway.add_argument("--world", type=Path, required=True, metavar="FILE", help="the setup sheet")
    gateway.add_argument("--host", help="where to listen, if not where the sheet says")
    gateway.add_argument("--port", type=int, help="where to listen, if not where the sheet says; 0: any free port")
    gateway.set_defaults(command=_gateway)


def _world(options: argparse.Namespace) -> int:
    import threading  # noqa: PLC0415

    from fixtures import sheet as sheets  # noqa: PLC0415
    from fixtures.recorder import Recorder  # noqa: PLC0415
    from fixtures.secrets import SecretRegistry  # noqa: PLC0415
    from fixtures.world import World  # noqa: PLC0415

    status.end_in_order()
    stored = sheets.load(options.sheet) if options.sheet else None
    secrets = SecretRegistry()
    try:
        with World(secrets, stored) as world, Recorder(Path(os.devnull), secrets, run=world.sheet["run"]) as recorder:
            world.serve(recorder)
            if options.save:
                sheets.save(world.sheet, options.save)
            else:
                print(json.dumps(world.sheet, indent=2), flush=True)
            where = f"its setup sheet is {options.save}" if options.save else "its setup sheet is above"
            print(f"gatebench: the world is up; {where}; Ctrl-C ends it", file=sys.stderr, flush=True)
            threading.Event().wait()
    except OSError as error:
        raise BenchError(f"cannot write {error.filename or options.save}: {error.strerror}") from error
    except KeyboardInterrupt:
        pass
    return status.CONFORMANT


def _gateway(options: argparse.Namespace) -> int:
    from fixtures.reference_gateway.cli import serve  # noqa: PLC0415

    return serve(options.world, options.host, options.port)
