"""Example transcripts of the shapes about restarts and changes of servers."""

from collections.abc import Mapping

from gatebench.conformance.requirements.registry import Requirement
from gatebench.conformance.selftest.support.asks import ClientRequest
from gatebench.conformance.selftest.support.examples.example_facts import Example
from gatebench.conformance.selftest.support.transcript_base import JSON_HEADERS, TranscriptLine
from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

OLD, NEW = "calculator", "everything"
KEYS = ("«old-key»", "«new-key»")


def _sessions(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    control = builder.call("alice", OLD)
    gone = builder.ask("alice", OLD, session="s").answered(404)
    return builder.case(case, gone, builder.call("alice", OLD, session="s"), control=control)


def _session_refused_otherwise(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    control = builder.call("alice", OLD)
    return builder.case(case, builder.ask("alice", OLD, session="s").answered(500), control=control)


def _given(builder: TranscriptBuilder, _row: Requirement, case: str, *, again: bool) -> ClientRequest:
    ids = ("s1", "s1" if again else "s2")
    first, later = (
        builder.ask(user, OLD, "initialize").arrives().answered(headers=[*JSON_HEADERS, ("mcp-session-id", value)])
        for user, value in zip(("alice", "bob"), ids, strict=True)
    )
    return builder.case(case, later, before=[first.exchange])


def _moved(builder: TranscriptBuilder, row: Requirement, case: str) -> ClientRequest:
    control = builder.call("alice", OLD)
    others = [] if row.options.get("accepted") else [builder.ask("alice", OLD).answered(404)]
    made = builder.ask("alice", OLD).arrives(NEW).answered()
    return builder.case(case, *others, made, control=control, old=OLD, node=NEW)


def _not_moved(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    control = builder.call("alice", OLD)
    return builder.case(case, builder.call("alice", OLD), control=control, old=OLD, node=NEW)


def _used(builder: TranscriptBuilder, _row: Requirement, case: str, *, sent: str) -> TranscriptLine:
    control = builder.call("alice", "web-search")
    made = builder.ask("alice", "web-search").arrives(auth=[("X-API-Key", sent)]).answered()
    builder.case(case, made, control=control, replaced=KEYS[0], credential=KEYS[1])
    return made.arrival


def _refused(builder: TranscriptBuilder, _row: Requirement, case: str) -> ClientRequest:
    control = builder.call("alice", "web-search")
    made = builder.ask("alice", "web-search").answered(502)
    return builder.case(case, made, control=control, replaced=KEYS[0], credential=KEYS[1])


CONFORMING: Mapping[str, Example] = {
    "kept-or-ended": _sessions,
    "fresh-session": lambda builder, row, case: _given(builder, row, case, again=False),
    "arrives-at": _moved,
    "credential-used": lambda builder, row, case: _used(builder, row, case, sent=KEYS[1]),
}
VIOLATING: Mapping[str, Example] = {
    "kept-or-ended": _session_refused_otherwise,
    "fresh-session": lambda builder, row, case: _given(builder, row, case, again=True),
    "arrives-at": _not_moved,
    "credential-used": lambda builder, row, case: _used(builder, row, case, sent=KEYS[0]),
}
OTHER_VIOLATIONS: Mapping[str, list[Example]] = {"credential-used": [_refused]}
