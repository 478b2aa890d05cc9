"""`gatebench publish`: a published report from two runs of a gateway."""

from pathlib import Path

import click

from gatebench import exit_codes
from gatebench.commands.command import command
from gatebench.commands.conformance.matrix import PUBLISHED
from gatebench.commands.layout import shortest
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
        target = Target(lookup.resolve(name.partition(":")[0]))
        described = target.descriptor.provisioning
        verbs = described.model_dump() if described else None
        folder = publication.publish(first, second, to, verbs, withhold, configuration=configuration(target))
    except OSError as error:
        raise BenchError(
            f"cannot publish {first}: {error.filename}: {error.strerror}; use a folder that can be written with --to"
        ) from error
    except (ValueError, KeyError) as error:
        raise BenchError(f"{first} is not the folder of a run with a report: {error}") from error
    except (NotPublishableError, NoRunError) as error:
        raise BenchError(str(error)) from error
    if not quiet:
        print(f"published: {shortest(folder)}; run `gatebench matrix` to update the page")
    return exit_codes.CONFORMANT


def configuration(target: Target) -> dict[str, str]:
    """Return the descriptor and the files beside it that start, configure and provision the gateway, as text by file name."""
    descriptor, here = target.descriptor, target.path.parent
    names = [target.path.name]
    if launch := descriptor.launch:
        names += [
            *launch.render.values(),
            *(word.removeprefix("{here}/") for word in launch.command if "{here}/" in word),
        ]
    if descriptor.adapter:
        names.append(f"{descriptor.adapter.partition(':')[0].rpartition('.')[2]}.py")
    return {name: (here / name).read_text(encoding="utf-8") for name in dict.fromkeys(names) if (here / name).is_file()}
