"""`gatebench matrix`: a page and a table of all published reports."""

from pathlib import Path

import click

from gatebench import exit_codes
from gatebench.commands.command import command
from gatebench.commands.layout import shortest
from gatebench.commands.options import PATH
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways import lookup
from gatebench.fixtures.gateways.target import Target
from gatebench.reports.published_matrix import index
from gatebench.reports.published_matrix import matrix as pages
from gatebench.reports.published_matrix.index import Publication
from gatebench.reports.published_matrix.matrix import Untested

PUBLISHED = Path("reports/published")


@command()
@click.argument("folder", type=PATH, default=PUBLISHED, metavar="[DIR]")
@click.option("--out", type=PATH, metavar="DIR", help="folder for matrix.html and matrix.md (default: the same)")
def matrix(folder: Path, out: Path | None, *, quiet: bool) -> int:
    """Create a page and a table of all published reports in DIR (default: reports/published)."""
    try:
        found = index.everything(folder)
        written = pages.write(pages.PublishedMatrix(found, untested(found)), out or folder)
    except index.NotPublishableError as error:
        raise BenchError(str(error)) from error
    except OSError as error:
        raise BenchError(f"cannot write {error.filename}: {error.strerror}") from error
    if not quiet:
        print(f"matrix: {', '.join(shortest(page) for page in written)}")
    return exit_codes.CONFORMANT


def untested(found: list[Publication]) -> list[Untested]:
    """Return the shipped third-party gateways without a published report."""
    judged = {publication.report["target"].partition(":")[0] for publication in found}
    described = {name: Target(lookup.resolve(name)).descriptor for name in lookup.shipped() if name not in judged}
    return [
        Untested(name, one.gateway.name, one.gateway.organization, one.gateway.url, one.gateway.untested)
        for name, one in described.items()
        if one.gateway.organization != "gatebench"
    ]
