"""Shapes about what a server announces: neither more nor less than it has."""

from typing import Any

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.checks.shapes.cases import FEATURE_OF, Case, ShapeRow, announces, arrivals, with_control
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript

METHOD_NOT_FOUND = -32601


def capabilities_kept(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """What an upstream announces, the gateway announces too, of the features that its descriptor claims.

    The attempt is the client's handshake, `original` are those of the members with a client of the bench. `parts`: whether this
    is about `listChanged` and `subscribe` of features that the gateway announces, or about the features themselves.
    """
    claimed = transcript.facts.target.get("features", ())
    for case in with_control(context, transcript, row):
        (attempt,) = case.attempts
        own = _announced(transcript, case)
        if not any(own.values() if row.options.get("parts") else own):
            context.inapplicable(f"no upstream behind {case.server} announces such a feature")
        for name, parts in own.items():
            if FEATURE_OF.get(name) not in claimed:
                context.inapplicable(f"the target does not claim {FEATURE_OF.get(name, name)}")
                continue
            if row.options.get("parts") and not announces(attempt, name):
                context.inapplicable(f"the gateway does not announce {name} at {case.server}")
                continue
            wanted = [f"{name}.{part}" for part in sorted(parts)] if row.options.get("parts") else [name]
            context.examined(len(wanted))
            lost = [one for one in wanted if not announces(attempt, one)]
            if lost:
                context.violation(
                    f"the gateway does not announce {', '.join(lost)} of the upstream ({case.where})",
                    expected=f"the capabilities of the upstream: {', '.join(wanted)}",
                    actual=str(mapping(attempt.result.get("capabilities")))[:200] or outcome_of(attempt),
                    at=attempt,
                )


def _announced(transcript: Transcript, case: Case) -> dict[str, set[str]]:
    """Return the features that the upstreams announce, with their parts."""
    found: dict[str, set[str]] = {}
    for one in case.facts["original"]:
        for name, details in mapping(transcript.exchanges[one].result.get("capabilities")).items():
            if name in FEATURE_OF:
                parts = found.setdefault(name, set())
                parts.update(part for part, value in mapping(details).items() if value is True)
    return found


def capabilities_not_added(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """What no upstream behind a server announces, the gateway does not announce for it."""
    for case in with_control(context, transcript, row):
        (attempt,) = case.attempts
        context.examined()
        own = _announced(transcript, case)
        if added := [name for name in FEATURE_OF if name not in own and announces(attempt, name)]:
            context.violation(
                f"the gateway announces {', '.join(added)}, which the upstream does not have ({case.where})",
                expected=f"the capabilities of the upstream: {', '.join(own) or 'tools'}",
                actual=str(attempt.result.get("capabilities"))[:200],
                at=attempt,
            )


def announced_works(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The methods of an announced capability are answered with a result."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            if not attempt.succeeded:
                context.violation(
                    f"{attempt.describe()} does not work, and {case.facts['capability']} is announced ({case.where})",
                    expected="a result",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )


def nothing_invented(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """What the upstream does not have is answered with an error, or with an empty list: nothing is made up or taken elsewhere.

    `lacks` is the capability that the upstream has not. Its methods are left out if the gateway itself announces it.
    """
    for case in with_control(context, transcript, row):
        if announces(transcript.exchanges[case.facts["connected"]], case.facts["lacks"]):
            context.inapplicable(f"the gateway announces {case.facts['lacks']} at {case.server}")
            continue
        for attempt in case.attempts:
            context.examined()
            if given := _given(attempt.result):
                context.violation(
                    f"{attempt.describe()} was answered, although the upstream has no such method ({case.where})",
                    expected=f"a JSON-RPC error, {METHOD_NOT_FOUND}",
                    actual=f"a result with {given}",
                    at=attempt,
                )
            elif not attempt.answer and (attempt.status is None or attempt.status >= 500 or attempt.status < 300):
                context.violation(
                    f"{attempt.describe()} of an unknown method got no answer ({case.where})",
                    expected=f"a JSON-RPC error, {METHOD_NOT_FOUND}",
                    actual=outcome_of(attempt),
                    at=attempt,
                )


def _given(result: dict[str, Any]) -> str:
    """Return what a result holds: entries, contents, messages or values."""
    completion = mapping(result.get("completion"))
    lists = {**result, "values": completion.get("values")}
    names = ("resources", "resourceTemplates", "prompts", "contents", "messages", "values")
    return ", ".join(
        f"{len(lists[name])} {name}" for name in names if isinstance(lists.get(name), list) and lists[name]
    )


def error_code(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt is answered with a JSON-RPC error under one of these `codes`."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            if mapping(attempt.answer.get("error")).get("code") not in row.options["codes"]:
                context.violation(
                    f"{attempt.describe()} was answered in another way ({case.where})",
                    expected=f"a JSON-RPC error with the code {' or '.join(map(str, row.options['codes']))}",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=case.control,
                )


def error_not_hidden(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """No attempt to which each upstream that it reached responded with an error is answered with a result."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            landed = arrivals(transcript, attempt)
            if not landed or not all("error" in one.answer for one in landed):
                context.inapplicable(f"the gateway asked no upstream, or one of them succeeded ({case.where})")
                continue
            context.examined()
            if attempt.succeeded:
                context.violation(
                    f"{attempt.describe()} got a result, although {landed[-1].node} refused it ({case.where})",
                    expected=f"an error, as the upstream sent: {str(landed[-1].answer['error'])[:200]}",
                    actual=attempt.body[:200],
                    at=attempt,
                    control=case.control,
                )


def another_revision(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """Every attempt, an initialize with a revision that no server has, is answered with another revision, or with an error."""
    for case in with_control(context, transcript, row):
        for attempt in case.attempts:
            context.examined()
            asked = mapping(attempt.rpc.get("params")).get("protocolVersion")
            given = attempt.result.get("protocolVersion")
            if "error" in attempt.answer or (attempt.status or 0) >= 400 or (isinstance(given, str) and given != asked):
                continue
            context.violation(
                f"{attempt.describe()} was not answered with a revision of the server ({case.where})",
                expected=f"another revision than {asked}, or an error",
                actual=f"the revision {given}" if given else outcome_of(attempt),
                at=attempt,
                control=case.control,
            )


def described(context: CheckContext, transcript: Transcript, row: ShapeRow) -> None:
    """The instructions of the upstream are within those that the client gets at a server with one upstream."""
    for case in with_control(context, transcript, row):
        (attempt,) = case.attempts
        for one in case.facts["original"]:
            context.examined()
            given, got = transcript.exchanges[one].result.get("instructions"), attempt.result.get("instructions")
            if isinstance(given, str) and not (isinstance(got, str) and given in got):
                context.violation(
                    f"the instructions of the upstream did not reach the client ({case.where})",
                    expected=given,
                    actual=got if isinstance(got, str) else "no instructions",
                    at=attempt,
                )
