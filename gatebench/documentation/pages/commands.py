"""Page of the commands: usage, help, options and examples of each, from click."""

from collections.abc import Iterator

import click

from gatebench.cli import PROGRAM, gatebench
from gatebench.documentation.markdown import code, prose, table
from gatebench.exit_codes import MEANINGS

HELP = "--help"


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield from ("# Commands", "", f"`{PROGRAM} --version` prints the version. Each command has `-h` and `--help`.", "")
    everything = list(commands(gatebench, PROGRAM))
    summaries = (
        (f"[{path}](#{_anchor(path)})", prose(command.get_short_help_str(1000))) for path, command in everything
    )
    yield from table(("command", "purpose"), summaries)
    for path, command in everything:
        yield from _command(path, command)
    yield from ("## Exit status", "")
    yield from table(("status", "meaning"), ((str(status), prose(text)) for status, text in MEANINGS.items()))


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below a group that does something, with the words that call it."""
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        _, command, _ = group.resolve_command(context, [name])
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        elif command is not None:
            yield f"{path} {name}", command


def _anchor(path: str) -> str:
    return path.replace(" ", "-")


def _command(path: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    yield from (f"## {path}", "", "```text", usage, "```", "")
    for paragraph in (command.help or "").split("\n\n"):
        yield from (prose(paragraph), "")
    parameters = [one for one in command.get_params(context) if HELP not in one.opts]
    options = [one for one in parameters if isinstance(one, click.Option) and not one.hidden]
    if options:
        yield from table(("option", "meaning"), (_option(one, context) for one in options))
    if command.epilog:
        yield from ("```text", command.epilog.replace("\b\n", "").strip("\n"), "```", "")


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    names = ", ".join(code(name) for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag or option.count else f" {code(option.make_metavar(context))}"
    limits = option.get_help_extra(context)
    notes = [f"default: {code(limits['default'])}"] if "default" in limits else []
    notes += [code(limits["range"])] if "range" in limits else []
    notes += ["repeatable"] if option.multiple else []
    notes += ["required"] if option.required else []
    return f"{names}{value}", prose(" ".join([option.help or "", f"({'; '.join(notes)})" if notes else ""]))
