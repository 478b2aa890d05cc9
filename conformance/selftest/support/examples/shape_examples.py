"""Example transcripts of shapes: what each shape passes and what it fails, for any row of it."""

from collections.abc import Mapping
from typing import Any

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.examples import (
    change_examples,
    client_examples,
    consent_examples,
    denial_examples,
    dialogue_examples,
    feature_examples,
    response_examples,
    stream_examples,
    upstream_examples,
    value_examples,
)
from gatebench.conformance.selftest.support.examples.example_facts import Example, group_of
from gatebench.conformance.selftest.support.probe_steps import CHALLENGE
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder


def _control(builder: TranscriptBuilder) -> ClientRequest:
    return builder.call("alice", "mail")


def _key_set(builder: TranscriptBuilder, row: Requirement) -> None:
    if issuer := row.options.get("key_set"):
        builder.issuer_request(issuer, "jwks", {})
    if row.options.get("client_refused"):
        builder.refresh("vendor", status=401)
    if after := row.options.get("after"):
        builder.issuer_request("vendor", after, {})


def _refused(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    _key_set(builder, row)
    form = next((form for form in row.options.get("forms", [401]) if isinstance(form, int)), 400)
    if row.options.get("forms") == ["denied"]:
        form = 403
    made = builder.ask("alice", "mail").answered(form, headers=CHALLENGE if form == 401 else JSON_HEADERS)
    return builder.case(case, made, control=control, markers=["gone"])


def _admitted(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    _key_set(builder, row)
    made = builder.call("alice", "mail")
    return builder.case(case, made, control=control, **group_of(row, made))


def _answered_without_upstream(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    _key_set(builder, row)
    made = builder.ask("alice", "mail").answered()
    return builder.case(case, made, control=control, **group_of(row, made))


def _not_admitted(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    _key_set(builder, row)
    made = builder.ask("alice", "mail").answered(401)
    return builder.case(case, made, control=control, **group_of(row, made))


def _once(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    return builder.case(case, builder.call("alice", "mail"))


def _twice(builder: TranscriptBuilder, _row: Requirement, case: str) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives().arrives()
    builder.case(case, made.answered())
    return made.arrival


def _own_answer(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    made = builder.call("alice", "mail")
    return builder.case(case, made, **group_of(row, made))


def _answer_of_another(builder: TranscriptBuilder, row: Requirement, case: str) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives(auth=["access:bob:mail"])
    builder.case(case, made.answered(), **group_of(row, made))
    return made.arrival


def _of_another(builder: TranscriptBuilder, _row: Requirement, case: str) -> TranscriptLine:
    made = builder.ask("alice", "mail").arrives(auth=["access:bob:mail"])
    builder.case(case, made.answered())
    return made.arrival


def _asked_again(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    _key_set(builder, row)
    made = builder.ask("alice", "mail").asked_to_consent("http://127.0.0.1:5000/oauth/connect/1")
    return builder.case(case, made, control=control, **group_of(row, made))


def _with_anothers_token(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    _key_set(builder, row)
    made = builder.ask("alice", "mail").arrives(auth=["access:bob:mail"]).answered()
    return builder.case(case, made, **group_of(row, made))


def _overtaken(builder: TranscriptBuilder, _row: Requirement, case: str, *, first: bool) -> ClientRequest:
    slow = builder.ask("alice", "mail")
    quick = builder.ask("alice", "mail")
    for made in (quick, slow) if first else (slow, quick):
        made.answered()
    return builder.case(case, quick, control=_control(builder) if not first else None, slow=slow.exchange)


def _counted(builder: TranscriptBuilder, _row: Requirement, case: str, *, each: bool) -> ClientRequest:
    calls = [builder.ask(user, "mail") for user in ("alice", "bob")]
    for made in calls:
        (made.arrives() if each or made is calls[0] else made).answered()
    return builder.case(case, *calls, member="mail")


def _personal(builder: TranscriptBuilder, _row: Requirement, case: str, *, own: bool) -> ClientRequest:
    made = builder.ask("alice", "mail", "tools/list").arrives(
        replies={"tools": [{"name": "of-alice" if own else "of-bob"}]}
    )
    return builder.case(case, made.answered(), marks={"alice": "of-alice", "bob": "of-bob"})


def _handshakes(builder: TranscriptBuilder, _row: Requirement, case: str, *, own: bool) -> ClientRequest:
    made = []
    for user in ("alice", "bob"):
        headers = [*JSON_HEADERS, ("Mcp-Session-Id", f"session-of-{user}" if own else "session")]
        made.append(builder.ask(user, "mail", "initialize").arrives().answered(headers=headers))
    last = builder.case(case, *made)
    last.control = None if own else made[0].seq
    return last


def _asked_after_consent(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    _key_set(builder, row)
    made = builder.ask("alice", "mail").asked_to_consent("http://127.0.0.1:5000/oauth/connect/1")
    return builder.case(case, made, control=control)


def _failed(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    return builder.case(case, builder.ask("alice", "mail").answered(500), control=control)


def _echo(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    control = _control(builder)
    body = {"error": "invalid_token", "error_description": "«pat:alice» is not known"}
    return builder.case(case, builder.ask("alice", "mail").answered(401, body), control=control)


CONFORMING: Mapping[str, Example] = {
    "refused": _refused,
    "accepted": _admitted,
    "once": _once,
    "owned": _once,
    "recovered": _admitted,
    "consent-kept": _admitted,
    "consent-asked": _asked_again,
    "granted": _admitted,
    "own-answer": _own_answer,
    "overtakes": lambda builder, row, case: _overtaken(builder, row, case, first=True),
    "each-arrives": lambda builder, row, case: _counted(builder, row, case, each=True),
    "own-list": lambda builder, row, case: _personal(builder, row, case, own=True),
    "own-session": lambda builder, row, case: _handshakes(builder, row, case, own=True),
    **value_examples.CONFORMING,
    **consent_examples.CONFORMING,
    **response_examples.CONFORMING,
    **upstream_examples.CONFORMING,
    **dialogue_examples.CONFORMING,
    **stream_examples.CONFORMING,
    **feature_examples.CONFORMING,
    **client_examples.CONFORMING,
    **denial_examples.CONFORMING,
    **change_examples.CONFORMING,
    "answered": _refused,
    "not-echoed": _refused,
}
VIOLATING: Mapping[str, Example] = {
    "refused": _admitted,
    "accepted": _not_admitted,
    "once": _twice,
    "owned": _of_another,
    "recovered": _asked_again,
    "consent-kept": _asked_again,
    "consent-asked": _not_admitted,
    "granted": _not_admitted,
    "own-answer": _answer_of_another,
    "overtakes": lambda builder, row, case: _overtaken(builder, row, case, first=False),
    "each-arrives": lambda builder, row, case: _counted(builder, row, case, each=False),
    "own-list": lambda builder, row, case: _personal(builder, row, case, own=False),
    "own-session": lambda builder, row, case: _handshakes(builder, row, case, own=False),
    **value_examples.VIOLATING,
    **consent_examples.VIOLATING,
    **response_examples.VIOLATING,
    **upstream_examples.VIOLATING,
    **dialogue_examples.VIOLATING,
    **stream_examples.VIOLATING,
    **feature_examples.VIOLATING,
    **client_examples.VIOLATING,
    **denial_examples.VIOLATING,
    **change_examples.VIOLATING,
    "answered": _failed,
    "not-echoed": _echo,
}
OTHER_VIOLATIONS: Mapping[str, list[Example]] = {
    "granted": [_asked_after_consent],
    "accepted": [_answered_without_upstream],
    "recovered": [_not_admitted, _with_anothers_token, _answered_without_upstream],
    "consent-kept": [_with_anothers_token],
    **value_examples.OTHER_VIOLATIONS,
    **consent_examples.OTHER_VIOLATIONS,
    **response_examples.OTHER_VIOLATIONS,
    **upstream_examples.OTHER_VIOLATIONS,
    **dialogue_examples.OTHER_VIOLATIONS,
    **stream_examples.OTHER_VIOLATIONS,
    **feature_examples.OTHER_VIOLATIONS,
    **client_examples.OTHER_VIOLATIONS,
    **denial_examples.OTHER_VIOLATIONS,
    **change_examples.OTHER_VIOLATIONS,
}


def build(kind: str, builder: TranscriptBuilder, row: Requirement, case: str) -> Any:
    """Add the example of a row's shape to a transcript: `conforming` or `violating`."""
    return (CONFORMING if kind == "conforming" else VIOLATING)[row.check or ""](builder, row, case)
