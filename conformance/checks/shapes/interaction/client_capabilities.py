"""Shapes about the capabilities that a client announces: what it is asked for, what its upstreams see of them, and its roots."""

import json

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.shapes.cases import ShapeRow, during, with_control
from gatebench.conformance.checks.shapes.difference import first_difference
from gatebench.conformance.checks.shapes.interaction.dialogues import (
    SERVER_REQUESTS,
    claimed,
    received,
    session_of,
)
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol import messages

CAPABILITIES = {"sampling/createMessage": "sampling", "elicitation/create": "elicitation", "roots/list": "roots"}
ROOTS_CHANGED = "notifications/roots/list_changed"


def not_asked(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """A client is not asked for what it did not announce (the fact `announced`)."""
    for case in with_control(context, transcript, row):
        announced = mapping(case.facts["announced"])
        for attempt in case.attempts:
            if not transcript.landed(attempt.nonce):
                context.inapplicable(f"{attempt.describe()} of the case {case.where} did not reach the upstream")
                continue
            context.examined()
            for message in received(transcript, case, attempt):
                needed = CAPABILITIES.get(str(message.get("method")))
                asked = [
                    mapping(mapping(mapping(message.get("result")).get("inputRequests")).get(key))
                    for key in _keys(message)
                ]
                needs = {needed, *(CAPABILITIES.get(str(one.get("method"))) for one in asked)} - {None}
                if lacking := sorted(str(one) for one in needs if one not in announced):
                    context.violation(
                        f"a client that did not announce {lacking[0]} was asked for it ({case.where})",
                        expected="an error or a result without asking",
                        actual=json.dumps(message, ensure_ascii=False)[:200],
                        at=attempt,
                        control=case.control,
                    )


def _keys(message: dict[str, object]) -> list[str]:
    return list(mapping(mapping(message.get("result")).get("inputRequests")))


def capabilities_kept(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The upstream sees the capabilities that the client announced (the fact `announced`): `invented` none, `lost` none."""
    key = row.options["direction"]
    for case in with_control(context, transcript, row):
        announced = mapping(case.facts["announced"])
        for attempt in case.attempts:
            seen = _seen(transcript, attempt)
            if not claimed(transcript, SERVER_REQUESTS) or seen is None:
                context.inapplicable("the gateway does not claim to relay server requests")
                continue
            context.examined()
            arrival, given = seen
            names = set(CAPABILITIES.values())
            if key == "invented":
                wrong = sorted(name for name in names & given.keys() if name not in announced)
            else:
                wrong = sorted(
                    name for name in names & announced.keys() if first_difference(announced[name], given.get(name))
                )
            if wrong:
                context.violation(
                    f"the upstream {arrival.node} sees other client capabilities: {', '.join(wrong)} ({case.where})",
                    expected=json.dumps({name: announced.get(name, "absent") for name in wrong}),
                    actual=json.dumps({name: given.get(name, "absent") for name in wrong}),
                    at=arrival,
                    control=case.control,
                )


def roots_reported(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The session of the attempt at the upstream gets `notifications/roots/list_changed` during the case.

    A gateway that announces no changes of roots there need not forward them. 2026-07-28 has no such notification, and a session
    that began after the change began with the changed roots.
    """
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            seen = _seen(transcript, attempt)
            announced = mapping(seen[1].get("roots")) if seen else {}
            if not claimed(transcript, SERVER_REQUESTS) or announced.get("listChanged") is not True:
                context.inapplicable("the gateway announces no changes of a client's roots")
                continue
            if seen is None or seen[0].rpc_method != "initialize" or seen[0].seq > case.begin:
                context.inapplicable("there was no session with the server before the change")
                continue
            context.examined()
            arrival = transcript.landed(attempt.nonce)[-1]
            sent = [one for one in during(transcript, case, "upstream") if one.rpc_method == ROOTS_CHANGED]
            if not any((one.node, session_of(one)) == (arrival.node, session_of(arrival)) for one in sent):
                context.violation(
                    f"{arrival.node} got no report of the change of the client's roots ({case.where})",
                    expected=f"{ROOTS_CHANGED} in the session of the client's calls",
                    actual=f"{len(sent)} such notifications in other sessions" if sent else "none",
                    at=arrival,
                    control=case.control,
                )


def _seen(transcript: Transcript, attempt: Exchange) -> tuple[Exchange, dict[str, object]] | None:
    """Return where an upstream saw the capabilities of the client of a call: in the request, or in its session's handshake."""
    for arrival in transcript.landed(attempt.nonce):
        meta = mapping(mapping(arrival.rpc.get("params")).get("_meta"))
        if messages.META_CAPABILITIES in meta:
            return arrival, mapping(meta[messages.META_CAPABILITIES])
        session = session_of(arrival)
        for begun in transcript.upstream:
            opens = begun.rpc_method == "initialize" and begun.node == arrival.node
            if opens and session and session in begun.response_header("mcp-session-id"):
                return begun, mapping(mapping(begun.rpc.get("params")).get("capabilities"))
    return None
