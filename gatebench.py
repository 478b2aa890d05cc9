"""The front door: the command line, nothing else. What each command does is in `commands/`.

Exit status: 0 conformant for what is claimed; 1 findings; 2 bad invocation, unreachable target or nothing judged;
3 a fault of gatebench; 4 a broken performance budget; 130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from commands import (
    completion,
    doctor,
    faults,
    images,
    init,
    install,
    judge,
    load,
    publish,
    report,
    requirements,
    run,
    world,
)
from commands.status import BAD_INPUT, CONFORMANT, INTERRUPTED, OUR_FAULT, complain
from fixtures.errors import BenchError, HarnessError

COMMANDS = (  # in the order of `gatebench --help`
    run,
    init,
    doctor,
    requirements,
    faults,
    report,
    judge,
    load,
    publish,
    world,
    images,
    install,
    completion,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status. Whatever goes wrong is one sentence on stderr, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr] # a name in any language must not stop us
    options = _parser().parse_args(arguments)
    try:
        status = int(options.command(options))
        sys.stdout.flush()
    except BenchError as error:
        return complain(str(error), BAD_INPUT)
    except HarnessError as error:
        return complain(f"this is a fault of gatebench: {error}", OUR_FAULT)
    except KeyboardInterrupt:
        return complain("interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader has seen enough (`gatebench list | head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CONFORMANT
    except Exception as error:  # noqa: BLE001 - the last resort: a user is told where to look, in one sentence
        what = " ".join(f"{type(error).__name__}: {error}".split())
        return complain(f"this is a fault of gatebench: {what} (traceback in {_kept_traceback()})", OUR_FAULT)
    return status


def _kept_traceback() -> str:
    import tempfile  # noqa: PLC0415
    import traceback  # noqa: PLC0415

    with tempfile.NamedTemporaryFile("w", prefix="gatebench-", suffix=".log", delete=False) as file:
        traceback.print_exc(file=file)
        return file.name


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say it in one line, without the usage."""
        self.exit(BAD_INPUT, f"gatebench: {message}; see `{self.prog} --help`\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="gatebench",
        description="Conformance and load bench for MCP gateways.",
        epilog="start with: `gatebench run`, then `gatebench init`; each command has its own --help, with examples",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gatebench {version('gatebench')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    for module in COMMANDS:
        module.add(commands)
    for command in commands.choices.values():
        command.formatter_class = argparse.RawDescriptionHelpFormatter  # examples stay as they are written
    completion.answer(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
