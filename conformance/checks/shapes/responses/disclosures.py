"""Shapes about refusals beside their status: what reaches an upstream, what is listed, and what a refusal discloses."""

import re
from collections.abc import Iterator

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, accepted, during, with_control
from gatebench.conformance.checks.shapes.responses.values import ABSENT, answer_part
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

STACK = re.compile(
    r"Traceback \(most recent call last\)|\bFile \"[^\"\n]+\", line \d+|\bgoroutine \d+ \["
    r"|\bat [\w.$<>]+ ?\([^()\n]+:\d+(:\d+)?\)"
)
FILE = re.compile(r"(?<![\w.:/-])/(?:usr|home|opt|root|var|tmp|srv|app)/[\w@+./-]*\w\.[a-z]{1,5}\b")


def nothing_arrives(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt reaches an upstream, other than those in the case's fact `allowed`.

    Attempts without a body have no nonce: with the fact `http_methods`, no request with one of these HTTP methods arrives
    during the case.
    """
    for case in with_control(context, transcript, row):
        allowed = set(case.facts.get("allowed", ()))
        for attempt in case.attempts:
            context.examined()
            for arrival in transcript.landed(attempt.nonce):
                if arrival.node not in allowed:
                    _arrived(context, case, attempt, arrival)
        for arrival in during(transcript, case, "upstream"):
            if arrival.method in case.facts.get("http_methods", ()) and not arrival.nonce:
                _arrived(context, case, case.attempts[-1], arrival)


def _arrived(context: CheckContext, case: Case, attempt: Exchange, arrival: Exchange) -> None:
    context.violation(
        f"{attempt.describe()} with {case.where} reached {arrival.node}",
        expected="nothing of it reaches this upstream",
        actual=f"{arrival.describe()} arrived; the client got {outcome_of(attempt)}",
        at=arrival,
        control=case.control,
    )


def not_listed(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No list in an attempt has an entry of the upstream in the fact `member`; the list of the control has one.

    Its entries are tools with the names of this upstream; those with a name in the fact `hidden`, if there is one, in a list
    whose `key` is the member of the result and whose `identity` is what identifies an entry.
    """
    for case in with_control(context, transcript, row):
        member, what = str(case.facts["member"]), case.facts.get("key", "tools")
        if case.control is None or not list(_listed(transcript, case, case.control)):
            context.blocked(f"the list of the control shows no {what} of {member} ({case.where})")
            continue
        for attempt in case.attempts:
            context.examined()
            for name in list(_listed(transcript, case, attempt))[:1]:
                context.violation(
                    f"the list shows {what} of {member} ({case.where})",
                    expected=f"no {what} of {member}",
                    actual=f"{name} in the list of {what}",
                    at=attempt,
                    control=case.control,
                )


def _listed(transcript: Transcript, case: Case, exchange: Exchange) -> Iterator[str]:
    """Yield the names of the member's entries in a list."""
    member, hidden = str(case.facts["member"]), case.facts.get("hidden")
    entries = answer_part(exchange, f"result.{case.facts.get('key', 'tools')}")
    for entry in map(mapping, entries if isinstance(entries, list) else []):
        name = entry.get(case.facts.get("identity", "name"))
        if not isinstance(name, str):
            continue
        if name in hidden if hidden else transcript.facts.spoken.own_name(member, name, alone=member == case.server):
            yield name


def withheld(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt gets the `part` of the response that the control got, and none reaches an upstream that is not `allowed`.

    An error in any form, another result and no response are right.
    """
    for case in with_control(context, transcript, row):
        part, allowed = row.options["part"], set(case.facts.get("allowed", ()))
        secret = ABSENT if case.control is None else answer_part(case.control, part)
        if secret in (ABSENT, None, [], {}):
            context.blocked(f"the control of the case {case.where} got no {part}")
            continue
        for attempt in case.attempts:
            context.examined()
            if answer_part(attempt, part) == secret:
                context.violation(
                    f"{attempt.describe()} got what the caller may not use ({case.where})",
                    expected=f"no {part} of {case.facts['member']}",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )
            for arrival in transcript.landed(attempt.nonce):
                if arrival.node not in allowed:
                    _arrived(context, case, attempt, arrival)


def no_internals(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No refusal names what the option `what` says: `addresses` of upstreams, `files` and stacks, or other `people`.

    `people` are the names in the fact `others`.
    """
    what = row.options["what"]
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            if accepted(transcript, attempt):
                continue
            context.examined()
            if found := _found(transcript, case, attempt, what):
                context.violation(
                    f"the refusal of {attempt.describe()} discloses internals of the gateway ({case.where})",
                    expected=f"no {what} in a refusal",
                    actual=found,
                    at=attempt,
                    control=case.control,
                )


def _found(transcript: Transcript, case: Case, attempt: Exchange, what: str) -> str | None:
    if what == "addresses":
        upstreams = transcript.facts.world["upstreams"].values()
        hosts = {str(upstream["url"]).split("/")[2] for upstream in upstreams}
        return next((host for host in sorted(hosts) if ":" in host and host in attempt.response_text), None)
    if what == "files":
        match = STACK.search(attempt.body) or FILE.search(attempt.body)
        return match[0][:100] if match else None
    names = (name for name in case.facts.get("others", ()) if name != case.principal)
    return next((name for name in names if re.search(rf"\b{re.escape(name)}\b", attempt.body)), None)


def no_session(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No refusal gives a session id."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            if accepted(transcript, attempt):
                continue
            context.examined()
            given = attempt.response_header("mcp-session-id")
            if given and given != attempt.header("mcp-session-id"):
                context.violation(
                    f"the refusal of {attempt.describe()} gives a session id ({case.where})",
                    expected="a session for an accepted initialize only",
                    actual=f"status {attempt.status} with Mcp-Session-Id",
                    at=attempt,
                    control=case.control,
                )


def same_refusal(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The attempts, each at the server of the same place in the fact `names`, are refused alike.

    They have the same status, challenge and body, apart from these names.
    """
    for case in with_control(context, transcript, row):
        first, name = case.attempts[0], str(case.facts["names"][0])
        for attempt, other in zip(case.attempts[1:], case.facts["names"][1:], strict=True):
            context.examined()
            expected, actual = _likeness(first, name), _likeness(attempt, str(other))
            if expected != actual:
                context.violation(
                    f"{attempt.describe()} was refused in another way than at {name} ({case.where})",
                    expected=_short(expected),
                    actual=_short(actual),
                    at=attempt,
                    control=case.control,
                )


def _likeness(exchange: Exchange, name: str) -> tuple[int | None, str, str]:
    challenge = ", ".join(exchange.response_header("www-authenticate"))
    return exchange.status, challenge.replace(name, "SERVER"), exchange.body.replace(name, "SERVER")


def _short(likeness: tuple[int | None, str, str]) -> str:
    status, challenge, body = likeness
    return f"status {status}, WWW-Authenticate: {challenge or 'none'}, {body[:150] or 'no body'}"
