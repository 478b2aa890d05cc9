"""`gatebench install`: gateways that are not part of gatebench, each into an environment of its own."""

import argparse
import sys
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

from commands import status
from fixtures.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.gateways.install import Recipe


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
    install = commands.add_parser("install", help="install gateways that can be judged; without a name: list them")
    install.add_argument("names", nargs="*", metavar="NAME", help="such as contextforge")
    install.add_argument("--all", dest="everything", action="store_true", help="everything that can be installed")
    install.set_defaults(command=_install)


def _install(options: argparse.Namespace) -> int:
    from fixtures.gateways import install  # noqa: PLC0415

    if not options.names and not options.everything:
        for name in install.names():
            _list(install.recipe(name))
        return status.CONFORMANT
    wanted = install.names() if options.everything else list(dict.fromkeys(options.names))
    for name in wanted:
        install.recipe(name)  # a mistyped one ends here, before anything is done
    failed = [name for name in wanted if not _one(name)]
    return status.BAD_INPUT if failed else status.CONFORMANT


def _one(name: str) -> bool:
    from fixtures.gateways import install  # noqa: PLC0415

    known = install.recipe(name)
    if install.installed(known):
        print(f"{name}{_version(known)} is installed: {install.find(known)}")
        return True
    status.end_in_order()
    try:
        with _progress(f"{name}{_version(known)}") as tell:
            where = install.install(name, tell)
    except BenchError as error:
        status.complain(str(error), status.BAD_INPUT)
        return False
    print(f"{name}{_version(known)} is installed: {where}")
    return True


def _list(known: "Recipe") -> None:
    from fixtures.gateways import install  # noqa: PLC0415

    found = install.find(known)
    if found is None:
        state = "not installed" + (f" ({known.size})" if known.size else "")
    elif install.installed(known):
        state = f"installed: {found}"
    else:
        state = "not installed; gatebench's own environment has the same version, which will do"
    print(f"{known.name:15} {known.version or 'any':20} {state}")


def _version(known: "Recipe") -> str:
    return f" {known.version}" if known.version else ""


@contextmanager
def _progress(what: str) -> "Iterator[Callable[[str], None]]":
    """On a terminal, one line that says what is going on; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda _line: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415

    with Console(stderr=True).status(f"installing {what}") as shown:

        def tell(line: str) -> None:
            shown.update(f"installing {what}: [dim]{escape(line[:90])}[/]")

        yield tell
