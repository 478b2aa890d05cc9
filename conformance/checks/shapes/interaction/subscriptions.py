"""Shapes about subscriptions/listen (MCP 2026-07-28): the acknowledgement, and what the stream delivers."""

from typing import Any

from gatebench.conformance.checks.answers import mapping, same_id
from gatebench.conformance.checks.shapes.cases import ShapeRow, with_control
from gatebench.conformance.checks.shapes.interaction.dialogues import (
    is_stream,
    notifications,
    violation,
)
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
KINDS = {
    "notifications/tools/list_changed": "toolsListChanged",
    "notifications/prompts/list_changed": "promptsListChanged",
    "notifications/resources/list_changed": "resourcesListChanged",
    "notifications/resources/updated": "resourceSubscriptions",
}
"""What a client asks for with subscriptions/listen, by the notification that it gets."""
NEEDS = {"promptsListChanged": "prompts", "resourcesListChanged": "resources", "resourceSubscriptions": "resources"}
"""The feature that a server needs for each kind of notification."""


def subscribed(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A stream of subscriptions/listen begins with the acknowledgement, and all on it carry the id of the subscription."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            if not is_stream(attempt):
                context.inapplicable("the gateway has no subscriptions/listen")
                continue
            found = [message for message in attempt.messages if "method" in message]
            if not found and (attempt.how != "complete" or "error" in attempt.answer):
                context.inapplicable("the gateway refused the subscription, or sent nothing while the client listened")
                continue
            context.examined()
            first = found[0].get("method") if found else None
            tags = [mapping(mapping(one.get("params")).get("_meta")).get(SUBSCRIPTION) for one in found]
            if first != ACKNOWLEDGED:
                violation(
                    context, case, attempt, "the subscription was not acknowledged first", ACKNOWLEDGED, repr(first)
                )
            elif wrong := [tag for tag in tags if not same_id({"id": tag}, attempt)]:
                expected = f"the subscription id {attempt.rpc.get('id')!r}"
                violation(
                    context, case, attempt, "a notification belongs to another subscription", expected, repr(wrong[0])
                )


def acknowledged(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The acknowledgement names each kind of notification and each resource of its stream, and nothing that was not asked for.

    An update may be about a sub-resource of the one that was subscribed to (MCP 2025-11-25 schema, resources/updated).
    """
    for case in with_control(context, transcript, row):
        for attempt in (one for one in case.attempts if one.rpc_method == "subscriptions/listen"):
            found = notifications(attempt.messages, ACKNOWLEDGED)
            if not is_stream(attempt) or not found:
                context.inapplicable("the gateway acknowledges no subscription")
                continue
            context.examined()
            granted = mapping(found[0].get("notifications"))
            named = {name for name, value in granted.items() if value}
            asked = mapping(mapping(attempt.rpc.get("params")).get("notifications"))
            delivered = {kind for method, kind in KINDS.items() if notifications(attempt.messages, method)}
            if wrong := sorted(delivered - named):
                expected = f"an acknowledgement of {', '.join(wrong)}"
                violation(
                    context, case, attempt, "a subscription delivers what was not acknowledged", expected, str(named)
                )
            elif unnamed := [
                uri for uri in _updated(attempt) if not _covered(uri, granted.get("resourceSubscriptions"))
            ]:
                what = "a subscription delivers updates of a resource that was not acknowledged"
                violation(context, case, attempt, what, unnamed[0], str(granted.get("resourceSubscriptions")))
            elif wrong := sorted(name for name in named if name in KINDS.values() and not asked.get(name)):
                expected = f"at most {', '.join(asked)}"
                violation(context, case, attempt, "what was not asked for is acknowledged", expected, ", ".join(wrong))


def absent_features_omitted(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The acknowledgement names no kind of notification of a feature that the gateway did not announce (`connected`)."""
    for case in with_control(context, transcript, row):
        known = transcript.exchanges[case.facts["connected"]].result.get("capabilities")
        for attempt in case.attempts:
            found = notifications(attempt.messages, ACKNOWLEDGED)
            if not found or not isinstance(known, dict):
                context.inapplicable("the gateway acknowledges no subscription, or announces no capabilities")
                continue
            context.examined()
            granted = mapping(found[0].get("notifications"))
            if wrong := sorted(name for name, feature in NEEDS.items() if granted.get(name) and feature not in known):
                expected = f"an acknowledgement without {', '.join(wrong)}"
                violation(
                    context, case, attempt, "changes of an absent feature are acknowledged", expected, str(granted)
                )


def _updated(stream: Exchange) -> list[str]:
    return [str(one.get("uri")) for one in notifications(stream.messages, "notifications/resources/updated")]


def _covered(uri: str, granted: Any) -> bool:
    return isinstance(granted, list) and any(isinstance(one, str) and uri.startswith(one) for one in granted)


def only_asked_for(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No notification of the methods `unwanted` arrives on a stream of subscriptions/listen."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            if not is_stream(attempt):
                context.inapplicable("the gateway has no subscriptions/listen")
                continue
            context.examined()
            if got := [one for one in case.facts["unwanted"] if notifications(attempt.messages, one)]:
                expected = "only the kinds that the client asked for"
                violation(context, case, attempt, "a subscription got what it had not asked for", expected, got[0])
