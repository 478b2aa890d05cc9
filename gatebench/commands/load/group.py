"""`gatebench load`: the group of the load commands."""

import click

from gatebench.lazy_group import LazyGroup

_PACKAGE = "gatebench.commands.load"
COMMANDS = {  # in the order of `gatebench load --help`
    "list": (f"{_PACKAGE}.listing:list_profiles", "list the profiles (named workloads)"),
    "run": (f"{_PACKAGE}.run:run", "run a load profile against a gateway and check budgets"),
    "gate": (f"{_PACKAGE}.comparison:gate", "is CANDIDATE slower than BASELINE?"),
    "overhead": (f"{_PACKAGE}.comparison:overhead", "how much latency does TARGET add to each call?"),
    "report": (f"{_PACKAGE}.report:report", "rebuild and show the report of a load measurement"),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def load() -> None:
    """Measure the performance of a gateway."""
