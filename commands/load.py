"""`gatebench load`: what a gateway costs, measured."""

import argparse
from pathlib import Path
from typing import Any

from commands import load_gate, load_report, status
from commands.load_report import Progress, positive, seed


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
    run.add_argument("--seconds", type=positive, metavar="S", help="how long, instead of the profile's own time")
    run.add_argument(
        "--rate", type=positive, metavar="R", help="arrivals per second, instead of the profile's own rate"
    )
    run.add_argument(
        "--workers", type=_workers, default=1, metavar="N", help="processes that make the load (default: 1)"
    )
    run.add_argument("--seed", type=seed, default=1, metavar="N", help="of the arrivals (default: 1)")
    run.add_argument("--budgets", type=Path, metavar="FILE", help="limits of your own, instead of the shipped ones")
    run.add_argument("--sheet", type=Path, metavar="FILE", help="the setup sheet that a running target knows")
    run.add_argument("--out", type=Path, metavar="DIR", help="folder for the results (default: a new one)")
    run.add_argument("-q", dest="quiet", action="store_true", help="the conclusion only")
    run.set_defaults(command=_run)
    load_gate.add(actions)
    load_report.add(actions)
    for action in actions.choices.values():
        action.formatter_class = argparse.RawDescriptionHelpFormatter  # examples stay as they are written


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
    from fixtures import sheet as sheets  # noqa: PLC0415
    from fixtures.gateways.target import named  # noqa: PLC0415
    from load import assemble, budgets, profiles, run  # noqa: PLC0415
    from load.measured import Task  # noqa: PLC0415
    from load.workload import Terms  # noqa: PLC0415

    profile = profiles.named(options.profile, options.profiles or profiles.SHIPPED)
    limits = budgets.load(options.budgets or budgets.SHIPPED)
    stored = sheets.load(options.sheet) if options.sheet else None
    target = named(options.target)
    claims = claims_of(target.descriptor, target.path)
    folder = load_report.new_folder(
        options.out, options.target, profile.name
    )  # bad input ends before anything is started
    terms = Terms.of(profile, options.seconds, options.rate, options.workers, options.seed)
    task = Task(options.target, profile, terms, claims.features | claims.world, stored)
    status.end_in_order()
    progress = Progress(quiet=options.quiet)
    try:
        measured = run.measure(task, lambda what, facts: progress(_how_far(what, facts)))
    finally:
        progress.end()
    report = assemble.report(measured, limits)
    return load_report.finish(report, folder, quiet=options.quiet)


def _how_far(what: str, facts: dict[str, Any]) -> str:
    """What is being played, and how far it is; `facts` are the generator's."""
    done, seconds = max(float(facts.get("t", 0)), 0.0), float(facts.get("seconds", 0))
    return f"{what}: {done:.0f} of {seconds:.0f} s, {facts.get('done', 0)} answers"
