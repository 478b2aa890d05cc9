"""`gatebench config`: check and show the configuration file, or list its keys."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from gatebench import exit_codes
from gatebench.commands import configuration
from gatebench.commands.command import BenchCommand, command, settings
from gatebench.commands.suggestions import hint
from gatebench.conformance.text import json_text, visible
from gatebench.fixtures.errors import BenchError
from gatebench.lazy_group import LazyGroup

EXAMPLES = """\b
examples:
  gatebench config                                   check the configuration of this folder, and show it
  gatebench config --keys run                        the keys of [run]
  gatebench config --config ci/gatebench.toml"""


@command(epilog=EXAMPLES)
@click.argument("section", required=False, metavar="[SECTION]")
@click.option("--keys", is_flag=True, help="list the keys that a file can have")
@click.option("--json", "as_json", is_flag=True, help="print the result as JSON")
@click.pass_context
def show(context: click.Context, section: str | None, *, keys: bool, as_json: bool, quiet: bool) -> int:
    """Check and show the configuration file, or list the keys that it can have.

    SECTION is the section of one command, such as run or load.run (default: all).
    """
    root = context.find_root().command
    assert isinstance(root, click.Group)  # noqa: S101 - for the type checker
    found = settings(context).configuration  # checked before this command is invoked
    sections = {".".join(path): one for path, one in _commands(root, ())}
    if section is not None and section not in sections:
        raise BenchError(f"unknown section {section!r}; {hint(section, sections)}")
    if keys:
        rows = [row for name, one in sections.items() if section in (None, name) for row in _keys(name, one)]
        lines = [f"{row['section'] + '.' + row['key']:32} {row['value']:22} {row['meaning']}".rstrip() for row in rows]
    else:
        rows = [] if found is None else list(_values(found.table, section))
        lines = ["no configuration file" if found is None else f"{found.path} is valid"]
        lines += [f"  {row['key']} = {json_text(row['value'])}" for row in rows]
    if as_json:
        print(json_text(rows if keys else {"file": found and str(found.path), "values": rows}, indent=2))
    elif not quiet:
        print("\n".join(map(visible, lines)))
    return exit_codes.CONFORMANT


def _commands(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield the commands that read the configuration, each with its section."""
    for name in group.commands:
        one = group.load(name) if isinstance(group, LazyGroup) else group.commands[name]
        if isinstance(one, click.Group):
            yield from _commands(one, (*path, name))
        elif isinstance(one, BenchCommand):
            yield (*path, name), one


def _keys(section: str, one: click.Command) -> Iterator[dict[str, str]]:
    """Yield the keys of a section, each with the values that it takes and its meaning."""
    for key, parameter in configuration.settable(one).items():
        meaning = (getattr(parameter, "help", None) or "").strip()
        yield {"section": section, "key": key, "value": configuration.needed_by(parameter), "meaning": meaning}


def _values(table: Mapping[str, Any], section: str | None, path: str = "") -> Iterator[dict[str, Any]]:
    """Yield the keys of a table, those of sections with the name of the section, and their values."""
    for key, value in table.items():
        name = f"{path}{key}"
        if isinstance(value, dict):
            yield from _values(value, section, f"{name}.")
        elif section is None or path == f"{section}.":
            yield {"key": name, "value": configuration.displayed(key, value)}
