"""`gatebench gateway`: the reference gateway alone."""

from pathlib import Path

import click

from gatebench.commands.command import command
from gatebench.commands.options import PATH, IntegerRange
from gatebench.fixtures.reference_gateway.cli import serve


@command()
@click.option("--world", "sheet", type=PATH, required=True, metavar="FILE", help="the world.json")
@click.option("--host", help="address to listen on (default: from world.json)")
@click.option(
    "--port", type=IntegerRange(0, 65_535), help="port to listen on (default: from world.json; 0: any free port)"
)
def gateway(sheet: Path, host: str | None, port: int | None, *, quiet: bool) -> int:  # noqa: ARG001 - it prints its address only
    """Start the reference gateway alone; serves until Ctrl-C."""
    return serve(sheet, host, port)
