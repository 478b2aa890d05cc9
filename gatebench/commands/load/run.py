"""`gatebench load run`: one load profile against one gateway. The options; `measurements/profile.py` does the work."""

from typing import Any

import click

from gatebench.commands.options import PATH, POSITIVE, SEED, IntegerRange, complete_target
from gatebench.fixtures import extras


@click.command()
@click.argument("target", default="reference", metavar="[TARGET]", shell_complete=complete_target)
@click.option("--profile", default="steady", metavar="NAME", help="see `gatebench load list`")
@click.option("--profiles", type=PATH, metavar="FILE", help="custom profiles instead of the shipped ones")
@click.option("--seconds", type=POSITIVE, metavar="S", help="duration (default: from the profile)")
@click.option("--rate", type=POSITIVE, metavar="R", help="requests per second (default: from the profile)")
@click.option("--workers", type=IntegerRange(1, 64), default=1, metavar="N", help="number of load generator processes")
@click.option("--seed", type=SEED, default=1, metavar="N", help="random seed of the schedule")
@click.option("--budgets", type=PATH, metavar="FILE", help="custom budgets instead of the shipped ones")
@click.option("--sheet", type=PATH, metavar="FILE", help="the world.json from which a running target was configured")
@click.option("--out", type=PATH, metavar="DIR", help="folder for the results (default: a new one)")
@click.option("-q", "quiet", is_flag=True, help="print only the conclusion")
def run(**options: Any) -> int:
    """Run a load profile against a gateway and check budgets.

    TARGET is a shipped name or the path of a descriptor (default: reference).
    """
    extras.require("load", "gatebench load run")
    from gatebench.commands.load.measurements import profile  # noqa: PLC0415 - an extra

    return profile.run(profile.ProfileOptions(**options))
