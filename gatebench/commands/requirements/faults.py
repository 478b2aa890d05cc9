"""`gatebench faults`: the named faults of the reference gateway, which test the bench."""

import click

from gatebench import exit_codes
from gatebench.commands.command import command
from gatebench.commands.layout import hanging, widest
from gatebench.commands.suggestions import hint
from gatebench.conformance.text import json_text
from gatebench.fixtures.errors import BenchError
from gatebench.fixtures.reference_gateway.faults import Fault, UnknownFaultError, all_faults, by_name


@command()
@click.argument("name", required=False)
@click.option("--group", help="only this group")
@click.option("--json", "as_json", is_flag=True, help="print all fields as JSON")
def faults(name: str | None, group: str | None, *, as_json: bool, quiet: bool) -> int:
    """List the faults of the reference gateway that test the bench, or describe the fault NAME.

    Each is a target, faulty:NAME.
    """
    try:
        chosen = [by_name(name)] if name else list(all_faults().values())
    except UnknownFaultError as error:
        raise BenchError(str(error)) from None
    groups = {fault.group for fault in all_faults().values()}
    if group and group not in groups:
        raise BenchError(f"unknown group {group!r}; {hint(group, sorted(groups))}")
    chosen = [fault for fault in chosen if group in (None, fault.group)]
    if as_json:
        print(json_text([fault.to_json() for fault in chosen], indent=2))
    elif quiet:
        print("\n".join(fault.name for fault in chosen))
    elif name:
        print("\n".join(_explained(fault) for fault in chosen))
    else:
        of_name, of_group = widest(fault.name for fault in chosen), widest(fault.group for fault in chosen)
        for fault in chosen:
            print(f"{fault.name:{of_name}} {fault.group:{of_group}} {fault.text}  [{' '.join(fault.caught_by)}]")
    return exit_codes.CONFORMANT


def _explained(fault: Fault) -> str:
    lines = [
        f"{fault.name}  ({fault.group})\n\n{hanging('  ', fault.text)}\n",
        hanging("stands for: ", fault.stands_for),
        f"replaces:   {fault.decision}, in fixtures/reference_gateway",
        hanging("caught by:  ", ", ".join(fault.caught_by)),
        f"run it:     gatebench run faulty:{fault.name} -k '{' or '.join(fault.caught_by)}'",
    ]
    if fault.collateral:
        lines.insert(-1, hanging("also fails: ", fault.collateral))
    return "\n".join(lines)
