"""`gatebench new`: write a package from a template."""

import re
from pathlib import Path

import click
import jinja2

from gatebench import exit_codes
from gatebench.commands.command import command
from gatebench.commands.options import PATH
from gatebench.conformance.requirements.registry import Registry
from gatebench.fixtures.errors import BenchError
from gatebench.lazy_group import LazyGroup

TEMPLATES = Path(__file__).parent / "new_extension"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@click.group(cls=LazyGroup, lazy={"extension": (f"{__name__}:extension", "write the package of an extension")})
def new() -> None:
    """Write a package from a template."""


@command()
@click.argument("name")
@click.option("--out", type=PATH, metavar="DIR", help="folder of the package (default: gatebench-NAME)")
def extension(name: str, *, out: Path | None, quiet: bool) -> int:
    """Write a package that brings one requirement, its check and scenario, variants, a load profile, a report format and a test.

    NAME is the name of the extension, such as acme.
    """
    if not _NAME.fullmatch(name):
        raise BenchError(
            f"{name!r} is no name of an extension; write lower-case letters, digits and dashes, such as acme"
        )
    folder = out or Path(f"gatebench-{name}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BenchError(f"{folder} exists already; name another folder with --out")
    group = name.replace("-", "_")
    facts = {"name": name, "group": group, "package": f"gatebench_{group}", "project": f"gatebench-{name}"}
    facts["prefix"] = _prefix(name)
    package = Path("src", facts["package"])
    places: dict[str, Path] = {
        "pyproject.toml": Path("pyproject.toml"),
        "README.md": Path("README.md"),
        "package.py": package / "__init__.py",
        "extension.toml": package / "extension.toml",
        "requirements.toml": package / "requirements" / f"{group}.toml",
        "checks.py": package / "checks" / f"{group}.py",
        "scenarios.py": package / "scenarios" / f"test_{group}.py",
        "variants.toml": package / "variants.toml",
        "profiles.toml": package / "profiles.toml",
        "formats.py": package / "formats.py",
        "tests.py": Path("tests", f"test_{group}_extension.py"),
    }
    environment = jinja2.Environment(  # noqa: S701 - Python and TOML, not HTML
        loader=jinja2.FileSystemLoader(TEMPLATES), keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    try:
        for template, place in places.items():
            _write(folder / place, environment.get_template(f"{template}.j2").render(facts))
        for part in ("checks", "scenarios"):
            _write(folder / package / part / "__init__.py", "")
    except OSError as error:
        raise BenchError(
            f"cannot write {error.filename or folder}: {error.strerror}; name another folder with --out"
        ) from error
    if not quiet:
        print(f"{folder} is written; try it:\n  gatebench run --extension {folder / package} -m {group}")
    return exit_codes.CONFORMANT


def _prefix(name: str) -> str:
    """Return the beginning of the ids of its requirements, three or four capitals."""
    letters = re.sub("[^A-Z]", "", name.upper())
    prefix, registry = (letters + "XX")[: max(3, min(4, len(letters)))], Registry()
    return prefix if f"{prefix}-001" not in registry else f"{prefix[:3]}X"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
