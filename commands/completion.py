"""`gatebench completion`: what makes a shell complete gatebench's commands, options, targets and requirements."""

import argparse
import os
from collections.abc import Iterable
from typing import Any

from commands import status

SHELLS = ("bash", "zsh", "fish")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
    completion = commands.add_parser(
        "completion",
        help="print the script that makes a shell complete gatebench",
        epilog='examples:\n  eval "$(gatebench completion bash)"                   in ~/.bashrc\n'
        '  eval "$(gatebench completion zsh)"                    in ~/.zshrc\n'
        "  gatebench completion fish > ~/.config/fish/completions/gatebench.fish",
    )
    completion.add_argument("shell", choices=SHELLS)
    completion.set_defaults(command=_completion)


def _completion(options: argparse.Namespace) -> int:
    import argcomplete.shell_integration  # noqa: PLC0415

    print(argcomplete.shell_integration.shellcode(["gatebench"], shell=options.shell))
    return status.CONFORMANT


def answer(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks what could come next; otherwise do nothing, and load nothing."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    import argcomplete  # noqa: PLC0415

    argcomplete.autocomplete(parser, always_complete_options="long")


def complete(argument: argparse.Action, names: "Names") -> None:
    """Have an argument completed from these names (and, as always, from the files of the folder)."""
    argument.completer = names  # type: ignore[attr-defined] # where argcomplete looks


class Names:
    """Names that are looked up when a shell asks for them."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __call__(self, prefix: str, **_: Any) -> Iterable[str]:
        """Those that begin so, and files where files may be given."""
        if self._kind == "requirements":
            from conformance.registry import Registry  # noqa: PLC0415

            names = list(Registry().by_id)
        else:
            import argcomplete.completers  # noqa: PLC0415

            from fixtures.gateways.target import shipped  # noqa: PLC0415

            names = [*shipped(), *argcomplete.completers.FilesCompleter(["toml"])(prefix)]
        return [name for name in names if name.lower().startswith(prefix.lower())]
