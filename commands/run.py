"""`gatebench run`: judge a gateway and show the report."""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from commands import completion, init, progress, status
from commands.report import show, written
from fixtures.errors import BenchError

DEFAULT_TOKEN = "GATEBENCH_TOKEN"  # noqa: S105 - the name of a variable
EXAMPLES = """examples:
  gatebench run                                      the embedded reference gateway
  gatebench run fastmcp -n 2                         a shipped target, on two worlds side by side
  gatebench run acme.toml -k CRED-001                one requirement, on a gateway of your own
  gatebench run acme.toml --sheet world.json         one that runs already, configured from this setup sheet
  gatebench run https://gw.example.com/mcp/docs --token-env GW_TOKEN
                                                     from outside: an address and a token are all that is known
  gatebench run acme.toml -m credentials -x          one group, up to the first finding
  gatebench run acme.toml --lf                       what failed the last time

exit status: 0 conformant for what it claims; 1 findings; 2 bad input, unreachable or nothing judged; 3 a fault of gatebench;
130 interrupted"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
    run = commands.add_parser(
        "run",
        help="judge a gateway",
        description="Judge a gateway: play every scenario that applies to what it claims, and report what held and what did not.",
        epilog=EXAMPLES,
    )
    target = run.add_argument(
        "target",
        nargs="?",
        default="reference",
        metavar="TARGET",
        help="shipped name, descriptor's path, or an address",
    )
    completion.complete(target, completion.Names("targets"))
    run.add_argument(
        "-k", dest="keyword", metavar="EXPR", help="only what matches, e.g. CRED-001 or 'mail and not legacy'"
    )
    run.add_argument("-m", dest="mark", metavar="MARK", help="only these groups, e.g. credentials")
    run.add_argument("-x", dest="first", action="store_true", help="stop at the first finding")
    run.add_argument("--lf", dest="again", action="store_true", help="only what failed in the last run of this target")
    run.add_argument("-n", dest="workers", type=_workers, metavar="N", help="on N worlds side by side")
    run.add_argument("--sheet", type=Path, metavar="FILE", help="the world of this stored setup sheet")
    run.add_argument(
        "--world",
        choices=("embedded", "lean", "containers", "existing"),
        help="who serves the mocks: this process (lean: with the server of load), containers, or whoever --sheet names",
    )
    run.add_argument("--expectations", type=Path, metavar="FILE", help="known failures and skips, with reasons")
    run.add_argument(
        "--token-env",
        metavar="NAME",
        help=f"for an address: the environment variable that holds the token (default: {DEFAULT_TOKEN})",
    )
    run.add_argument("--direct", action="store_true", help="ask the upstream alone first")
    run.add_argument("--out", type=Path, metavar="DIR", help="folder for the evidence (default: a new one)")
    run.add_argument("--junitxml", type=Path, metavar="FILE", help="the JUnit report here as well")
    run.add_argument("--alluredir", type=Path, metavar="DIR", help="results for Allure, with the exchanges as steps")
    run.add_argument("--json", action="store_true", help="print what it comes to as JSON instead of words")
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

    folder = options.out or session.new_folder(options.target)
    task = session.Task(
        target=_known(options, folder),
        folder=folder,
        sheet=options.sheet,
        world=options.world,
        expectations=options.expectations,
        direct=options.direct,
        keyword=options.keyword,
        mark=options.mark,
        first=options.first,
        again=options.again,
        allure=options.alluredir,
        workers=options.workers,
    )
    task.arguments()
    named(task.target)  # bad ones end here, before anything is touched
    session.prepare(task.folder)
    watch = session.Watch(progress.on(sys.stderr, quiet=options.quiet))
    status.end_in_order()
    report = None
    try:
        session.judge(task, watch)
    finally:
        with suppress(NoRunError):  # it did not get as far as its first verdict
            report = written(task.folder)
    if report:
        _tell(report, task.folder, options)
    if watch.interrupted or report is None:
        return status.complain("interrupted; what was recorded until then is kept", status.INTERRUPTED)
    return status.OF_CONCLUSION[report["conclusion"]]


def _known(options: argparse.Namespace, folder: Path) -> str:
    """The target; of a gateway that is known by its address only, a descriptor is written beside the evidence."""
    if not options.target.startswith(("http://", "https://")):
        if options.token_env:
            raise BenchError("--token-env is for a target that is an address; a descriptor has [tokens]")
        return str(options.target)
    facts = dict.fromkeys(("start", "image", "ready", "single", "profiles", "name"))
    variable = options.token_env or DEFAULT_TOKEN
    path = folder.with_name(f"{folder.name}.toml")
    text = init.rendered("outside", path.name, **facts, version="", url=options.target, token_env=variable)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError(
            f"cannot write to {path.parent}: {error.strerror}; choose another folder with --out"
        ) from error
    init.write(text, path)
    return str(path)


def _tell(report: dict[str, Any], folder: Path, options: argparse.Namespace) -> None:
    if options.junitxml:
        try:
            options.junitxml.parent.mkdir(parents=True, exist_ok=True)
            if options.junitxml.resolve() != (folder / "junit.xml").resolve():
                shutil.copyfile(folder / "junit.xml", options.junitxml)
        except OSError as error:
            raise BenchError(f"cannot write {options.junitxml}: {error.strerror}; name another --junitxml") from error
    if not options.json:
        show(report, folder, quiet=options.quiet)
        return
    keys = ("id", "requirement", "outcome", "what", "expected", "actual", "reproduce")
    told = {key: report[key] for key in ("target", "conclusion", "complete", "totals", "judged", "stale")}
    findings = [{key: finding[key] for key in keys} for finding in report["findings"]]
    print(json.dumps({**told, "findings": findings, "evidence": str(folder.resolve())}, ensure_ascii=False, indent=1))
