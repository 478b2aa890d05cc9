"""The configuration file: `gatebench.toml`, or `[tool.gatebench]` of `pyproject.toml`.

Sections are named after the commands (`[run]`, `[load.run]`), keys after the long names of their options and after
arguments. The options of the commands say which keys there are, and of which types.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gatebench.commands.options import CONFIGURATION_FILES, TargetName
from gatebench.commands.suggestions import hint
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.recording import files
from gatebench.lazy_group import LazyGroup

OWN, SHARED = CONFIGURATION_FILES
SECTION = "tool.gatebench"
EVERYWHERE = "target"  # a key that stands before the sections, and holds for each command with this argument
EXTENSIONS = "extension"  # the other one, which holds for all commands
LEAVE_OUT = "--no-config ignores the file"
_USER, _QUERY = re.compile(r"://[^/@\s]*@"), re.compile(r"(?<=\w)\?\S+")
_OF_DESCRIPTORS = {"launch", "endpoints", "claims", "dialect"}
_KINDS: dict[type[object], str] = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "a table",
}


@dataclass(frozen=True)
class Configuration:
    """A configuration file. `table` holds what concerns gatebench; `prefix` is the place of the table in the file."""

    path: Path
    table: Mapping[str, Any]
    prefix: str = ""

    def error(self, keys: tuple[str, ...], what: str) -> BenchError:
        """Return the error about a key, in one sentence that names the file and the key."""
        return BenchError(f"{self.path}: {'.'.join((*([self.prefix] if self.prefix else []), *keys))} {what}")

    def section(self, keys: tuple[str, ...]) -> Mapping[str, Any]:
        """Return the section of a command, which is empty if the file has none. Raise BenchError if it is no table."""
        found: Any = self.table
        for number, key in enumerate(keys, 1):
            found = found.get(key, {})
            if not isinstance(found, dict):
                raise self.error(
                    keys[:number], f"is {kind_of(found)}, but it is the section of a command: write a table"
                )
        return dict(found)

    def resolved(self, name: str) -> str:
        """Return a path of the file, which is relative to its folder, as a path that is relative to the current one."""
        return str(self.path.parent / name)

    def extensions(self) -> list[str]:
        """Return the folders of extensions, which are relative to the folder of the file. Raise BenchError for another value."""
        named = self.table.get(EXTENSIONS, [])
        if not isinstance(named, list) or not all(isinstance(one, str) and "\0" not in one for one in named):
            raise self.error(
                (EXTENSIONS,), f"is {kind_of(named)}; write an array with strings, the folders of extensions"
            )
        return [self.resolved(name) for name in named]

    def defaults(self, command: click.Command, keys: tuple[str, ...]) -> dict[str, Any]:
        """Return what the file says about a command: parameter names with values. Raise BenchError for a wrong key or value.

        `keys` is the section, such as `("load", "run")`.
        """
        parameters = settable(command)
        found: dict[str, Any] = {}
        if EVERYWHERE in self.table:
            target = self.checked(
                click.Argument([EVERYWHERE], type=TargetName()), self.table[EVERYWHERE], (EVERYWHERE,)
            )
            if EVERYWHERE in parameters:
                found[EVERYWHERE] = target
        for key, value in self.section(keys).items():
            if key not in parameters:
                raise self.error((*keys, key), f"is an unknown key; {hint(key, parameters)}")
            parameter = parameters[key]
            found[str(parameter.name)] = self.checked(parameter, value, (*keys, key))
        return found

    def checked(self, parameter: click.Parameter, value: Any, keys: tuple[str, ...]) -> Any:
        """Return the value of a parameter, with paths resolved. Raise BenchError if it is of a wrong type or not possible."""
        needed, fits = _needed(parameter)
        values = value if parameter.multiple and isinstance(value, list) else [value]
        if (parameter.multiple and not isinstance(value, list)) or not all(map(fits, values)):
            several = "an array with " if parameter.multiple else ""
            raise self.error(keys, f"is {_shown(keys[-1], value)}; write {several}{needed}")
        for one in values:
            if isinstance(one, str) and "\0" in one:
                raise self.error(keys, "holds a NUL character; remove it")
        try:
            converted = [self._converted(parameter, one) for one in values]
        except click.BadParameter as error:
            close = list(getattr(error, "possibilities", ()))
            suggestion = f"; did you mean {close[0]}?" if close else ""
            raise self.error(keys, f"is wrong: {error.message.rstrip('.')}{suggestion}") from error
        except BenchError as error:
            raise self.error(keys, f"is wrong: {error}") from error
        return converted if parameter.multiple else converted[0]

    def _converted(self, parameter: click.Parameter, value: Any) -> Any:
        kind = parameter.type
        is_path = isinstance(kind, click.Path) or (isinstance(kind, TargetName) and _is_path(value))
        return kind.convert(self.resolved(value) if is_path else value, parameter, None)


def find(named: Path | None = None) -> Configuration | None:
    """Return the configuration: of the named file, else of the current folder, which may have none.

    Raise BenchError for a file that cannot be read or is not valid TOML, a named one without configuration, and for two.
    """
    if named:
        table = _read(named)
        if named.name != SHARED:
            return Configuration(named, table)
        ours = _ours(named, table)
        if ours is None:
            raise BenchError(f"{named} has no [{SECTION}]; add it, or name another file with --config")
        return ours
    own, shared = (Path(name) if _exists(Path(name)) else None for name in CONFIGURATION_FILES)
    of_shared = _ours(shared, _read(shared)) if shared and _mentions_us(shared) else None
    if own and of_shared:
        raise BenchError(
            f"{OWN} and [{SECTION}] of {SHARED} both exist; keep one of them, or name one with --config, or none with "
            "--no-config"
        )
    if not own:
        return of_shared
    table = _read(own)
    if "gateway" in table and _OF_DESCRIPTORS & table.keys():
        raise BenchError(
            f"{own} is the descriptor of a gateway, and gatebench reads its configuration from a file of this name; rename "
            "it, or use --no-config"
        )
    return Configuration(own, table)


def check(configuration: Configuration, group: click.Group, keys: tuple[str, ...] = ()) -> None:
    """Check all sections of a configuration. Raise BenchError for a name, a key or a value that is wrong.

    `group` is that of the section `keys`: at first the whole command line.
    """
    for key, value in configuration.section(keys).items():
        here = (*keys, key)
        if here in ((EVERYWHERE,), (EXTENSIONS,)):
            continue
        if key not in group.commands:
            if keys or isinstance(value, dict):
                what = "section" if isinstance(value, dict) else "key"
                raise configuration.error(here, f"is an unknown {what}; {hint(key, group.commands)}")
            suggestion = hint(key, [EVERYWHERE, EXTENSIONS])
            raise configuration.error(here, f"is an unknown key; {suggestion}; options stand in sections such as [run]")
        command = group.load(key) if isinstance(group, LazyGroup) else group.commands[key]
        if isinstance(command, click.Group):
            check(configuration, command, here)
        else:
            configuration.defaults(command, here)


def settable(command: click.Command) -> dict[str, click.Parameter]:
    """Return the parameters of a command that a file can set, by their keys: all but arguments that every call needs."""
    return {key_of(one): one for one in command.params if one.expose_value and _has_key(one)}


def key_of(parameter: click.Parameter) -> str:
    """Return the key of a parameter: its long option without dashes, or the name of an argument."""
    return next((name[2:] for name in parameter.opts if name.startswith("--")), str(parameter.name))


def needed_by(parameter: click.Parameter) -> str:
    """Return which values a parameter takes in the file, in words."""
    return f"{'an array with ' if parameter.multiple else ''}{_needed(parameter)[0]}"


def displayed(key: str, value: Any) -> Any:
    """Return a value for output, without what may be a credential: values of headers, user and query of a URL."""
    if isinstance(value, list | tuple):
        return [displayed(key, one) for one in value]
    if not isinstance(value, str):
        return value if isinstance(value, bool | int | float) else str(value)
    if key.endswith("header"):
        return f"{value.partition(':')[0]}: ..."
    return _QUERY.sub("?...", _USER.sub("://...@", value))


def kind_of(value: object) -> str:
    """Return the TOML type of a value, in words."""
    return next((words for kind, words in _KINDS.items() if isinstance(value, kind)), "a date or a time")


def _shown(key: str, value: object) -> str:
    """Return a value with its type; only the type of a long one."""
    text = json.dumps(displayed(key, value), ensure_ascii=False) if isinstance(value, bool | int | float | str) else ""
    return f"{text}, {kind_of(value)}" if 0 < len(text) <= 60 else kind_of(value)


def _has_key(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) or (not parameter.required and parameter.nargs == 1)


def _needed(parameter: click.Parameter) -> tuple[str, Callable[[object], bool]]:
    """Return what a value has to be, in words and as a test. TOML distinguishes what a command line does not."""
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return "true or false", lambda value: isinstance(value, bool)
    numbers = (int,) if isinstance(parameter.type, click.types.IntParamType) else (int, float)
    if isinstance(parameter.type, click.types.IntParamType | click.types.FloatParamType):
        return _KINDS[numbers[-1]], lambda value: isinstance(value, numbers) and not isinstance(value, bool)
    plural = parameter.multiple
    return "strings" if plural else "a string", lambda value: isinstance(value, str)


def _is_path(target: str) -> bool:
    """Return whether a target is the path of a descriptor, and neither a shipped name nor a URL."""
    return "://" not in target and ("/" in target or target.endswith(".toml") or ".toml:" in target)


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _mentions_us(path: Path) -> bool:
    """Return whether a `pyproject.toml` may have a section for gatebench: others are not parsed, and may be invalid."""
    try:
        return b"gatebench" in files.read_bytes(path)
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}; {LEAVE_OUT}") from error


def _ours(path: Path, table: Mapping[str, Any]) -> Configuration | None:
    """Return the part of `pyproject.toml` that is gatebench's; None if there is none."""
    tool = table.get("tool", {})
    if not isinstance(tool, dict) or "gatebench" not in tool:
        return None
    if not isinstance(tool["gatebench"], dict):
        raise BenchError(f"{path}: {SECTION} is {kind_of(tool['gatebench'])}; write a table, [{SECTION}]")
    return Configuration(path, tool["gatebench"], SECTION)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(files.read_text(path))
    except OSError as error:
        raise BenchError(f"cannot read the configuration {path}: {error.strerror}; {LEAVE_OUT}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BenchError(f"the configuration {path} is not valid TOML: {error}; {LEAVE_OUT}") from error
