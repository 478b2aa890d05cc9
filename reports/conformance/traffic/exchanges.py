"""Exchanges of a report: for a transcript line, the messages on both sides of the gateway."""

import re
from collections.abc import Iterable
from typing import Any

from gatebench.conformance.events import Event
from gatebench.reports.conformance.traffic import curl, messages
from gatebench.reports.conformance.traffic.evidence import ExchangeView, ScenarioRun, TranscriptIndex
from gatebench.reports.rendering.text import shorten

MAX_COUNT = 60  # maximum number of messages of an exchange in a report
# The User-Agent of requests of gatebench itself to an identity provider.
_OUR_AGENT = re.compile(r"gatebench-(?:(browser|harness)|upstream/([\w-]+))")

Message = dict[str, Any]


def around(transcript: TranscriptIndex, line: int, *, guilty: bool) -> dict[str, Any] | None:
    """Return the exchange of a line in report form; None if the line belongs to none.

    With `guilty`, the message at that line is marked as at fault. For a client request, the response of the gateway is marked.
    """
    event = transcript.events.get(line)
    if event is None:
        return None
    play = transcript.play_at(line)
    exchange = transcript.exchange_at(line)
    client = _client_of(transcript, play, event, exchange)
    parts = _parts(transcript, play, client, exchange)
    if not parts and event["leg"] != "gateway":
        return None
    start = min([part.begins for part in parts] + [float(event["t"])])
    found = [message for part in parts for message in _messages(part, client, start)]
    if event["leg"] == "gateway":
        found.append(_log(event, start))
    if guilty:
        _mark(found, line, exchange)
    return _described(transcript, play, client or exchange, found)


def last_of(transcript: TranscriptIndex, scenario: str) -> dict[str, Any] | None:
    """Return the last exchange of a scenario that involves a client."""
    clients = [x for x in transcript.during(transcript.first_play(scenario)) if x.leg == "client"]
    ours = [x for x in clients if x.tags.get("client") != "browser"] or clients
    return around(transcript, ours[-1].request["seq"], guilty=False) if ours else None


def of_play(transcript: TranscriptIndex, scenario: str, most: int) -> dict[str, Any] | None:
    """Return the first run of a scenario, at most `most` messages from its start; None without messages."""
    return of_lines(transcript, transcript.first_play(scenario), most)


def of_lines(transcript: TranscriptIndex, play: ScenarioRun | None, most: int) -> dict[str, Any] | None:
    """Return the exchanges that began in a part of the transcript, at most `most` messages; None without messages."""
    parts = [part for part in transcript.during(play) if _ours(part) != "harness"]
    client = next((part for part in parts if part.leg == "client"), None)
    if client is None:
        return None
    start = min(part.begins for part in parts)
    found = [message for part in parts for message in _messages(part, None, start)]
    described = _described(transcript, play, client, found)
    kept = sorted(found, key=_order)[:most]
    return described | {"messages": kept, "omitted": len(found) - len(kept)}


def _client_of(
    transcript: TranscriptIndex, play: ScenarioRun | None, event: Event, exchange: ExchangeView | None
) -> ExchangeView | None:
    """Return the client exchange of an event: itself, the one with the same nonce, or the one in flight."""
    if exchange and exchange.leg == "client":
        return exchange
    clients = [x for x in transcript.exchanges.values() if x.leg == "client"]
    nonce = exchange.nonce if exchange else None
    by_nonce = next((x for x in clients if nonce and x.nonce == nonce), None)
    if by_nonce:
        return by_nonce
    began = exchange.begins if exchange else float(event["t"])
    before = [x for x in transcript.during(play) if x.leg == "client" and x.begins <= began]
    under_way = [x for x in before if x.ends >= began]
    return next(reversed(under_way or before), None)


def _parts(
    transcript: TranscriptIndex, play: ScenarioRun | None, client: ExchangeView | None, exchange: ExchangeView | None
) -> list[ExchangeView]:
    """Return the client exchange and those of the gateway on the upstream side meanwhile."""
    chosen = [part for part in (client, exchange) if part]
    if client and not _direct(client):
        others = {x.nonce for x in transcript.during(play) if x.leg == "client" and x is not client}
        for part in transcript.during(play):
            mine = client.nonce is not None and part.nonce == client.nonce
            meanwhile = client.begins <= part.begins <= client.ends and (part.nonce is None or part.nonce not in others)
            if part.leg != "client" and (mine or meanwhile) and _ours(part) is None:
                chosen.append(part)
    return sorted({id(part): part for part in chosen}.values(), key=lambda part: part.begins)


def _ours(exchange: ExchangeView) -> str | None:
    """Return the sender of a request to an identity provider: `browser`, `harness` or an upstream; None: the gateway."""
    for name, value in exchange.brief.get("headers", []):
        found = _OUR_AGENT.fullmatch(value) if name.lower() == "user-agent" and exchange.leg == "idp" else None
        if found:
            return found[1] or found[2]
    return None


def _direct(client: ExchangeView | None) -> bool:
    """Return True for a client that bypasses the gateway."""
    return client is not None and client.tags.get("client") == "direct"


def _ends(exchange: ExchangeView, client: ExchangeView | None) -> tuple[str, str]:
    """Return sender and receiver of the request."""
    if exchange.leg == "client":
        return "client", str(exchange.tags.get("server") or "upstream") if _direct(exchange) else "gateway"
    node = str(exchange.brief.get("node", exchange.leg))
    return (_ours(exchange) or ("client" if _direct(client) else "gateway")), node


def _messages(exchange: ExchangeView, client: ExchangeView | None, start: float) -> list[Message]:
    sender, receiver = _ends(exchange, client)
    request, response = exchange.request, exchange.response
    asked = {
        "line": request["seq"],
        "offset_ms": _offset(request, start),
        "leg": exchange.leg,
        "kind": "request",
        "from": sender,
        "to": receiver,
        "summary": ("" if sender in ("client", "gateway") else f"{sender}: ") + messages.request_summary(exchange),
        "status": None,
        "headers": messages.relevant_headers(request),
        "body": messages.excerpt(request.get("body")),
        "guilty": False,
    }
    answer = response or exchange.end
    if answer is None:
        return [asked]
    answered = {
        "line": answer["seq"],
        # The time of the last chunk, which for a stream is long after the headers.
        "offset_ms": _offset(exchange.chunks[-1] if exchange.chunks else answer, start),
        "leg": exchange.leg,
        "kind": "answer" if response else "no-answer",
        "from": receiver,
        "to": sender,
        "summary": messages.answer_summary(exchange),
        "status": response.get("status") if response else None,
        "headers": messages.relevant_headers(response),
        "body": messages.excerpt(exchange.body),
        "guilty": False,
    }
    return [asked, answered]


def _log(event: Event, start: float) -> Message:
    return {
        "line": event["seq"],
        "offset_ms": _offset(event, start),
        "leg": "gateway",
        "kind": "log",
        "from": "gateway",
        "to": "gateway",
        "summary": shorten(f"log: {event.get('text', '')}", 300),
        "status": None,
        "headers": [],
        "body": "",
        "guilty": False,
    }


def _offset(event: Event, start: float) -> float:
    return round((float(event["t"]) - start) * 1000, 1)


def _mark(found: Iterable[Message], line: int, exchange: ExchangeView | None) -> None:
    lines = exchange.lines if exchange else {line}
    own = [message for message in found if message["line"] in lines]
    if exchange and exchange.leg == "client":
        own = own[-1:]
    elif exchange and line != exchange.brief["seq"]:
        own = [message for message in own if message["kind"] != "request"] or own
    for message in own[:1]:
        message["guilty"] = True


def _described(
    transcript: TranscriptIndex, play: ScenarioRun | None, exchange: ExchangeView | None, found: list[Message]
) -> dict[str, Any]:
    found.sort(key=_order)
    tags = exchange.tags if exchange else {}
    return {
        "transcript": transcript.name,
        "scenario": play.scenario if play else None,
        "line": exchange.brief["seq"] if exchange else found[0]["line"],
        "what": messages.request_summary(exchange) if exchange else found[0]["summary"],
        "answer": messages.answer_summary(exchange) if exchange else "",
        **{key: tags.get(key) for key in ("principal", "server", "client", "revision")},
        "curl": curl.command_of(exchange) if exchange and exchange.leg == "client" else None,
        "messages": _bounded(found),
        "omitted": max(len(found) - MAX_COUNT, 0),
    }


def _order(message: Message) -> tuple[float, int]:
    return message["offset_ms"], message["line"]


def _bounded(found: list[Message]) -> list[Message]:
    """Return at most MAX_COUNT messages, including the marked one."""
    if len(found) <= MAX_COUNT:
        return found
    guilty = next((number for number, message in enumerate(found) if message["guilty"]), 0)
    start = min(max(guilty - MAX_COUNT // 2, 0), len(found) - MAX_COUNT)
    return found[start : start + MAX_COUNT]
