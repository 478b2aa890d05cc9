"""A click group that imports the module of a command when the command is used, not before."""

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group of commands that are named by module.

    `lazy` maps the name of a command to its place (`module:attribute`) and to one line of help. The group's own help and
    completion need only these, and import none of the modules. Commands are listed in the order of `lazy`.
    """

    def __init__(self, name: str | None = None, *, lazy: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        listed = {key: click.Command(key, short_help=line) for key, (_, line) in lazy.items()}
        settings |= {"commands": listed, "no_args_is_help": False, "subcommand_metavar": "COMMAND ..."}
        super().__init__(name, **settings)
        self._places = {key: place for key, (place, _) in lazy.items()}

    def list_commands(self, _context: click.Context) -> list[str]:
        """Return the names of the commands in their given order."""
        return list(self.commands)

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name, imported now."""
        name, command, rest = super().resolve_command(context, arguments)
        return name, command and self.load(str(command.name)), rest

    def invoke(self, context: click.Context) -> Any:
        """Invoke the command. A usage error knows the command, also where click's parser leaves it out."""
        try:
            return super().invoke(context)
        except click.UsageError as error:
            if error.ctx is None and (name := context.invoked_subcommand):
                error.ctx = click.Context(self.commands[name], parent=context, info_name=name)
            raise

    def load(self, name: str) -> click.Command:
        """Return a command of the group, imported now. Raise KeyError for a name that it does not have."""
        module, _, attribute = self._places[name].partition(":")
        loaded = getattr(importlib.import_module(module), attribute)
        assert isinstance(loaded, click.Command)  # noqa: S101 - for the type checker
        return loaded
