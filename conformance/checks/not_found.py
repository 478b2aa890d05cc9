"""Checks of not_found.toml: servers at wrong addresses, and tools.

The scenarios leave probes: `wrong address`, `no such tool` and `new tool`.
"""

from conformance.checks.answers import (
    compare,
    executions,
    listings,
    mapping,
    nonce_of,
    observations,
    own_answers,
    own_success,
    pages_of,
    result,
    with_control,
    works,
)
from conformance.checks.probes import outcome_of
from conformance.transcript import Transcript
from conformance.verdict import Judge

WRONG_ADDRESS, NO_SUCH_TOOL, NEW_TOOL = "wrong address", "no such tool", "new tool"
UNKNOWN_NAMES = {"an unknown name", "a name with something behind it", "a name with something before it"}


def wrong_addresses_lead_nowhere(judge: Judge, transcript: Transcript) -> None:
    """TRB-015: a probe's server is the one that its address would name if it were tidied up; it may name none."""
    for probe in with_control(judge, transcript, WRONG_ADDRESS):
        attempt = probe.attempt
        access = transcript.facts.world["access"].get(probe.principal, [])
        allowed = transcript.facts.members(probe.server) if probe.server in access else []
        strayed = [arrival for arrival in transcript.landed(attempt.nonce) if arrival.node not in allowed]
        judge.saw()
        if strayed or (not allowed and own_success(attempt)):
            judge.violated(
                f"{attempt.describe()} at a wrong address ({probe.attribute}) was served",
                expected=f"nothing, or {' or '.join(allowed)}" if allowed else "nothing",
                actual=outcome_of(attempt) + (f"; it reached {strayed[0].node}" if strayed else ""),
                at=strayed[0] if strayed else attempt,
                control=probe.control,
            )


def unknown_servers_are_called_so(judge: Judge, transcript: Transcript) -> None:
    """TRB-016: judged for those who may know."""
    statuses = transcript.facts.dialect("unknown_server")
    for probe in with_control(judge, transcript, WRONG_ADDRESS):
        known = probe.principal in transcript.facts.world["principals"]
        if probe.attribute not in UNKNOWN_NAMES or not known:
            continue
        judge.saw()
        if probe.attempt.status not in statuses:
            judge.violated(
                f"{probe.attempt.describe()} at a server that does not exist ({probe.attribute}) was not told so",
                expected="status " + " or ".join(str(status) for status in statuses),
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def unknown_tools_are_errors(judge: Judge, transcript: Transcript) -> None:
    """TRB-017."""
    executed = {nonce_of(event): event for event in executions(transcript)}
    for probe in with_control(judge, transcript, NO_SUCH_TOOL):
        attempt, event = probe.attempt, executed.get(probe.attempt.nonce)
        judge.saw()
        told = attempt.status is not None and (attempt.status >= 400 or own_answers(attempt))
        if event or not told or own_success(attempt):
            judge.violated(
                f"a call of {attempt.tool} at {probe.server} was not refused ({probe.attribute})",
                expected="an error, and nothing executed",
                actual=f"{event['tool']} of {event['node']} was executed" if event else outcome_of(attempt),
                at=attempt,
                control=probe.control,
            )


def lists_show_what_exists(judge: Judge, transcript: Transcript) -> None:
    """TRB-018."""
    for note in (*listings(transcript, "at rest"), *listings(transcript, "changed")):
        failed = next((page for page in pages_of(transcript, note) if not own_success(page)), None)
        judge.saw()
        if failed:
            judge.violated(
                f"{note['server']} does not list its tools ({note['when']})",
                expected="a list",
                actual=outcome_of(failed),
                at=failed,
            )
        else:
            compare(judge, transcript, note)
    works(judge, transcript, NEW_TOOL, "has a new tool, and a call of it fails")


def changes_are_announced(judge: Judge, transcript: Transcript) -> None:
    """TRB-019: judged on streams that the gateway opened, where its capabilities promise it."""
    for note in observations(transcript, "listening"):
        stream = transcript.exchanges[note["stream"]]
        capabilities = result(transcript.exchanges[note["connected"]]).get("capabilities")
        promised = mapping(mapping(capabilities).get("tools")).get("listChanged") is True
        if not promised or stream.status != 200:
            continue
        judge.saw()
        if not any(message.get("method") == "notifications/tools/list_changed" for message in stream.messages):
            judge.violated(
                f"the tools behind {note['server']} changed, and those who listen were not told",
                expected="notifications/tools/list_changed on the open stream, as tools.listChanged promises",
                actual=f"none within {note['seconds']:g} s",
                at=stream,
            )
