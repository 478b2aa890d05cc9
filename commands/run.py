"""`gatebench run`: judge a gateway and show the report."""

import argparse
import sys
from pathlib import Path

from commands import status
from commands.report import show, written


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
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
    run.add_argument("--sheet", type=Path, metavar="FILE", help="the world of this stored setup sheet")
    run.add_argument(
        "--world",
        choices=("embedded", "containers", "existing"),
        help="who serves the mocks: this process (default), containers, or whoever --sheet speaks of",
    )
    run.add_argument("--expectations", type=Path, metavar="FILE", help="known failures and skips, with reasons")
    run.add_argument("--direct", action="store_true", help="ask the upstream alone first")
    run.add_argument("--out", type=Path, metavar="DIR", help="folder for the evidence (default: a new one)")
    run.add_argument("--quiet", action="store_true", help="no progress, and only the conclusion")
    run.set_defaults(command=_run)


def _workers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of workers from 1 to 64")
    return int(text)


def _run(options: argparse.Namespace) -> int:
    from contextlib import suppress  # noqa: PLC0415

    from conformance import session  # noqa: PLC0415
    from fixtures.gateways.target import named  # noqa: PLC0415
    from reports.build import NoRunError  # noqa: PLC0415

    task = session.Task(
        target=options.target,
        folder=options.out or session.new_folder(options.target),
        sheet=options.sheet,
        world=options.world,
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
    status.end_in_order()
    report = None
    try:
        session.judge(task, watch)
    finally:
        with suppress(NoRunError):  # it did not get as far as its first verdict
            report = written(task.folder)
    if report:
        show(report, task.folder, quiet=options.quiet)
    if watch.interrupted or report is None:
        return status.complain("interrupted; what was recorded until then is kept", status.INTERRUPTED)
    return status.OF_CONCLUSION[report["conclusion"]]
