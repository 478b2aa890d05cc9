"""`gatebench load report`: rebuild and show the report of a load measurement."""

from pathlib import Path
from typing import Any

import click

from gatebench.commands.command import command
from gatebench.commands.load import output
from gatebench.commands.options import PATH
from gatebench.fixtures import extras

EXAMPLES = """\b
examples:
  gatebench load report gatebench-out/load-acme-20260728-120000-1a2b
  gatebench load report gatebench-out/load-acme-20260728-120000-1a2b --otlp http://127.0.0.1:4318/v1/metrics"""


@command(epilog=EXAMPLES)
@click.argument("path", type=PATH, metavar="DIR")
@click.option("--otlp", metavar="URL", help="send its metrics to this OpenTelemetry collector (OTLP over HTTP)")
def report(path: Path, *, otlp: str | None, quiet: bool) -> int:
    """Rebuild and show the report of a load measurement.

    DIR is the evidence folder of a load command, or its load.json.
    """
    if otlp:
        extras.require("otel", "gatebench load report --otlp")
    whole = output.read(path)
    plain = whole.model_dump(mode="json")
    folder = path if path.is_dir() else path.parent
    output.project(plain, folder)
    output.show(plain, folder, quiet=quiet)
    if otlp:
        _send(plain, otlp, quiet=quiet)
    return output.status(whole)


def _send(plain: dict[str, Any], endpoint: str, *, quiet: bool) -> None:
    from gatebench.reports.load import otlp  # noqa: PLC0415 - an extra

    sent = otlp.export(plain, endpoint)
    if not quiet:
        print(f"  metrics: {sent} sent to {endpoint}")
