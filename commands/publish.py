"""`gatebench publish` and `gatebench matrix`: what we say in public about gateways."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from commands import status
from fixtures.errors import BenchError

if TYPE_CHECKING:
    from reports.matrix import Untested
    from reports.published import Publication

PUBLISHED = Path("reports/published")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
    publish = commands.add_parser(
        "publish", help="two runs of a gateway, and what was read in them, as a published report"
    )
    publish.add_argument("first", type=Path, metavar="DIR", help="what `gatebench run` named as evidence")
    publish.add_argument("second", type=Path, metavar="DIR", help="the same of a second run: nothing is published once")
    publish.add_argument("--to", type=Path, default=PUBLISHED, metavar="DIR", help=f"default: {PUBLISHED}")
    publish.set_defaults(command=_publish)

    matrix = commands.add_parser("matrix", help="one page and one table of all published reports")
    matrix.add_argument("folder", nargs="?", type=Path, default=PUBLISHED, metavar="DIR", help=f"default: {PUBLISHED}")
    matrix.add_argument("--out", type=Path, metavar="DIR", help="for matrix.html and matrix.md (default: the same)")
    matrix.set_defaults(command=_matrix)


def _publish(options: argparse.Namespace) -> int:
    import json  # noqa: PLC0415

    from fixtures.gateways import target  # noqa: PLC0415
    from reports.publish import publish  # noqa: PLC0415
    from reports.published import NotPublishableError  # noqa: PLC0415

    try:
        name = json.loads((options.first / "report.json").read_text(encoding="utf-8"))["target"]
        described = target.Target(target.resolve(name.partition(":")[0])).descriptor.provisioning
        folder = publish(options.first, options.second, options.to, described.model_dump() if described else None)
    except (OSError, ValueError, KeyError) as error:
        raise BenchError(f"{options.first} is not the folder of a run with a report: {error}") from error
    except NotPublishableError as error:
        raise BenchError(str(error)) from error
    print(f"published: {os.path.relpath(folder)}; `gatebench matrix` makes the page anew")
    return status.CONFORMANT


def _matrix(options: argparse.Namespace) -> int:
    from reports import matrix, published  # noqa: PLC0415

    try:
        found = published.everything(options.folder)
        pages = matrix.write(matrix.Matrix(found, untested(found)), options.out or options.folder)
    except published.NotPublishableError as error:
        raise BenchError(str(error)) from error
    except OSError as error:
        raise BenchError(f"cannot write {error.filename}: {error.strerror}") from error
    print(f"matrix: {', '.join(os.path.relpath(page) for page in pages)}")
    return status.CONFORMANT


def untested(found: "list[Publication]") -> "list[Untested]":
    """The gateways that we ship a descriptor for and that nobody has published a report of (ours left out)."""
    from fixtures.gateways import target  # noqa: PLC0415
    from reports.matrix import Untested  # noqa: PLC0415

    judged = {publication.report["target"].partition(":")[0] for publication in found}
    described = {
        name: target.Target(target.resolve(name)).descriptor for name in target.shipped() if name not in judged
    }
    return [
        Untested(name, one.gateway.name, one.gateway.organization, one.gateway.url, one.gateway.untested)
        for name, one in described.items()
        if one.gateway.organization != "gatebench"
    ]
