"""`gatebench images`: the container images of the mocks and of gatebench itself."""

import argparse
import sys
import time

from commands import status


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
    images = commands.add_parser(
        "images", help="build the container images that --world containers needs, or list them"
    )
    images.add_argument("action", choices=("build", "list"))
    images.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="gatebench-mocks, gatebench (default: both; the first is always needed)",
    )
    images.set_defaults(command=_images)


def _images(options: argparse.Namespace) -> int:
    from fixtures.containers import engine, images  # noqa: PLC0415
    from fixtures.errors import BenchError  # noqa: PLC0415

    known = tuple(images.DOCKERFILES)
    for name in options.names:
        if name not in known:
            raise BenchError(f"there is no image {name!r}; there are {', '.join(known)}")
    client = engine.connect()
    status.end_in_order()
    missing = 0
    for name in options.names or known:
        if options.action == "build":
            started = time.monotonic()
            tag = images.build(client, name, _progress)
            _progress("")
            print(f"{tag}  built in {time.monotonic() - started:.0f} s")
        else:
            here = engine.present(client, images.tag(name))
            missing += not here
            print(f"{images.tag(name)}  {'here' if here else 'not here; ' + images.REMEDY}")
    return status.BAD_INPUT if missing else status.CONFORMANT


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{line[:100]}\x1b[K")
        sys.stderr.flush()
