"""The shape about announcements on several streams of one session: each message is on one of them."""

from gatebench.conformance.checks.shapes.cases import ShapeRow, during, with_control
from gatebench.conformance.checks.shapes.interaction.dialogues import notifications
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

CHANGED = "notifications/tools/list_changed"


def announced_once(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A change is announced on one of the attempts, streams of one session, unless the upstream announced it on several."""
    for case in with_control(context, transcript, row):
        given = [one for one in during(transcript, case, "upstream") if _announces(one)]
        if len(given) > 1:
            context.inapplicable(f"the upstream announced the change on several streams ({case.where})")
            continue
        announced = [one for one in case.attempts if _announces(one)]
        if not announced:
            context.inapplicable(f"no stream has the announcement ({case.where})")
            continue
        context.examined()
        if len(announced) > 1:
            context.violation(
                f"one change was announced on {len(announced)} streams of a session ({case.where})",
                expected="a message is on one stream",
                actual=f"{CHANGED} on each of them",
                at=announced[1],
                control=case.control,
            )


def _announces(exchange: Exchange) -> bool:
    return bool(notifications(exchange.messages, CHANGED))
