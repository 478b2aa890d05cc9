"""The front door: the command line, nothing else.

Exit status: 0 conformant for what is claimed; 1 findings; 2 bad invocation, unreachable target or nothing judged;
3 a fault of gatebench; 130 interrupted. Everything is imported where it is needed: `gatebench list` must be instant.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from fixtures.errors import BenchError

if TYPE_CHECKING:
    from conformance.registry import Registry, Requirement

CONFORMANT, BAD_INPUT, OUR_FAULT, INTERRUPTED = 0, 2, 3, 130
STATUS = {"conformant": CONFORMANT, "findings": 1, "nothing-judged": BAD_INPUT, "harness-error": 3, "incomplete": 3}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status. Whatever goes wrong is one sentence on stderr, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr] # a name in any language must not stop us
    options = _parser().parse_args(arguments)
    try:
        status = int(options.command(options))
        sys.stdout.flush()
    except BenchError as error:
        return _complain(str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader has seen enough (`gatebench list | head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CONFORMANT
    except Exception as error:  # noqa: BLE001 - the last resort: a user is told where to look, in one sentence
        what = " ".join(f"{type(error).__name__}: {error}".split())
        return _complain(f"this is a fault of gatebench: {what} (traceback in {_kept_traceback()})", OUR_FAULT)
    return status


def _complain(sentence: str, status: int) -> int:
    print(f"gatebench: {sentence}", file=sys.stderr)
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
    parser = _Parser(prog="gatebench", description="Conformance bench for MCP gateways.")
    parser.add_argument("--version", action="version", version=f"gatebench {version('gatebench')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="judge a gateway")
    run.add_argument(
        "target", nargs="?", default="reference", metavar="TARGET", help="shipped name or descriptor's path"
    )
    run.add_argument(
        "-k", dest="keyword", metavar="EXPR", help="only what matches, e.g. CRED-001 or 'mail and not legacy'"
    )
    run.add_argument("-m", dest="mark", metavar="MARK", help="only these groups, e.g. credentials")
    run.add_argument("-x", dest="first", action="store_true", help="stop at the first finding")
    run.add_argument("-n", dest="workers", type=_workers, metavar="N", help="on N worlds side by side")
    run.add_argument("--sheet", type=Path, metavar="FILE", help="stand up the world of this stored setup sheet")
    run.add_argument("--expectations", type=Path, metavar="FILE", help="known failures and skips, with reasons")
    run.add_argument("--direct", action="store_true", help="ask the upstream alone first")
    run.add_argument("--out", type=Path, metavar="DIR", help="folder for the evidence (default: a new one)")
    run.add_argument("--quiet", action="store_true", help="no progress, and only the conclusion")
    run.set_defaults(command=_run)

    listing = commands.add_parser("list", help="the requirements")
    listing.add_argument("--group", help="only one group")
    listing.add_argument("--profile", help="only one profile, its core and its extended requirements")
    listing.add_argument("--json", action="store_true", help="everything about them, as JSON")
    listing.set_defaults(command=_list)

    explain = commands.add_parser("explain", help="everything about one requirement")
    explain.add_argument("requirement", metavar="ID", help="such as CRED-001")
    explain.set_defaults(command=_explain)

    world = commands.add_parser("world", help="stand the world up and print its setup sheet; serves until Ctrl-C")
    world.add_argument("--save", type=Path, metavar="FILE", help="write the sheet there instead of printing it")
    world.add_argument("--sheet", type=Path, metavar="FILE", help="the world of this stored sheet, not a new one")
    world.set_defaults(command=_world)

    gateway = commands.add_parser("gateway", help="the reference gateway alone; serves until Ctrl-C")
    gateway.add_argument("--world", type=Path, required=True, metavar="FILE", help="the setup sheet")
    gateway.add_argument("--host", help="where to listen, if not where the sheet says")
    gateway.add_argument("--port", type=int, help="where to listen, if not where the sheet says; 0: any free port")
    gateway.set_defaults(command=_gateway)

    report = commands.add_parser("report", help="build and show the report of a run again")
    report.add_argument("folder", type=Path, metavar="DIR", help="what `gatebench run` named as evidence")
    report.set_defaults(command=_report)
    return parser


def _workers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of workers from 1 to 64")
    return int(text)


# -- run


def _run(options: argparse.Namespace) -> int:
    from contextlib import suppress  # noqa: PLC0415

    from conformance import session  # noqa: PLC0415
    from fixtures.gateways.target import named  # noqa: PLC0415
    from reports.build import NoRunError  # noqa: PLC0415

    task = session.Task(
        target=options.target,
        folder=options.out or session.new_folder(options.target),
        sheet=options.sheet,
        expectations=options.expectations,
        direct=options.direct,
        keyword=options.keyword,
        mark=options.mark,
        first=options.first,
        workers=options.workers,
    )
    task.arguments()
    named(options.target)  # bad ones end here, before anything is touched
    session.prepare(task.folder)
    watch = session.Watch(None if options.quiet else sys.stderr)
    _end_in_order()
    report = None
    try:
        session.judge(task, watch)
    finally:
        with suppress(NoRunError):  # it did not get as far as its first verdict
            report = _written(task.folder)
    if report:
        _show(report, task.folder, quiet=options.quiet)
    if watch.interrupted or report is None:
        return _complain("interrupted; what was recorded until then is kept", INTERRUPTED)
    return STATUS[report["conclusion"]]


def _end_in_order() -> None:
    """Have SIGTERM end us as Ctrl-C does, which may come as ignored from a shell that runs us in the background."""
    import signal  # noqa: PLC0415

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


# -- reports


def _written(folder: Path) -> dict[str, Any]:
    """Build report.json and junit.xml."""
    from reports import build, junit  # noqa: PLC0415

    report = build.build(folder)
    build.write(report, folder)
    junit.write(report, folder)
    return report


def _show(report: dict[str, Any], folder: Path, *, quiet: bool) -> None:
    from reports import terminal  # noqa: PLC0415

    (terminal.conclude if quiet else terminal.show)(report, sys.stdout)
    print(f"  evidence: {os.path.relpath(folder)}")


def _report(options: argparse.Namespace) -> int:
    from reports.build import NoRunError  # noqa: PLC0415

    try:
        report = _written(options.folder)
    except NoRunError as error:
        raise BenchError(str(error)) from error
    _show(report, options.folder, quiet=False)
    return STATUS[report["conclusion"]]


# -- requirements


def _list(options: argparse.Namespace) -> int:
    from conformance.registry import Registry  # noqa: PLC0415

    registry = Registry()
    groups = {requirement.group for requirement in registry.all()}
    if options.group and options.group not in groups:
        raise BenchError(f"there is no group {options.group!r}; there are {', '.join(sorted(groups))}")
    chosen = [requirement for requirement in registry.all() if options.group in (None, requirement.group)]
    levels = _levels(chosen, options.profile)
    chosen = [requirement for requirement in chosen if requirement.id in levels]
    if options.json:
        print(json.dumps([requirement.model_dump(mode="json") for requirement in chosen], indent=2, ensure_ascii=False))
        return CONFORMANT
    for requirement in chosen:
        rows = f"  [{' '.join(requirement.guide)}]" if requirement.guide else ""
        rows += f"  ({levels[requirement.id]})" if levels[requirement.id] else ""
        print(f"{requirement.id:9} {requirement.level:10} {requirement.group:15} {requirement.text}{rows}")
    return CONFORMANT


def _levels(requirements: list["Requirement"], profile: str | None) -> dict[str, str]:
    """Requirement id -> `core` or `extended` in a profile; without a profile all of them, at no level."""
    from conformance.features import PROFILES  # noqa: PLC0415

    if profile is None:
        return {requirement.id: "" for requirement in requirements}
    if profile not in PROFILES:
        raise BenchError(f"there is no profile {profile!r}; there are {', '.join(PROFILES)}")
    levels = {r.id: PROFILES[profile].level(r.feature, r.group) for r in requirements}
    return {name: level for name, level in levels.items() if level}


def _explain(options: argparse.Namespace) -> int:
    from conformance.catalogue import scenarios_for  # noqa: PLC0415
    from conformance.features import FEATURES  # noqa: PLC0415
    from conformance.registry import Registry  # noqa: PLC0415

    requirement = _requirement(Registry(), options.requirement)
    feature = requirement.feature
    print(
        f"{requirement.id}  {requirement.level}  ({requirement.group}, {requirement.verdict})\n\n  {requirement.text}\n"
    )
    print(f"sources:   {'; '.join(map(str, requirement.sources))}")
    print(f"guide:     {' '.join(requirement.guide) or 'not in the guide'}")
    print(f"feature:   {f'{feature} ({FEATURES[feature]})' if feature else 'judged on every gateway'}")
    if requirement.exclusion:
        print(f"excluded:  {requirement.exclusion}")
        return CONFORMANT
    said = " ".join((requirement.load_check().__doc__ or "").split())
    print(f"check:     conformance/checks/{requirement.group}.py, {requirement.check}: {said}")
    if requirement.sweep:
        print("           also judged over the whole run at its end")
    print("scenarios:")
    for name, purpose in scenarios_for(requirement.id):
        print(f"  {name}: {purpose}")
    print(f'run it:    gatebench run TARGET -k "{requirement.id}"')
    return CONFORMANT


def _requirement(registry: "Registry", name: str) -> "Requirement":
    import difflib  # noqa: PLC0415

    if name.upper() in registry:
        return registry[name.upper()]
    close = difflib.get_close_matches(name.upper(), registry.by_id, 1)
    hint = f"did you mean {close[0]}?" if close else "`gatebench list` shows them all"
    raise BenchError(f"there is no requirement {name!r}; {hint}")


# -- the two sides alone


def _world(options: argparse.Namespace) -> int:
    import threading  # noqa: PLC0415

    from fixtures import sheet as sheets  # noqa: PLC0415
    from fixtures.recorder import Recorder  # noqa: PLC0415
    from fixtures.secrets import SecretRegistry  # noqa: PLC0415
    from fixtures.world import World  # noqa: PLC0415

    _end_in_order()
    stored = sheets.load(options.sheet) if options.sheet else None
    secrets = SecretRegistry()
    try:
        with World(secrets, stored) as world, Recorder(Path(os.devnull), secrets, run=world.sheet["run"]) as recorder:
            world.serve(recorder)
            if options.save:
                sheets.save(world.sheet, options.save)
            else:
                print(json.dumps(world.sheet, indent=2), flush=True)
            where = f"its setup sheet is {options.save}" if options.save else "its setup sheet is above"
            print(f"gatebench: the world is up; {where}; Ctrl-C ends it", file=sys.stderr, flush=True)
            threading.Event().wait()
    except OSError as error:
        raise BenchError(f"cannot write {error.filename or options.save}: {error.strerror}") from error
    except KeyboardInterrupt:
        pass
    return CONFORMANT


def _gateway(options: argparse.Namespace) -> int:
    from fixtures.reference_gateway.cli import serve  # noqa: PLC0415

    return serve(options.world, options.host, options.port)


if __name__ == "__main__":
    sys.exit(main())
