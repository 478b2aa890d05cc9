"""Shapes about session ids: whose they are, whether they can be guessed, and that sessions end on both legs."""

from itertools import takewhile

from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import Case, ShapeRow, during, with_control
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

SESSION = "mcp-session-id"
RESULT_TYPE = "resultType"  # required in each result of 2026-07-28
SHORTEST = (
    8  # characters in which ids must differ: 32 bits in hexadecimal, and still far fewer than any real generator has
)


def new_id(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt, each an `initialize` that names a session id, is given the id in the case's fact `chosen`."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            if case.facts["chosen"] in attempt.response_header(SESSION):
                _violation(
                    context, case, attempt, "an id of the gateway's own, or none", "the id that the client chose"
                )


def not_on_session(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt reaches an upstream on one of the sessions in the fact `foreign`, which belong to another caller."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            for arrival in transcript.landed(attempt.nonce):
                if set(arrival.header(SESSION)) & set(case.facts["foreign"]):
                    _violation(context, case, arrival, "no session of another caller", "it arrived on one")


def at_their_upstream(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No request to an upstream during the case names a session id that another upstream gave, and this one did not."""
    givers: dict[str, set[str | None]] = {}
    for one in transcript.leg("upstream"):
        for identifier in set(one.response_header(SESSION)) - set(one.header(SESSION)):
            givers.setdefault(identifier, set()).add(one.node)
    for case in with_control(context, transcript, row):
        context.examined()
        for one in during(transcript, case, "upstream"):
            givers_of = {node for name in one.header(SESSION) for node in givers.get(name, ())}
            if givers_of and one.node not in givers_of:
                actual = f"{one.node} was sent a session id of {', '.join(sorted(map(str, givers_of)))}"
                _violation(context, case, one, "a session id goes to the upstream that gave it", actual)


def unguessable(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The session ids in the responses to the attempts are all different, in more than a few characters."""
    for case in with_control(context, transcript, row):
        given: dict[str, Exchange] = {}
        for attempt in case.attempts:
            for identifier in attempt.response_header(SESSION)[:1]:
                context.examined()
                if identifier in given:
                    _violation(
                        context, case, attempt, "an id that no session had before", "an id that was given before"
                    )
                given[identifier] = attempt
        if len(given) > 1 and (varying := varying_characters(list(given))) < SHORTEST:
            last = list(given.values())[-1]
            _violation(context, case, last, "ids that cannot be guessed", f"they differ in {varying} characters only")


def varying_characters(given: list[str]) -> int:
    """Return in how many characters ids differ at most: beside what all of them begin and end with."""
    start = _common(given)
    return max(len(one) for one in given) - start - _common([one[start:][::-1] for one in given])


def _common(given: list[str]) -> int:
    """Return how many characters all of them begin with."""
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*given, strict=False)))


def nameless(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No session id in the responses to the attempts contains a secret, nor do all those of a caller contain its name.

    One long id may contain a short name by chance.
    """
    for case in with_control(context, transcript, row):
        ids = [
            (attempt, str(attempt.tags.get("principal")), identifier)
            for attempt in case.attempts
            for identifier in attempt.response_header(SESSION)
        ]
        for attempt, name, identifier in ids:
            context.examined()
            named = all(name in other.lower() for _, owner, other in ids if owner == name)
            if found := transcript.labels(identifier) or ([name] if named else []):
                _violation(context, case, attempt, "an id without names and secrets", f"it contains {found[0]}")


def upstream_ended(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Each upstream session that the control used is ended with DELETE once the attempts have ended the client's session.

    Only those that the gateway opened meanwhile: an older one, or that of a program on stdio, is not for this session alone.
    """
    for case in with_control(context, transcript, row):
        if case.control is None or not all(200 <= (one.status or 0) < 300 for one in case.attempts):
            context.inapplicable(f"the gateway lets no client end a session ({case.where})")
            continue
        opened = {
            (one.node, name)
            for one in transcript.upstream
            if one.rpc_method == "initialize"
            for name in one.response_header(SESSION)
        }
        used = {
            (one.node, name) for one in transcript.landed(case.control.nonce) for name in one.header(SESSION)
        } & opened
        if not used:
            context.inapplicable(f"the gateway has no upstream session for this one ({case.where})")
            continue
        deletions = (one for one in during(transcript, case, "upstream") if one.method == "DELETE")
        ended = {(one.node, name) for one in deletions for name in one.header(SESSION)}
        context.examined()
        for node, _ in used - ended:
            _violation(context, case, case.attempts[-1], f"the session at {node} is ended as well", "no DELETE arrived")


def stream_ended(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No GET stream that the gateway opened at an upstream during the case is still open at its end."""
    for case in with_control(context, transcript, row):
        for one in during(transcript, case, "upstream"):
            if one.method != "GET":
                continue
            context.examined()
            if one.ended is None or one.ended > case.end:
                _violation(context, case, one, "the stream ends with that of the client", "it is still open")


def _violation(context: CheckContext, case: Case, at: Exchange, expected: str, actual: str) -> None:
    context.violation(
        f"{at.describe()} went wrong ({case.where})",
        expected=expected,
        actual=f"{actual}; {outcome_of(at)}",
        at=at,
        control=case.control,
    )


def stateless(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt succeeds with a result of 2026-07-28, as the control: it has a `resultType`."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            if case.control is None or RESULT_TYPE not in case.control.result:
                context.inapplicable(f"the result of the control has no {RESULT_TYPE} ({case.where})")
                continue
            context.examined()
            if not attempt.succeeded or RESULT_TYPE not in attempt.result:
                actual = f"a result without {RESULT_TYPE}" if attempt.succeeded else outcome_of(attempt)
                _violation(context, case, attempt, f"a result with {RESULT_TYPE}, as without the session id", actual)
