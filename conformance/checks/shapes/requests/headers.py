"""The shape about headers: which ones an upstream receives with a request, as the scenario expects them."""

import base64
import binascii
import re
from collections.abc import Mapping

from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, arrivals, in_newest, with_control
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol import messages

MIRROR = "Mcp-Name"
BEFORE_A_CALL = ("initialize", "server/discover", "tools/list")
REFUSED = (401, 403)
SENTINEL = re.compile(r"=\?base64\?(.*)\?=")


def headers_sent(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt reaches the upstream with its `headers`: each of them once and unchanged, and none whose value is null.

    The scenario records the expected headers in the order of the attempts. Where it expects none, an attempt that does not
    arrive proves nothing. A gateway that opens a session for each set of headers arrives with its handshake, if that is refused.
    Of a virtual server only arrivals at the case's `member` count, if it names one.
    """
    for case in with_control(context, transcript, row):
        for attempt, expected in zip(case.attempts, case.facts["headers"], strict=True):
            landed = transcript.landed(attempt.nonce)
            if any(expected.values()):
                landed = landed or _refused_for_it(transcript, attempt, expected)
            landed = [one for one in landed if one.node == case.facts.get("member", one.node)]
            if not landed and not any(expected.values()):
                context.blocked(f"{attempt.describe()} with {case.where} did not arrive: {outcome_of(attempt)}")
                continue
            context.examined()
            if not landed:
                context.violation(
                    f"{attempt.describe()} with {case.where} did not arrive",
                    expected="the upstream receives the request",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )
            for arrival in landed:
                for name, value in expected.items():
                    if not _as_expected(arrival, name, value):
                        context.violation(
                            f"{attempt.describe()} with {case.where} reached {arrival.node} with another {name}",
                            expected=f"{name}: {value}, once" if value is not None else f"no header {name}",
                            actual=f"{name}: {', '.join(arrival.header(name)) or 'nothing'}",
                            at=arrival,
                            control=case.control,
                        )


def _refused_for_it(transcript: Transcript, attempt: Exchange, expected: Mapping[str, str | None]) -> list[Exchange]:
    """Return the handshakes and lists with the expected headers that an upstream refused while the attempt was under way."""
    end = attempt.ended or float("inf")
    meanwhile = (one for one in transcript.upstream if attempt.seq < one.seq < end)
    refused = [one for one in meanwhile if one.rpc_method in BEFORE_A_CALL and one.status in REFUSED]
    return [one for one in refused if all(_as_expected(one, *header) for header in expected.items())]


def headers_of_each_kind(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Of the requests that an attempt causes at the upstream of its server, one has its `headers`, each once and unchanged.

    They are those of its method while it is under way. A gateway may cause none, and may make others for an older session.
    `of_the_session`: those without the attempt's nonce count only in the upstream session of the control. `each`: once the
    upstream has refused one that has the headers, each further one has them too; a request that is not refused proves nothing.
    """
    for case in with_control(context, transcript, row):
        begun = transcript.landed(case.control.nonce) if case.control else []
        sessions = {session for one in begun for session in one.header("mcp-session-id")}
        for attempt, expected in zip(case.attempts, case.facts["headers"], strict=True):
            each = bool(row.options.get("each"))
            caused = _caused(transcript, attempt, case.server, refused=each)
            if row.options.get("of_the_session"):
                own = transcript.landed(attempt.nonce)
                caused = [one for one in caused if one in own or sessions & set(one.header("mcp-session-id"))]
            if each:
                caused = _from_refusal(caused, expected)
            if not caused:
                continue
            context.examined()
            if each:
                _each_has(context, case, attempt, caused[1:], expected)
            elif not any(all(_as_expected(one, *header) for header in expected.items()) for one in caused):
                context.violation(
                    f"{attempt.describe()} caused no request to {case.server} with the headers of {case.where}",
                    expected=", ".join(f"{name}: {value}" for name, value in expected.items()),
                    actual=", ".join(f"{name}: {', '.join(caused[-1].header(name)) or 'nothing'}" for name in expected),
                    at=caused[-1],
                    control=case.control,
                )
        if not context.subjects:
            did = "was refused by" if row.options.get("each") else "reached"
            context.inapplicable(f"no attempt {did} the upstream ({case.where})")


def _from_refusal(caused: list[Exchange], expected: Mapping[str, str | None]) -> list[Exchange]:
    """Return the first request with the expected headers that the upstream refused, and those after it; empty without one."""
    for number, one in enumerate(caused):
        if one.status in REFUSED and all(_as_expected(one, *header) for header in expected.items()):
            return caused[number:]
    return []


def _each_has(
    context: CheckContext, case: Case, attempt: Exchange, caused: list[Exchange], expected: Mapping[str, str | None]
) -> None:
    for one in caused:
        if not all(_as_expected(one, *header) for header in expected.items()):
            context.violation(
                f"{attempt.describe()} was repeated at {one.node} with other headers than those it refused ({case.where})",
                expected=", ".join(f"{name}: {value}" for name, value in expected.items()),
                actual=", ".join(f"{name}: {', '.join(one.header(name)) or 'nothing'}" for name in expected),
                at=one,
                control=case.control,
            )


def _caused(transcript: Transcript, attempt: Exchange, server: str, *, refused: bool = False) -> list[Exchange]:
    if attempt.method == "POST":
        found = arrivals(transcript, attempt)
    else:
        end = attempt.ended or float("inf")
        found = [one for one in transcript.upstream if attempt.seq < one.seq < end and one.method == attempt.method]
        # They name no caller: one that the upstream refuses may be for an older session, whose JWT it goes with.
        found = [one for one in found if refused or 200 <= (one.status or 0) < 300]
    return [one for one in found if one.node == server]


def name_mirrored(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt reaches the upstream with the header Mcp-Name, once, with the name or URI in the same request's body.

    Older revisions have no such header: a request that a gateway makes in one of them is not judged.
    """
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            landed = arrivals(transcript, attempt)
            if not landed:
                context.blocked(f"{attempt.describe()} of the case {case.where} did not reach the upstream")
                continue
            arrival = landed[-1]
            if not in_newest(arrival):
                context.inapplicable(f"{attempt.describe()} reached {arrival.node} in an older revision ({case.where})")
                continue
            context.examined()
            named = (arrival.rpc.get("params") or {}).get(messages.NAMED.get(arrival.rpc_method, ""))
            if [_decoded(value) for value in arrival.header(MIRROR)] != [named]:
                context.violation(
                    f"{attempt.describe()} reached {arrival.node} with another {MIRROR} than its body ({case.where})",
                    expected=f"{MIRROR}: {named}, once",
                    actual=f"{MIRROR}: {', '.join(arrival.header(MIRROR)) or 'nothing'}",
                    at=arrival,
                    control=case.control,
                )


def _decoded(value: str) -> str:
    """Return a mirrored value without its Base64 encoding (MCP 2026-07-28, Value Encoding)."""
    wrapped = SENTINEL.fullmatch(value.strip(" \t"))
    if wrapped is None:
        return value.strip(" \t")
    try:
        return base64.b64decode(wrapped[1], validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return value


def _as_expected(arrival: Exchange, name: str, value: str | None) -> bool:
    got = arrival.header(name)
    if value is None or len(got) != 1:
        return got == ([] if value is None else [value])
    if name.lower() != "authorization":
        return got[0] == value
    # The scheme is case-insensitive (RFC 9110 section 11.1), and only spaces may follow it.
    (scheme, _, rest), (own, _, sent) = got[0].partition(" "), value.partition(" ")
    return (scheme.lower(), rest.lstrip(" ")) == (own.lower(), sent.lstrip(" "))
