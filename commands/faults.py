"""`gatebench faults`: the named faults of the reference gateway, which put the bench on trial."""

import argparse
import json
from typing import TYPE_CHECKING

from commands import status
from fixtures.errors import BenchError

if TYPE_CHECKING:
    from fixtures.reference_gateway.faults import Fault


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Put the command line's part of this module among the commands."""
    parser = commands.add_parser(
        "faults", help="the faults that the bench is tried with; each is a target, faulty:NAME"
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="everything about one of them")
    parser.add_argument("--group", help="only one group")
    parser.add_argument("--json", action="store_true", help="everything about them, as JSON")
    parser.set_defaults(command=_faults)


def _faults(options: argparse.Namespace) -> int:
    from fixtures.reference_gateway.faults import UnknownFaultError, all_faults, named  # noqa: PLC0415

    try:
        chosen = [named(options.name)] if options.name else list(all_faults().values())
    except UnknownFaultError as error:
        raise BenchError(str(error)) from None
    groups = {fault.group for fault in all_faults().values()}
    if options.group and options.group not in groups:
        raise BenchError(f"there is no group {options.group!r}; there are {', '.join(sorted(groups))}")
    chosen = [fault for fault in chosen if options.group in (None, fault.group)]
    if options.json:
        print(json.dumps([fault.to_json() for fault in chosen], indent=2, ensure_ascii=False))
    elif options.name:
        print("\n".join(_explained(fault) for fault in chosen))
    else:
        for fault in chosen:
            print(f"{fault.name:34} {fault.group:15} {fault.text}  [{' '.join(fault.caught_by)}]")
    return status.CONFORMANT


def _explained(fault: "Fault") -> str:
    lines = [
        f"{fault.name}  ({fault.group})\n\n  {fault.text}\n",
        f"stands for: {fault.stands_for}",
        f"replaces:   {fault.decision}, in fixtures/reference_gateway",
        f"caught by:  {', '.join(fault.caught_by)}",
        f"run it:     gatebench run faulty:{fault.name} -k '{' or '.join(fault.caught_by)}'",
    ]
    if fault.collateral:
        lines.insert(-1, f"trips more: {fault.collateral}")
    return "\n".join(lines)
