"""Checks of dialect.toml: failures have the form that the descriptor declares, so that clients can distinguish them.

For a case that the descriptor does not declare, the check infers the form and notes it as the line to add.
"""

from typing import get_args

from gatebench.conformance.checks.probes import Probe, accepted, outcome_of, probes
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.gateways.descriptor import UnknownToolForm, UnreachableForm
from gatebench.fixtures.gateways.dialects import form_of

UNKNOWN_TOOL, UNREACHABLE = "unknown tool", "unreachable"


def unknown_tools_look_as_declared(context: CheckContext, transcript: Transcript) -> None:
    """DIA-001."""
    _in_one_form(context, transcript, UNKNOWN_TOOL, "unknown_tool", get_args(UnknownToolForm))


def dead_upstreams_look_as_declared(context: CheckContext, transcript: Transcript) -> None:
    """DIA-002."""
    _in_one_form(context, transcript, UNREACHABLE, "unreachable", get_args(UnreachableForm))


def _in_one_form(
    context: CheckContext, transcript: Transcript, expect: str, key: str, there_are: tuple[str, ...]
) -> None:
    """Check that each such probe has a declared form (undeclared: any known form), and each case only one form."""
    facts = transcript.facts
    declared = key in facts.declared
    forms = tuple(facts.dialect(key)) if declared else there_are
    seen: dict[tuple[str, str], str | int] = {}
    for probe in probes(transcript, expect):
        if not accepted(context, transcript, probe):
            continue
        context.examined()
        form = form_of(forms, facts.spoken, probe.attempt.reply)
        if form is None:
            how = "as declared" if declared else "in any form that a descriptor can declare"
            _violated(context, probe, f"was not answered {how}", " or ".join(forms))
            continue
        before = seen.setdefault((probe.server, probe.attribute), form)
        if form != before:
            _violated(context, probe, f"was answered in another form than a moment before ({form})", f"{before}, again")
    if not declared and seen:
        found = ", ".join(f'"{form}"' for form in dict.fromkeys(seen.values()))
        context.note(f"{INFERRED}{key} = [{found}]")


INFERRED = "not declared; add to [dialect]: "


def _violated(context: CheckContext, probe: Probe, what: str, expected: str) -> None:
    context.violation(
        f"{probe.attempt.describe()} at {probe.server} with {probe.attribute} {what}",
        expected=expected,
        actual=outcome_of(probe.attempt),
        at=probe.attempt,
        control=probe.control,
    )
