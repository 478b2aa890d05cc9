"""Checks of dialect.toml: failures look as the descriptor says, so that those who read it can tell them apart."""

from collections.abc import Callable, Sequence

from conformance.checks.probes import accepted, outcome_of, probes
from conformance.transcript import Transcript
from conformance.verdict import Judge
from fixtures.dialects import Reply, is_unknown_tool, is_unreachable
from fixtures.gateways.descriptor import Dialect

UNKNOWN_TOOL, UNREACHABLE = "unknown tool", "unreachable"


def unknown_tools_look_as_declared(judge: Judge, transcript: Transcript) -> None:
    """DIA-001."""
    _as_declared(judge, transcript, UNKNOWN_TOOL, transcript.facts.spoken.unknown_tool, is_unknown_tool)


def dead_upstreams_look_as_declared(judge: Judge, transcript: Transcript) -> None:
    """DIA-002."""
    _as_declared(judge, transcript, UNREACHABLE, transcript.facts.spoken.unreachable, is_unreachable)


def _as_declared(
    judge: Judge,
    transcript: Transcript,
    expect: str,
    forms: Sequence[str],
    recognised: Callable[[Dialect, Reply], bool],
) -> None:
    for probe in probes(transcript, expect):
        if not accepted(judge, transcript, probe):
            continue
        judge.saw()
        if not recognised(transcript.facts.spoken, probe.attempt.reply):
            judge.violated(
                f"{probe.attempt.describe()} at {probe.server} with {probe.attribute} was not answered as declared",
                expected=" or ".join(forms),
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )
