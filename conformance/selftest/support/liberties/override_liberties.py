"""Behaviour of correct gateways towards overrides and passed-through JWTs that no check may hold against them."""

from collections.abc import Callable

from gatebench.conformance.selftest.support.transcript_builder import TranscriptBuilder

VALUE = "ü"


def values_beyond_ascii_sent(builder: TranscriptBuilder) -> None:
    """Sends such a value in UTF-8, which a reader of Latin-1 sees as two characters."""
    control = builder.call("alice", "everything")
    sent = builder.ask("alice", "everything").arrives(also=[("x-custom-header", VALUE.encode().decode("latin-1"))])
    builder.case("override-umlaut", sent.answered(), control=control, headers=[{"X-Custom-Header": VALUE}])


def names_in_lower_case(builder: TranscriptBuilder) -> None:
    """Writes the names of all headers in lower case, as HTTP/2 does."""
    sent = builder.ask("alice", "everything").arrives(also=[("x-custom-header", "a/b A")]).answered()
    builder.case("override-escapes", sent, headers=[{"X-Custom-Header": "a/b A"}])


LIBERTIES: list[Callable[[TranscriptBuilder], object]] = [
    values_beyond_ascii_sent,
    names_in_lower_case,
]
