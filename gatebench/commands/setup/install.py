"""`gatebench install`: install third-party gateways, each into its own environment."""

import click

from gatebench import exit_codes, progress
from gatebench.commands.command import command
from gatebench.commands.layout import widest
from gatebench.commands.suggestions import closest
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.gateways.launch import installer
from gatebench.fixtures.gateways.launch.installer import Recipe


@command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="install all")
def install(names: tuple[str, ...], *, everything: bool, quiet: bool) -> int:
    """Install third-party gateways; without a name: list them.

    NAME is the name of a gateway, such as contextforge.
    """
    if not names and not everything:
        _list([installer.recipe(name) for name in installer.names()])
        return exit_codes.CONFORMANT
    wanted = installer.names() if everything else list(dict.fromkeys(names))
    for name in wanted:
        if name not in installer.names() and (close := closest(name, installer.names())):
            raise BenchError(f"unknown installation {name!r}; did you mean {close}?")
        installer.recipe(name)  # raises for an unknown name before anything is installed
    failed = [name for name in wanted if not _one(name, quiet=quiet)]
    return exit_codes.BAD_INPUT if failed else exit_codes.CONFORMANT


def _one(name: str, *, quiet: bool) -> bool:
    known = installer.recipe(name)
    if installer.installed(known):
        _tell(f"{name}{_version(known)} is installed: {installer.find(known)}", quiet=quiet)
        return True
    exit_codes.end_in_order()
    try:
        with progress.status(f"installing {name}{_version(known)}", quiet=quiet) as tell:
            where = installer.install(name, tell)
    except BenchError as error:
        exit_codes.complain(str(error), exit_codes.BAD_INPUT)
        return False
    _tell(f"{name}{_version(known)} is installed: {where}", quiet=quiet)
    return True


def _tell(line: str, *, quiet: bool) -> None:
    if not quiet:
        print(line)


def _list(recipes: list[Recipe]) -> None:
    versions = [recipe.version or "any" for recipe in recipes]
    of_name, of_version = widest(recipe.name for recipe in recipes), widest(versions)
    for recipe, version in zip(recipes, versions, strict=True):
        print(f"{recipe.name:{of_name}}  {version:{of_version}}  {_state(recipe)}")


def _state(known: Recipe) -> str:
    found = installer.find(known)
    if found is None:
        return "not installed" + (f" ({known.size})" if known.size else "")
    if installer.installed(known):
        return f"installed: {found}"
    return "not installed; gatebench's own environment has the same version and is used"


def _version(known: Recipe) -> str:
    return f" {known.version}" if known.version else ""
