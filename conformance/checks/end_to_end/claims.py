"""Checks of claims.toml: one simple example of each feature."""

from collections.abc import Callable
from typing import Any

from gatebench.conformance.checks.probes import outcome_of
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.gateways.dialects import is_denied


def what_is_claimed_is_there(context: CheckContext, transcript: Transcript) -> None:
    """CLM-001: `shown_by` names the exchange, `by` the part of it that shows the feature."""
    for note in transcript.notes("observation"):
        if note["what"] != "feature":
            continue
        context.examined()
        exchange = transcript.exchanges.get(note.get("exchange") or "")
        shown = _shown(transcript, note, exchange)
        if note["claimed"] and not shown:
            context.violation(
                f"{note['feature']} is claimed, but was not observed",
                expected=note["example"],
                actual=outcome_of(exchange) if exchange else note.get("detail", "nothing"),
                at=exchange,
            )
        elif shown and not note["claimed"]:
            context.note(f"{note['feature']} is not claimed, but works: {note['example']}")


def _shown(transcript: Transcript, note: dict[str, Any], exchange: Exchange | None) -> bool:
    if exchange is None:
        return note["by"] == "verb" and bool(note["supported"])
    landed = transcript.landed(exchange.nonce)
    ways: dict[str, Callable[[], bool]] = {
        "call": lambda: exchange.succeeded and bool(landed),
        "session": lambda: bool(exchange.response_header("mcp-session-id")),
        "refusal": lambda: is_denied(transcript.facts.spoken, exchange.reply) and not landed,
        "list": lambda: bool(exchange.result.get("tools")),
        "header": lambda: any(arrival.header(note["header"]) == [note["value"]] for arrival in landed),
        "revision": lambda: _speaks(exchange, note["revision"]),
    }
    return note["by"] in ways and ways[note["by"]]()


def _speaks(exchange: Exchange, revision: str) -> bool:
    supported = exchange.result.get("supportedVersions")
    listed = isinstance(supported, list) and revision in supported
    return listed or exchange.result.get("protocolVersion") == revision
