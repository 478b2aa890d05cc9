"""`gatebench load report`: rebuild and show the report of a load measurement."""

from pathlib import Path

import click

from gatebench.commands.command import command
from gatebench.commands.load import output
from gatebench.commands.options import PATH
from gatebench.fixtures.errors import BenchError
from gatebench.reports.errors import NoRunError
from gatebench.reports.load import model

EXAMPLES = """\b
examples:
  gatebench load report gatebench-out/load-acme-20260728-120000-1a2b"""


@command(epilog=EXAMPLES)
@click.argument("path", type=PATH, metavar="DIR")
def report(path: Path, *, quiet: bool) -> int:
    """Rebuild and show the report of a load measurement.

    DIR is the evidence folder of a load command, or its load.json.
    """
    try:
        whole = output.read(path)
        plain = dict(model.read(path))
    except NoRunError as error:
        raise BenchError(str(error)) from error
    folder = path if path.is_dir() else path.parent
    output.project(plain, folder)
    output.show(plain, folder, quiet=quiet)
    return output.status(whole)
