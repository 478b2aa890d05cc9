"""`gatebench load list`: the profiles."""

from pathlib import Path

import click

from gatebench import exit_codes
from gatebench.commands.command import command
from gatebench.commands.layout import hanging
from gatebench.commands.options import PATH
from gatebench.load.profiles import profiles


@command("list")
@click.option("--profiles", "path", type=PATH, metavar="FILE", help="custom profiles instead of the shipped ones")
def list_profiles(path: Path | None, *, quiet: bool) -> int:
    """List the profiles (named workloads)."""
    for profile in profiles.load(path).values():
        if quiet:
            print(profile.name)
            continue
        pace = f"{profile.rate:g}/s for {profile.seconds:g} s" if not profile.search else f"from {profile.rate:g}/s up"
        print(f"{profile.name}  ({pace})")
        print(hanging("    ", profile.purpose))
        print(hanging("    finds: ", profile.finds))
    return exit_codes.CONFORMANT
