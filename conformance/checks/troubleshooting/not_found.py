"""Checks of not_found.toml: wrong addresses of servers, and unknown tools.

The scenarios record probes: `wrong address`, `no such tool` and `new tool`.
"""

from gatebench.conformance.checks.answers import (
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
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

WRONG_ADDRESS, NO_SUCH_TOOL, NEW_TOOL = "wrong address", "no such tool", "new tool"
NO_NAME = "no name"
UNKNOWN_NAMES = {"an unknown name", "a name with something behind it", "a name with something before it"}


def wrong_addresses_lead_nowhere(context: CheckContext, transcript: Transcript) -> None:
    """TRB-015: a probe's server is the one that its address names after normalisation, if any."""
    for probe in with_control(context, transcript, WRONG_ADDRESS):
        attempt = probe.attempt
        access = transcript.facts.world["access"].get(probe.principal, [])
        allowed = transcript.facts.members(probe.server) if probe.server in access else []
        strayed = [arrival for arrival in transcript.landed(attempt.nonce) if arrival.node not in allowed]
        context.examined()
        # Without a name, and with slashes merged, the address may be that of an endpoint of the gateway itself.
        own = probe.attribute == NO_NAME and not attempt.tool
        if strayed or (not allowed and own_success(attempt) and not own):
            context.violation(
                f"{attempt.describe()} at a wrong address ({probe.attribute}) was served",
                expected=f"nothing, or {' or '.join(allowed)}" if allowed else "nothing",
                actual=outcome_of(attempt) + (f"; it reached {strayed[0].node}" if strayed else ""),
                at=strayed[0] if strayed else attempt,
                control=probe.control,
            )


def unknown_servers_are_called_so(context: CheckContext, transcript: Transcript) -> None:
    """TRB-016: checked for callers who may know which servers exist."""
    statuses = transcript.facts.dialect("unknown_server")
    for probe in with_control(context, transcript, WRONG_ADDRESS):
        known = probe.principal in transcript.facts.world["principals"]
        if probe.attribute not in UNKNOWN_NAMES or not known:
            continue
        context.examined()
        if probe.attempt.status not in statuses:
            context.violation(
                f"{probe.attempt.describe()} at a server that does not exist ({probe.attribute}) got another status",
                expected="status " + " or ".join(str(status) for status in statuses),
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def unknown_tools_are_errors(context: CheckContext, transcript: Transcript) -> None:
    """TRB-017."""
    executed = {nonce_of(event): event for event in executions(transcript)}
    for probe in with_control(context, transcript, NO_SUCH_TOOL):
        attempt, event = probe.attempt, executed.get(probe.attempt.nonce)
        context.examined()
        is_refused = attempt.status is not None and (attempt.status >= 400 or own_answers(attempt))
        if event or not is_refused or own_success(attempt):
            context.violation(
                f"a call of {attempt.tool} at {probe.server} was not refused ({probe.attribute})",
                expected="an error, and nothing executed",
                actual=f"{event['tool']} of {event['node']} was executed" if event else outcome_of(attempt),
                at=attempt,
                control=probe.control,
            )


def lists_show_what_exists(context: CheckContext, transcript: Transcript) -> None:
    """TRB-018."""
    for note in (*listings(transcript, "at rest"), *listings(transcript, "changed")):
        failed = next((page for page in pages_of(transcript, note) if not own_success(page)), None)
        context.examined()
        if failed:
            context.violation(
                f"{note['server']} does not list its tools ({note['when']})",
                expected="a list",
                actual=outcome_of(failed),
                at=failed,
            )
        else:
            compare(context, transcript, note)
    works(context, transcript, NEW_TOOL, "has a new tool, and a call of it fails")


def changes_are_announced(context: CheckContext, transcript: Transcript) -> None:
    """TRB-019: checked on streams that the gateway opened, if its capabilities promise the notification."""
    for note in observations(transcript, "listening"):
        stream = transcript.exchanges[note["stream"]]
        capabilities = result(transcript.exchanges[note["connected"]]).get("capabilities")
        promised = mapping(mapping(capabilities).get("tools")).get("listChanged") is True
        if not promised or stream.status != 200:
            continue
        context.examined()
        if not any(message.get("method") == "notifications/tools/list_changed" for message in stream.messages):
            context.violation(
                f"the tools behind {note['server']} changed, and its subscribers were not notified",
                expected="notifications/tools/list_changed on the open stream, as tools.listChanged promises",
                actual=f"none within {note['seconds']:g} s",
                at=stream,
            )
