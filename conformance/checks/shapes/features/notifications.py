"""Shapes about notifications: those that a client is to get reach it, and no others do."""

from collections import Counter
from typing import Any

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, arrivals, in_newest, with_control
from gatebench.conformance.checks.shapes.difference import first_difference
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

LOG_MESSAGE = "notifications/message"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
SESSION = "mcp-session-id"
LEVEL = "io.modelcontextprotocol/logLevel"


def notified(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt, a stream, has the notifications that the scenario `expected`: each [method, URI or null] at least once.

    `if_subscribed`: only if the gateway accepted the subscription. The fact `any_uri`: the URI may be another one, since a
    gateway with URIs of its own may report an update of a sub-resource as one of the resource.
    """
    for case in with_control(context, transcript, row):
        for attempt, expected in zip(case.attempts, case.facts["expected"], strict=True):
            if row.options.get("if_subscribed") and not _subscribed(transcript, case, attempt, expected):
                context.inapplicable(f"the gateway did not accept the subscription ({case.where})")
                continue
            context.examined()
            got = _notifications(attempt)
            methods = {method for method, _ in got} if case.facts.get("any_uri") else set()
            if missing := [_named(one) for one in expected if tuple(one) not in got and one[0] not in methods]:
                context.violation(
                    f"{attempt.tags.get('principal')} did not get {', '.join(missing)} ({case.where})",
                    expected=", ".join(map(_named, expected)),
                    actual=", ".join(map(_named, got)) or f"no notification; {outcome_of(attempt)}",
                    at=attempt,
                    control=case.control,
                )


def subscription_accepted(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The subscription to the resources that the scenario `expected` updates of is accepted (see `_subscribed`)."""
    for case in with_control(context, transcript, row):
        for attempt, expected in zip(case.attempts, case.facts["expected"], strict=True):
            if not expected:
                context.inapplicable(f"the client did not subscribe ({case.where})")
                continue
            context.examined()
            if not _subscribed(transcript, case, attempt, expected):
                asked = [transcript.exchanges[name] for name in case.facts.get("subscribed", [])]
                context.violation(
                    f"the gateway did not accept a subscription to {expected[0][1]} ({case.where})",
                    expected="a result of resources/subscribe, or an acknowledgement that names the resource",
                    actual=outcome_of(asked[0] if asked else attempt),
                    at=attempt,
                    control=case.control,
                )


def _subscribed(transcript: Transcript, case: Case, stream: Exchange, expected: list[Any]) -> bool:
    """Return whether a subscription was accepted.

    In sessions, `resources/subscribe` (the fact `subscribed`) had a result; in 2026-07-28, the acknowledgement on the stream
    names each resource.
    """
    if stream.rpc_method != "subscriptions/listen":
        asked = [transcript.exchanges[name] for name in case.facts.get("subscribed", [])]
        return bool(asked) and all("result" in one.answer for one in asked)
    first = next((one for one in stream.messages if one.get("method") == ACKNOWLEDGED), {})
    granted = mapping(mapping(first.get("params")).get("notifications")).get("resourceSubscriptions")
    return isinstance(granted, list) and all(uri in granted for _, uri in expected)


def notified_only(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt, a stream, has more notifications about resources than the scenario `expected` on it.

    A notification that comes after its stream has ended may be on the next stream of the same caller.
    """
    for case in with_control(context, transcript, row):
        outstanding: dict[Any, Counter[tuple[str, Any]]] = {}  # by caller: what was expected, and has not come
        for attempt, expected in zip(case.attempts, case.facts["expected"], strict=True):
            context.examined()
            caller = attempt.tags.get("principal")
            allowed = outstanding.get(caller, Counter()) + Counter(tuple(one) for one in expected)
            more, outstanding[caller] = _notifications(attempt) - allowed, allowed - _notifications(attempt)
            if surplus := [_named(one) for one in more if one[1] is not None]:
                context.violation(
                    f"{attempt.tags.get('principal')} got {', '.join(surplus)} without having subscribed ({case.where})",
                    expected=", ".join(map(_named, expected)) or "no notification",
                    actual=f"also {', '.join(surplus)}",
                    at=attempt,
                    control=case.control,
                )


def _notifications(exchange: Exchange) -> Counter[tuple[str, Any]]:
    """Count the notifications of a response by method, and by URI if they have one."""
    return Counter(
        (str(message["method"]), mapping(message.get("params")).get("uri"))
        for message in exchange.messages
        if "method" in message and "id" not in message
    )


def _named(notification: Any) -> str:
    method, uri = notification
    return f"{method} {uri}" if uri else str(method)


def log_messages_kept(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The log messages that the upstream sends with its response come with the response to the client, unchanged.

    Only if the gateway asks in 2026-07-28: in older revisions, log messages belong to a session and not to a request.
    """
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            landed = arrivals(transcript, attempt)
            sent = _log_messages(landed[-1]) if landed else []
            if landed and in_newest(landed[-1]) and _level(landed[-1]) != _level(attempt):
                context.examined()
                context.violation(
                    f"the log level of {attempt.describe()} did not reach {landed[-1].node} ({case.where})",
                    expected=f"{LEVEL}: {_level(attempt)}",
                    actual=f"{LEVEL}: {_level(landed[-1])}",
                    at=landed[-1],
                    control=case.control,
                )
                continue
            if landed and not in_newest(landed[-1]):
                context.inapplicable(
                    f"the gateway asks the upstream in a revision with a log level for a session ({case.where})"
                )
                continue
            if not sent:
                context.blocked(f"the upstream sent no log messages ({case.where}; {outcome_of(attempt)})")
                continue
            context.examined()
            if difference := first_difference(sent, _log_messages(attempt), "log messages"):
                context.violation(
                    f"the log messages for {attempt.describe()} did not come as the upstream sent them ({case.where})",
                    expected=difference[0],
                    actual=difference[1],
                    at=attempt,
                    control=case.control,
                )


def level_in_session(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Each attempt, a call, reaches the upstream in a session in which a log level was set before, as the control does.

    The client has set one. A gateway may use other upstream sessions for calls than for levels: then the control shows it.
    """
    for case in with_control(context, transcript, row):
        controls = arrivals(transcript, case.control) if case.control else []
        if not controls or not _level_was_set(transcript, controls[-1]):
            context.inapplicable(f"levels are set in other upstream sessions than those of calls ({case.where})")
            continue
        for attempt in case.attempts:
            landed = arrivals(transcript, attempt)
            if not landed:
                context.blocked(f"the call reached no upstream ({case.where}; {outcome_of(attempt)})")
                continue
            context.examined()
            if not _level_was_set(transcript, landed[-1]):
                context.violation(
                    f"the log level of {attempt.tags.get('principal')} was not set in its session at {landed[-1].node}"
                    f" ({case.where})",
                    expected="logging/setLevel in the upstream session that the calls of the client use",
                    actual="no logging/setLevel in it before the call",
                    at=attempt,
                    control=case.control,
                )


def _level_was_set(transcript: Transcript, arrival: Exchange) -> bool:
    return any(
        one.rpc_method == "logging/setLevel"
        and one.node == arrival.node
        and one.seq < arrival.seq
        and one.header(SESSION) == arrival.header(SESSION)
        for one in transcript.upstream
    )


def _meta(exchange: Exchange) -> dict[str, Any]:
    return mapping(mapping(exchange.rpc.get("params")).get("_meta"))


def _level(exchange: Exchange) -> Any:
    """Return the level that a request asks for (MCP 2026-07-28, logging); None in the older era."""
    return _meta(exchange).get(LEVEL)


def _log_messages(exchange: Exchange) -> list[Any]:
    return [message.get("params") for message in exchange.messages if message.get("method") == LOG_MESSAGE]
