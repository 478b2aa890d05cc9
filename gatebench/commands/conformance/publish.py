"""`gatebench publish`: a published report from two runs of a gateway."""

import os
from pathlib import Path

import click

from gatebench import exit_codes
from gatebench.commands.command import command
from gatebench.commands.conformance.matrix import PUBLISHED
from gatebench.commands.options import PATH
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways import lookup
from gatebench.fixtures.gateways.target import Target
from gatebench.reports.conformance import model
from gatebench.reports.errors import NoRunError
from gatebench.reports.published_matrix import publish as publication
from gatebench.reports.published_matrix.index import NotPublishableError


@command()
@click.argument("first", type=PATH)
@click.argument("second", type=PATH)
@click.option("--to", type=PATH, default=PUBLISHED, metavar="DIR", help="folder of the published reports")
@click.option(
    "--withhold",
    multiple=True,
    metavar="REQUIREMENT",
    help="count the findings of this requirement, but write no evidence; can be repeated",
)
def publish(first: Path, second: Path, to: Path, withhold: tuple[str, ...], *, quiet: bool) -> int:
    """Create a published report from two runs of a gateway.

    FIRST and SECOND are the evidence folders of the runs; both must agree.
    """
    try:
        name = model.read(first)["target"]
        described = Target(lookup.resolve(name.partition(":")[0])).descriptor.provisioning
        folder = publication.publish(first, second, to, described.model_dump() if described else None, withhold)
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(f"{first} is not the folder of a run with a report: {error}") from error
    except (NotPublishableError, NoRunError) as error:
        raise BenchError(str(error)) from error
    if not quiet:
        print(f"published: {os.path.relpath(folder)}; run `gatebench matrix` to update the page")
    return exit_codes.CONFORMANT
