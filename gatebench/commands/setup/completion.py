"""`gatebench completion`: click's shell completion of commands, options, targets and requirements."""

import click
from click.shell_completion import get_completion_class

from gatebench import exit_codes
from gatebench.commands.options import Choice

VARIABLE = "_GATEBENCH_COMPLETE"
"""The environment variable in which a shell requests completion, as click names it."""

EXAMPLES = """\b
examples:
  eval "$(gatebench completion bash)"                   in ~/.bashrc
  eval "$(gatebench completion zsh)"                    in ~/.zshrc
  gatebench completion fish > ~/.config/fish/completions/gatebench.fish"""


@click.command(epilog=EXAMPLES)
@click.argument("shell", type=Choice(("bash", "zsh", "fish")), metavar="SHELL")
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print a shell completion script; SHELL is bash, zsh or fish."""
    kind = get_completion_class(shell)
    assert kind  # noqa: S101 - click has all three
    root = context.find_root()
    print(kind(root.command, {}, root.info_name or "", VARIABLE).source())
    return exit_codes.CONFORMANT
