"""The command line. Each command is a module in a folder of `commands/`, imported when the command is used.

Exit status: 0 conformant for what is claimed; 1 findings; 2 bad invocation, unreachable target or nothing judged;
3 an internal error of gatebench; 4 a broken performance budget; 130 interrupted.
"""

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence

import click
from click.shell_completion import shell_complete

from gatebench import streams
from gatebench.commands.command import settings, with_configuration
from gatebench.commands.options import UnknownChoiceError
from gatebench.commands.setup import completion
from gatebench.exit_codes import BAD_INPUT, INTERRUPTED, OUR_FAULT, complain
from gatebench.fixtures.errors import BenchError, HarnessError, StorageError
from gatebench.fixtures.extensions import folders
from gatebench.fixtures.recording import files
from gatebench.lazy_group import LazyGroup

PROGRAM = "gatebench"
_PACKAGE = "gatebench.commands"
COMMANDS = {  # in the order of `gatebench --help`
    "run": (f"{_PACKAGE}.run.run:run", "test a gateway"),
    "init": (f"{_PACKAGE}.setup.init:init", "write a descriptor for your own gateway"),
    "new": (f"{_PACKAGE}.setup.new:new", "write the package of an extension"),
    "doctor": (f"{_PACKAGE}.setup.doctor:doctor", "check this machine: ports, Docker, browser, gateways"),
    "list": (f"{_PACKAGE}.requirements.listing:list_requirements", "list the requirements"),
    "explain": (f"{_PACKAGE}.requirements.explain:explain", "describe one requirement"),
    "faults": (
        f"{_PACKAGE}.requirements.faults:faults",
        "list the faults of the reference gateway that test the bench",
    ),
    "report": (f"{_PACKAGE}.conformance.report:report", "rebuild and show the report of a run"),
    "compare": (f"{_PACKAGE}.conformance.compare:compare", "compare the reports of two runs"),
    "judge": (f"{_PACKAGE}.conformance.judge:judge", "evaluate recorded traffic again, without any server"),
    "official": (
        f"{_PACKAGE}.conformance.official:official",
        "run the official MCP suite directly and through a gateway",
    ),
    "load": (f"{_PACKAGE}.load.group:load", "measure the performance of a gateway"),
    "publish": (f"{_PACKAGE}.conformance.publish:publish", "create a published report from two runs of a gateway"),
    "matrix": (f"{_PACKAGE}.conformance.matrix:matrix", "create a page and a table of all published reports"),
    "world": (f"{_PACKAGE}.setup.world:world", "start the mocks and print their world.json; serves until Ctrl-C"),
    "gateway": (f"{_PACKAGE}.setup.gateway:gateway", "start the reference gateway alone; serves until Ctrl-C"),
    "images": (
        f"{_PACKAGE}.setup.images:build_or_list",
        "build or list the container images that --world containers needs",
    ),
    "config": (f"{_PACKAGE}.setup.config:show", "check and show the configuration file, or list its keys"),
    "install": (f"{_PACKAGE}.setup.install:install", "install third-party gateways; without a name: list them"),
    "completion": (f"{_PACKAGE}.setup.completion:completion", "print a shell completion script"),
}


@click.group(
    PROGRAM,
    cls=LazyGroup,
    lazy=COMMANDS,
    epilog="start with: `gatebench run`, then `gatebench init`; each command has its own --help, with examples",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120, "show_default": True},
)
@click.version_option(package_name="gatebench", message="%(prog)s %(version)s")
def gatebench() -> None:
    """Conformance and load bench for MCP gateways."""


with_configuration(gatebench)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status. Errors are one sentence on stderr, never a traceback."""
    with streams.standing() as (output, _):
        forget = folders.use([])  # the extensions that the command names hold for it alone
        try:
            status = _run(sys.argv[1:] if arguments is None else list(arguments))
        finally:
            forget()
            output.flush()
        if output.failed:
            return complain(f"cannot write to standard output: {output.failed.strerror}", OUR_FAULT)
        return status


def _run(arguments: list[str]) -> int:
    context: click.Context | None = None
    try:
        if request := os.environ.get(completion.VARIABLE):
            return shell_complete(gatebench, {}, PROGRAM, completion.VARIABLE, request)
        # Not `gatebench.main()`: it writes an empty line to stderr after an interruption.
        with gatebench.make_context(PROGRAM, arguments) as context:
            return int(gatebench.invoke(context))
    except click.exceptions.Exit as end:  # --help, --version
        return end.exit_code
    except click.ClickException as error:
        return complain(_usage_sentence(error), BAD_INPUT)
    except KeyboardInterrupt:
        return complain("interrupted", INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - last resort: report one sentence instead of a traceback
        chosen = settings(context)
        if chosen.verbose and not isinstance(error, BenchError):
            traceback.print_exc(file=sys.stderr)
        sentence, status = _sentence(error)
        return complain(sentence + chosen.source_of(sentence), status)


def _sentence(error: Exception) -> tuple[str, int]:
    """Return the sentence to print for an error, and the exit status."""
    if isinstance(error, BenchError):
        return str(error), BAD_INPUT
    if isinstance(error, StorageError):
        return str(error), OUR_FAULT
    if isinstance(error, HarnessError):
        return f"this is a fault of gatebench: {error}", OUR_FAULT
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return f"{str(error.filename)[:100]}...: {error.strerror}; use another path", BAD_INPUT
    if isinstance(error, OSError) and error.errno in files.FULL:
        return f"cannot write {error.filename or 'a temporary file'}: {error.strerror}", OUR_FAULT
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"this is a fault of gatebench: {what} (traceback in {_kept_traceback()})", OUR_FAULT


def _usage_sentence(error: click.ClickException) -> str:
    """Return one sentence for what click refuses, with its suggestion or the command whose help to read."""
    similar: list[str] = getattr(error, "possibilities", None) or []
    complete = not similar or isinstance(error, UnknownChoiceError)  # click's own messages have the suggestion in them
    text = error.format_message() if complete else error.message
    text = " ".join(text.split()).rstrip(".").replace(". Choose from:", "; choose from")
    text = f"{text[:1].lower()}{text[1:]}"
    if similar:
        return f"{text}; did you mean {' or '.join(similar)}?"
    context = getattr(error, "ctx", None)
    return f"{text}; see `{context.command_path if context else PROGRAM} --help`"


def _kept_traceback() -> str:
    with tempfile.NamedTemporaryFile("w", prefix="gatebench-", suffix=".log", delete=False) as file:
        traceback.print_exc(file=file)
        return file.name
