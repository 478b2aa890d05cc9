"""Checks of claims.toml: each feature shown in one simple example."""

from collections.abc import Callable
from typing import Any

from conformance.checks.probes import outcome_of
from conformance.transcript import Exchange, Transcript
from conformance.verdict import Judge
from fixtures.dialects import is_denied


def what_is_claimed_is_there(judge: Judge, transcript: Transcript) -> None:
    """CLM-001: `shown_by` names the exchange and `by` what in it shows the feature."""
    for note in transcript.notes("observation"):
        if note["what"] != "feature":
            continue
        judge.saw()
        exchange = transcript.exchanges.get(note.get("exchange") or "")
        shown = _shown(transcript, note, exchange)
        if note["claimed"] and not shown:
            judge.violated(
                f"{note['feature']} is claimed and does not show",
                expected=note["example"],
                actual=outcome_of(exchange) if exchange else note.get("detail", "nothing"),
                at=exchange,
            )
        elif shown and not note["claimed"]:
            judge.remarked(f"{note['feature']} is not claimed, and works: {note['example']}")


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
