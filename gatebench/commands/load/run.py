"""`gatebench load run`: one load profile against one gateway. The options; `measurements/profile.py` does the work."""

from typing import Any

import click

from gatebench.commands.command import command
from gatebench.commands.load import url_options
from gatebench.commands.options import PATH, POSITIVE, SEED, TARGET, IntegerRange
from gatebench.fixtures import extras

EXAMPLES = """\b
examples:
  gatebench load run acme.toml --profile steady --rate 200 --seconds 60
  gatebench load run https://gw.example.com/mcp --token-env GW_TOKEN --tool add --args '{"a": 2, "b": 3}' --expect-equal 5
  gatebench load run https://gw.example.com/mcp --tokens-file tokens.txt --tool whoami --isolation /structuredContent/user"""


@command(epilog=EXAMPLES)
@click.argument("target", default="reference", metavar="[TARGET]", type=TARGET)
@click.option(
    "--profile", default="steady", metavar="NAME", help="name of a profile; `gatebench load list` prints them"
)
@click.option("--profiles", type=PATH, metavar="FILE", help="custom profiles instead of the shipped ones")
@click.option("--seconds", type=POSITIVE, metavar="S", help="duration (default: from the profile)")
@click.option("--rate", type=POSITIVE, metavar="R", help="requests per second (default: from the profile)")
@click.option("--workers", type=IntegerRange(1, 64), default=1, metavar="N", help="number of load generator processes")
@click.option("--seed", type=SEED, default=1, metavar="N", help="random seed of the schedule")
@click.option("--budgets", type=PATH, metavar="FILE", help="custom budgets instead of the shipped ones")
@click.option("--sheet", type=PATH, metavar="FILE", help="the world.json from which a running target was configured")
@click.option("--out", type=PATH, metavar="DIR", help="folder for the results (default: a new one)")
@url_options.for_run
def run(**options: Any) -> int:
    """Run a load profile against a gateway and check budgets.

    TARGET is a shipped name, the path of a descriptor (default: reference), or the URL of any MCP endpoint that already
    runs, with the options marked `URL`.
    """
    extras.require("load", "gatebench load run")
    from gatebench.commands.load.measurements import profile, url_target  # noqa: PLC0415 - an extra

    url = url_options.take(options)
    if url_options.is_url(options["target"]):
        return url_target.run(profile.ProfileOptions(**options), url)
    url_options.refuse(url, options["target"])
    return profile.run(profile.ProfileOptions(**options))
