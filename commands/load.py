"""`gatebench load`: what a gateway costs, measured."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands import status

if TYPE_CHECKING:
    from load.model import LoadReport
    from load.run import Measured

OF_CONCLUSION = {
    "ok": status.CONFORMANT,
    "wrong-answers": status.FINDINGS,
    "budget-broken": status.BUDGET_BROKEN,
    "void": status.BAD_INPUT,  # nothing was judged
}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
    load = commands.add_parser("load", help="measure what a gateway costs")
    actions = load.add_subparsers(metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="the profiles: named workloads")
    listed.add_argument(
        "--profiles", type=Path, metavar="FILE", help="profiles of your own, instead of the shipped ones"
    )
    listed.set_defaults(command=_list)
    run = actions.add_parser("run", help="load a gateway as a profile says, and hold it to budgets")
    run.add_argument("target", nargs="?", default="reference", help="reference, another shipped name, or a descriptor")
    run.add_argument("--profile", default="steady", metavar="NAME", help="see `gatebench load list` (default: steady)")
    run.add_argument("--profiles", type=Path, metavar="FILE", help="profiles of your own, instead of the shipped ones")
    run.add_argument("--seconds", type=_positive, metavar="S", help="how long, instead of the profile's own time")
    run.add_argument(
        "--rate", type=_positive, metavar="R", help="arrivals per second, instead of the profile's own rate"
    )
    run.add_argument(
        "--workers", type=_workers, default=1, metavar="N", help="processes that make the load (default: 1)"
    )
    run.add_argument("--seed", type=int, default=1, metavar="N", help="of the arrivals (default: 1)")
    run.add_argument("--budgets", type=Path, metavar="FILE", help="limits of your own, instead of the shipped ones")
    run.add_argument("--out", type=Path, metavar="DIR", help="folder for the results (default: a new one)")
    run.add_argument("-q", dest="quiet", action="store_true", help="the conclusion only")
    run.set_defaults(command=_run)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above zero")
    return number


def _workers(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 64")
    return int(text)


def _list(options: argparse.Namespace) -> int:
    from load import profiles  # noqa: PLC0415

    for profile in profiles.load(options.profiles or profiles.SHIPPED).values():
        pace = f"{profile.rate:g}/s for {profile.seconds:g} s" if not profile.search else f"from {profile.rate:g}/s up"
        print(f"{profile.name}  ({pace})\n    {profile.purpose}\n    finds: {profile.finds}")
    return status.CONFORMANT


def _run(options: argparse.Namespace) -> int:
    from conformance.features import claims_of  # noqa: PLC0415
    from fixtures.gateways.target import named  # noqa: PLC0415
    from load import assemble, budgets, profiles, run  # noqa: PLC0415
    from load.workload import Terms  # noqa: PLC0415

    profile = profiles.named(options.profile, options.profiles or profiles.SHIPPED)
    limits = budgets.load(options.budgets or budgets.SHIPPED)
    target = named(options.target)
    claims = claims_of(target.descriptor, target.path)
    folder = options.out or _new_folder(options.target, profile.name)
    run.save_folder(folder)  # bad input ends here, before anything is started
    terms = Terms.of(profile, options.seconds, options.rate, options.workers, options.seed)
    task = run.Task(options.target, profile, terms, claims.features | claims.world)
    status.end_in_order()
    progress = _Progress(None if options.quiet else sys.stderr)
    redact: list[Any] = []

    def know(bench: Any) -> None:
        bench.learn_minted()
        redact.append(bench.secrets.redact)

    try:
        measured = run.measure(task, progress.tell, know)
    finally:
        progress.clear()
    report = assemble.report(measured, limits, redact[0] if redact else str)
    _save(report, folder, quiet=options.quiet)
    return _status(measured, report)


def _status(measured: "Measured", report: "LoadReport") -> int:
    if measured.interrupted:
        return status.complain("interrupted; what was measured until then is kept", status.INTERRUPTED)
    if report.conclusion == "incomplete":
        return status.FINDINGS if measured.gateway_gone else status.OUR_FAULT
    return OF_CONCLUSION[report.conclusion]


def _save(report: "LoadReport", folder: Path, *, quiet: bool) -> None:
    from load.model import write  # noqa: PLC0415
    from reports import load_html, load_junit, load_read, load_terminal  # noqa: PLC0415

    write(report, folder)
    told = load_read.read(folder)
    load_junit.write(told, folder)
    page = load_html.write(told, folder)
    if quiet:
        load_terminal.conclude(told, sys.stdout)
    else:
        load_terminal.show(told, sys.stdout)
        print(f"evidence: {folder} ({page.name})")


def _new_folder(target: str, profile: str) -> Path:
    import datetime as dt  # noqa: PLC0415
    import uuid  # noqa: PLC0415

    name = Path(target).stem.replace(":", "-")
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%d-%H%M%S")
    return Path("gatebench-out") / f"load-{name}-{profile}-{stamp}-{uuid.uuid4().hex[:4]}"


class _Progress:
    """One line on a terminal that is written over; silence in a pipe."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream if stream is not None and stream.isatty() else None

    def tell(self, what: str, facts: dict[str, Any]) -> None:
        """What is being played, and how far it is."""
        if self._stream is not None:
            done, seconds = max(float(facts.get("t", 0)), 0.0), float(facts.get("seconds", 0))
            text = f"{what}: {done:.0f} of {seconds:.0f} s, {facts.get('done', 0)} answers"
            self._stream.write(f"\r{text[:100]}\x1b[K")
            self._stream.flush()

    def clear(self) -> None:
        """Take it away."""
        if self._stream is not None:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
