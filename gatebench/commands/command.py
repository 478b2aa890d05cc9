"""The commands of gatebench: click's, with the configuration file, and with -q and -v in all of them."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from gatebench.commands import configuration
from gatebench.commands.configuration import Configuration
from gatebench.commands.options import PATH
from gatebench.conformance.text import json_text, visible
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.extensions import folders

_SETTINGS = "gatebench.settings"
_NAMED = "gatebench.configuration"  # the values of --config and --no-config that stand before the command


@dataclass
class CommandSettings:
    """What holds for the command that runs. `used` maps each option that the configuration sets to its value."""

    configuration: Configuration | None = None
    used: dict[str, Any] = field(default_factory=dict)
    verbose: bool = False

    def source_of(self, sentence: str) -> str:
        """Return an addition to an error that is about a value of the configuration: where the value comes from; or ""."""
        words = {word.strip("'\",;:()") for word in sentence.split()}
        for key, value in self.used.items():
            named = {f"--{key}", str(value)} if isinstance(value, str | Path) else {f"--{key}"}
            if named & words and self.configuration:
                return f" ({self.configuration.path} sets {key})"
        return ""


def settings(context: click.Context | None = None) -> CommandSettings:
    """Return the settings of the command that runs; the initial ones outside of any command."""
    context = context or click.get_current_context(silent=True)
    found = context.meta.get(_SETTINGS) if context else None
    return found if isinstance(found, CommandSettings) else CommandSettings()


def _options() -> list[click.Parameter]:
    """Return the options of all commands."""
    return [
        click.Option(["-q", "--quiet"], is_flag=True, help="no progress, and only the conclusion"),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_note_verbosity,
            help="all details, the configuration that is used, and the traceback of an internal error",
        ),
        click.Option(
            ["--extension"],
            type=PATH,
            multiple=True,
            metavar="DIR",
            expose_value=False,
            help="folder of an extension; may be repeated",
        ),
        *_of_configuration(),
    ]


def _of_configuration() -> list[click.Parameter]:
    """Return the options that choose the configuration file."""
    return [
        click.Option(
            ["--config"],
            type=PATH,
            metavar="FILE",
            expose_value=False,
            help="configuration file (default: gatebench.toml, or [tool.gatebench] of pyproject.toml)",
        ),
        click.Option(["--no-config"], is_flag=True, expose_value=False, help="read no configuration file"),
    ]


def _note_verbosity(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    settings(context).verbose = value


class BenchCommand(click.Command):
    """A command with the options that all commands have. The configuration file gives the defaults of its options."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.params.extend(_options())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See click. Raise BenchError for an invalid configuration."""
        context, chosen = ctx, CommandSettings()
        context.meta[_SETTINGS] = chosen
        if not context.resilient_parsing:
            given, _, _ = self.make_parser(context).parse_args(list(args))
            asked = self.get_help_option(context)
            if not (asked and given.get(str(asked.name))):
                self._use_extensions(given.get("extension") or [])
                chosen.configuration = self._configure(context, given)
        rest = super().parse_args(context, args)
        chosen.used = {
            configuration.key_of(one): context.params[one.name]
            for one in self.params
            if one.name and context.get_parameter_source(one.name) is ParameterSource.DEFAULT_MAP
        }
        if chosen.verbose and context.params.get("quiet"):
            if "quiet" not in chosen.used:
                raise BenchError("-q and -v exclude each other: use one of them")
            context.params["quiet"] = False
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Invoke the command, after it has said on stderr which configuration it uses."""
        if not ctx.params.get("quiet"):
            _announce(settings(ctx))
        return super().invoke(ctx)

    def _use_extensions(self, named: Iterable[str]) -> None:
        """Add the folders of extensions until the program ends: the names of targets and of requirements depend on them."""
        folders.use(Path(folder) for folder in named)

    def _configure(self, context: click.Context, given: Mapping[str, Any]) -> Configuration | None:
        """Read the configuration and let it give the defaults of this command."""
        before = context.meta.get(_NAMED, {})
        named = given.get("config") or before.get("config")
        ignored = given.get("no_config") or before.get("no_config")
        if named and ignored:
            raise BenchError("--config and --no-config exclude each other: use one of them")
        found = None if ignored else configuration.find(Path(named) if named else None)
        if found:
            root = context.find_root()
            if not given.get("extension"):
                self._use_extensions(found.extensions())
            if isinstance(root.command, click.Group):
                configuration.check(found, root.command)
            context.default_map = found.defaults(self, section_of(context))
        return found


def section_of(context: click.Context) -> tuple[str, ...]:
    """Return the section of a command in the configuration file: the words of the command line after `gatebench`."""
    words: list[str] = []
    at: click.Context | None = context
    while at and at.parent:
        words.insert(0, str(at.info_name))
        at = at.parent
    return tuple(words)


def _announce(chosen: CommandSettings) -> None:
    """Print which configuration is used: whenever it sets an option; with -v in any case, with the values."""
    if chosen.verbose and not chosen.configuration:
        print("gatebench: no configuration file is used", file=sys.stderr)
    elif chosen.configuration and (chosen.used or chosen.verbose):
        each = [
            f"{key} = {json_text(configuration.displayed(key, value))}" if chosen.verbose else key
            for key, value in chosen.used.items()
        ]
        what = ", ".join(each) or "nothing for this command"
        print(visible(f"gatebench: {chosen.configuration.path} sets {what}"), file=sys.stderr)


command: Callable[..., Callable[[Callable[..., Any]], click.Command]] = partial(click.command, cls=BenchCommand)
"""The decorator of a command, as `click.command`."""


def with_configuration(group: click.Group) -> click.Group:
    """Return the group with --config and --no-config, which then may stand before the command too."""
    for option in _of_configuration():
        option.callback = _remember
        group.params.append(option)
    return group


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    context.meta.setdefault(_NAMED, {})[parameter.name] = value
