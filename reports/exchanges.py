"""From a line of the transcript to the exchange that it stands in, both sides of the gateway included."""

import re
from collections.abc import Iterable
from typing import Any

from reports import messages
from reports.evidence import Event, Exchange, Play, Transcript
from reports.text import shorten

MOST = 60  # messages that one exchange in a report has at most
# The User-Agent by which an identity provider can tell our own requests from the gateway's.
_OUR_AGENT = re.compile(r"gatebench-(?:(browser|harness)|upstream/([\w-]+))")

Message = dict[str, Any]


def around(transcript: Transcript, line: int, *, guilty: bool) -> dict[str, Any] | None:
    """The exchange that a line belongs to, as the report model has it; None when the line is in none.

    With `guilty`, the message at that line is marked. A gateway answers for what it sends: where the line is a client's
    request, the marked message is the answer to it.
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


def last_of(transcript: Transcript, scenario: str) -> dict[str, Any] | None:
    """The last exchange of a scenario with a client in it: where it got stuck."""
    clients = [x for x in transcript.during(transcript.first_play(scenario)) if x.leg == "client"]
    ours = [x for x in clients if x.tags.get("client") != "browser"] or clients
    return around(transcript, ours[-1].request["seq"], guilty=False) if ours else None


def of_play(transcript: Transcript, scenario: str, most: int) -> dict[str, Any] | None:
    """The first play of a scenario from its beginning, at most so many messages of it; None when there are none."""
    play = transcript.first_play(scenario)
    parts = [part for part in transcript.during(play) if _ours(part) != "harness"]
    client = next((part for part in parts if part.leg == "client"), None)
    if client is None:
        return None
    start = min(part.begins for part in parts)
    found = [message for part in parts for message in _messages(part, None, start)]
    described = _described(transcript, play, client, found)
    kept = sorted(found, key=_order)[:most]
    return described | {"messages": kept, "omitted": len(found) - len(kept)}


def _client_of(transcript: Transcript, play: Play | None, event: Event, exchange: Exchange | None) -> Exchange | None:
    """The client's request behind an event: itself, the one with the same nonce, or the one that was under way."""
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
    transcript: Transcript, play: Play | None, client: Exchange | None, exchange: Exchange | None
) -> list[Exchange]:
    """The client's exchange and what the gateway did on the other side meanwhile."""
    chosen = [part for part in (client, exchange) if part]
    if client and not _direct(client):
        others = {x.nonce for x in transcript.during(play) if x.leg == "client" and x is not client}
        for part in transcript.during(play):
            mine = client.nonce is not None and part.nonce == client.nonce
            meanwhile = client.begins <= part.begins <= client.ends and (part.nonce is None or part.nonce not in others)
            if part.leg != "client" and (mine or meanwhile) and _ours(part) is None:
                chosen.append(part)
    return sorted({id(part): part for part in chosen}.values(), key=lambda part: part.begins)


def _ours(exchange: Exchange) -> str | None:
    """Who of us sent a request to an identity provider: `browser`, `harness`, an upstream; None: the gateway did."""
    for name, value in exchange.request.get("headers", []):
        found = _OUR_AGENT.fullmatch(value) if name.lower() == "user-agent" and exchange.leg == "idp" else None
        if found:
            return found[1] or found[2]
    return None


def _direct(client: Exchange | None) -> bool:
    """True for a client that talks to the upstream itself, past the gateway."""
    return client is not None and client.tags.get("client") == "direct"


def _ends(exchange: Exchange, client: Exchange | None) -> tuple[str, str]:
    """Who asks whom."""
    if exchange.leg == "client":
        return "client", str(exchange.tags.get("server") or "upstream") if _direct(exchange) else "gateway"
    node = str(exchange.request.get("node", exchange.leg))
    return (_ours(exchange) or ("client" if _direct(client) else "gateway")), node


def _messages(exchange: Exchange, client: Exchange | None, start: float) -> list[Message]:
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
        "headers": messages.telling_headers(request),
        "body": messages.excerpt(request.get("body")),
        "guilty": False,
    }
    answer = response or exchange.end
    if answer is None:
        return [asked]
    answered = {
        "line": answer["seq"],
        # An answer is there when its last piece is, which for a stream is long after its head.
        "offset_ms": _offset(exchange.chunks[-1] if exchange.chunks else answer, start),
        "leg": exchange.leg,
        "kind": "answer" if response else "no-answer",
        "from": receiver,
        "to": sender,
        "summary": messages.answer_summary(exchange),
        "status": response.get("status") if response else None,
        "headers": messages.telling_headers(response),
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


def _mark(found: Iterable[Message], line: int, exchange: Exchange | None) -> None:
    lines = exchange.lines if exchange else {line}
    own = [message for message in found if message["line"] in lines]
    if exchange and exchange.leg == "client":
        own = own[-1:]
    elif exchange and line != exchange.request["seq"]:
        own = [message for message in own if message["kind"] != "request"] or own
    for message in own[:1]:
        message["guilty"] = True


def _described(
    transcript: Transcript, play: Play | None, exchange: Exchange | None, found: list[Message]
) -> dict[str, Any]:
    found.sort(key=_order)
    tags = exchange.tags if exchange else {}
    return {
        "transcript": transcript.name,
        "scenario": play.scenario if play else None,
        "line": exchange.request["seq"] if exchange else found[0]["line"],
        "what": messages.request_summary(exchange) if exchange else found[0]["summary"],
        "answer": messages.answer_summary(exchange) if exchange else "",
        **{key: tags.get(key) for key in ("principal", "server", "client", "revision")},
        "messages": _bounded(found),
        "omitted": max(len(found) - MOST, 0),
    }


def _order(message: Message) -> tuple[float, int]:
    return message["offset_ms"], message["line"]


def _bounded(found: list[Message]) -> list[Message]:
    """At most MOST messages, the marked one among them."""
    if len(found) <= MOST:
        return found
    guilty = next((number for number, message in enumerate(found) if message["guilty"]), 0)
    start = min(max(guilty - MOST // 2, 0), len(found) - MOST)
    return found[start : start + MOST]
