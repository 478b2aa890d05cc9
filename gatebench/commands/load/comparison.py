"""`gatebench load gate` and `overhead`: regression test and overhead of gateways. The options; `measurements/` does the work."""

from collections.abc import Callable
from typing import Any

import click

from gatebench.commands.command import command
from gatebench.commands.load import url_options
from gatebench.commands.options import PATH, POSITIVE, SEED, TARGET, IntegerRange, NumberRange
from gatebench.fixtures import extras

MIN_STARTS = 2  # of a gate (gatebench.load.analysis.sequential_test, which takes long to import)
# Starts on one machine: each is idle while others have their turns, and servers close connections idle for 5 s.
TOGETHER = 10

GATE_EXAMPLES = """\b
examples:
  gatebench load gate acme-1.4.toml acme-1.5.toml
  gatebench load gate reference acme-1.4.toml --out stored     # store a baseline
  gatebench load gate stored acme-1.5.toml                     # compare with it, on the same machine"""
OVERHEAD_EXAMPLES = """\b
examples:
  gatebench load overhead acme.toml
  gatebench load overhead acme.toml --seconds 300 --budgets mine.toml
  gatebench load overhead https://gw.example.com/mcp --token-env GW --direct-url http://10.0.0.7/mcp --tool ping"""

Command = Callable[..., int]


def _common(command: Command) -> Command:
    """Add the options of both commands."""
    for option in (
        click.option("--out", type=PATH, metavar="DIR", help="folder for the evidence (default: a new one)"),
        click.option("--seed", type=SEED, default=1, metavar="N", help="random seed of schedule and resampling"),
        click.option("--profile", default="single-call", metavar="NAME", help="profile whose calls are sent"),
    ):
        command = option(command)
    return command


@command(epilog=GATE_EXAMPLES)
@click.argument("baseline", type=TARGET)
@click.argument("candidate", type=TARGET)
@click.option("--seconds", type=POSITIVE, default=180, metavar="S", help="time limit")
@click.option(
    "--starts",
    type=IntegerRange(MIN_STARTS, 100),
    metavar="N",
    help="run exactly N fresh starts, without an early decision; one does not show the variation between starts",
)
@click.option(
    "--margin",
    type=NumberRange(0, 100, min_open=True, max_open=True),
    default=2,
    metavar="PERCENT",
    help="largest slowdown that does not count",
)
@_common
@url_options.for_gate
def gate(**options: Any) -> int:
    """Is CANDIDATE slower than BASELINE?

    Load both at the same time, fresh start after fresh start, until the result is clear: slower, not slower, faster, or
    cannot tell. Exit status 4 if slower, 2 if it cannot tell.

    CANDIDATE is a target; BASELINE is a target, or the folder or load.json of an earlier gate. Two URLs of running gateways
    are compared by latency only, as they run, with the options marked `URL`.
    """
    extras.require("load", "gatebench load gate")
    from gatebench.commands.load.measurements import regression, url_target  # noqa: PLC0415 - an extra

    url = url_options.take(options)
    if url_options.is_url(options["baseline"]) or url_options.is_url(options["candidate"]):
        return url_target.gate(regression.RegressionOptions(**options), url)
    url_options.refuse(url, options["candidate"])
    return regression.run(regression.RegressionOptions(**options))


@command(epilog=OVERHEAD_EXAMPLES)
@click.argument("target", default="reference", metavar="[TARGET]", type=TARGET)
@click.option("--seconds", type=POSITIVE, default=60, metavar="S", help="total time")
@click.option(
    "--starts", type=IntegerRange(1, TOGETHER), default=8, metavar="N", help="fresh starts that run at the same time"
)
@click.option(
    "--rate",
    type=POSITIVE,
    metavar="R",
    help="calls per second, gateway and direct together (default: measured)",
)
@click.option("--budgets", type=PATH, metavar="FILE", help="budgets, as in load/profiles/budgets.toml")
@click.option("--sheet", type=PATH, metavar="FILE", help="the world.json from which a running target was configured")
@_common
@url_options.for_overhead
def overhead(**options: Any) -> int:
    """How much latency does TARGET add to each call?

    Send the same calls through the gateway and directly to the upstream, at random from one schedule, over several fresh
    starts that take turns. Exit status 4 if a budget is broken, 2 if the measurement is void.

    TARGET is a shipped name, the path of a descriptor (default: reference), or the URL of an MCP endpoint that already
    runs, with --direct-url and the options marked `URL`.
    """
    extras.require("load", "gatebench load overhead")
    from gatebench.commands.load.measurements import overhead as measurement  # noqa: PLC0415 - an extra
    from gatebench.commands.load.measurements import url_target  # noqa: PLC0415 - an extra

    url = url_options.take(options)
    if url_options.is_url(options["target"]):
        return url_target.overhead(measurement.OverheadCommandOptions(**options), url)
    url_options.refuse(url, options["target"])
    return measurement.run(measurement.OverheadCommandOptions(**options))
