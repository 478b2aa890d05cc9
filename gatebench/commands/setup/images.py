"""`gatebench images`: the container images of the mocks and of gatebench itself."""

import sys
import time

import click

from gatebench import exit_codes
from gatebench.commands.command import command
from gatebench.commands.options import Choice
from gatebench.commands.suggestions import hint
from gatebench.fixtures.errors import BenchError


@command("images")
@click.argument("action", type=Choice(("build", "list")), metavar="ACTION")
@click.argument("names", nargs=-1, metavar="[NAME]...")
def build_or_list(action: str, names: tuple[str, ...], *, quiet: bool) -> int:
    """Build the container images that --world containers needs, or list them.

    ACTION is build or list. NAME is gatebench-mocks or gatebench (default: both; the first is always required).
    """
    from gatebench.fixtures.containers import engine, images  # noqa: PLC0415 - an extra

    known = tuple(images.DOCKERFILES)
    for name in names:
        if name not in known:
            raise BenchError(f"unknown image {name!r}; {hint(name, known)}")
    client = engine.connect()
    exit_codes.end_in_order()
    missing = 0
    for name in names or known:
        if action == "build":
            started = time.monotonic()
            tag = images.build(client, name, _silent if quiet else _progress)
            if quiet:
                continue
            _progress("")
            print(f"{tag}  built in {time.monotonic() - started:.0f} s")
        else:
            here = engine.present(client, images.tag(name))
            missing += not here
            if here and quiet:
                continue
            print(f"{images.tag(name)}  {'present' if here else 'missing; ' + images.REMEDY}")
    return exit_codes.BAD_INPUT if missing else exit_codes.CONFORMANT


def _silent(_line: str) -> None:
    pass


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{line[:100]}\x1b[K")
        sys.stderr.flush()
