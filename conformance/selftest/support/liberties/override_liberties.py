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


def no_virtual_account_at_a_per_user_server(builder: TranscriptBuilder) -> None:
    """Refuses a virtual account at a server with users' tokens before it reads the override (CONS-008)."""
    builder.secret("override", "override")
    headers = {"Authorization": "Bearer «override»"}
    for status in (400, 403):
        refused = builder.ask("support-bot", "mail", "tools/list").refused("mail needs a user's token", status)
        builder.observe("flat-override", exchange=refused.exchange, server="mail", headers=headers)


LIBERTIES: list[Callable[[TranscriptBuilder], object]] = [
    values_beyond_ascii_sent,
    names_in_lower_case,
    no_virtual_account_at_a_per_user_server,
]
