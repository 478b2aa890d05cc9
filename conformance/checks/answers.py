"""Answers looked at closely: whose they are, what they say, how long they took, and what was executed meanwhile."""

from collections.abc import Iterator
from typing import Any

from conformance.transcript import Event, Exchange, Transcript
from fixtures import wire


def executions(transcript: Transcript) -> Iterator[Event]:
    """What upstreams did, as their ledgers tell it."""
    return (event for event in transcript.events if event["leg"] == "upstream" and event["kind"] == "execution")


def nonce_of(event: Event) -> str | None:
    """The nonce of the call that an execution came of."""
    return wire.request_nonce({"params": {"arguments": event["arguments"], "_meta": event.get("meta")}})


def last(transcript: Transcript, exchange: Exchange) -> Event:
    """The last that was recorded of an exchange."""
    return next(event for event in reversed(transcript.events) if event.get("exchange") == exchange.id)


def seconds(transcript: Transcript, exchange: Exchange) -> float:
    """From the request to the end of what came back."""
    return float(last(transcript, exchange)["t"]) - exchange.t


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def result(exchange: Exchange) -> dict[str, Any]:
    """The result that came back; empty when there is none."""
    return mapping(exchange.answer.get("result"))


def tool_names(exchange: Exchange) -> list[str]:
    """The names on one page of a list of tools."""
    tools = result(exchange).get("tools")
    names = [mapping(tool).get("name") for tool in (tools if isinstance(tools, list) else [])]
    return [name for name in names if isinstance(name, str)]


def same_id(answer: dict[str, Any], exchange: Exchange) -> bool:
    """Whether an answer has the id of the request; 1 and "1" are two ids."""
    wanted = exchange.rpc.get("id")
    return answer.get("id") == wanted and type(answer.get("id")) is type(wanted)


def own_answers(exchange: Exchange) -> list[dict[str, Any]]:
    """The answers to this very request; to its sender all others mean nothing."""
    return [message for message in exchange.messages if wire.is_answer(message) and same_id(message, exchange)]


def own_success(exchange: Exchange) -> bool:
    """HTTP success with a result for this very request that is no tool error."""
    return exchange.succeeded and same_id(exchange.answer, exchange)


def passed_on(transcript: Transcript, exchange: Exchange) -> bool:
    """Whether the caller got exactly what an upstream had said, to the end."""
    return any(
        arrival.body == exchange.body and arrival.how == "complete" for arrival in transcript.landed(exchange.nonce)
    )


def meant(transcript: Transcript, exchange: Exchange) -> str | None:
    """The upstream that a request is for; None where it is for several."""
    server = exchange.tags["server"]
    members = transcript.facts.world["virtual_servers"].get(server)
    if members is None:
        return str(server)
    name: str = transcript.facts.dialect("tool_name")
    tools = {name.format(server=member, tool=""): member for member in members}
    return next(
        (member for prefix, member in tools.items() if prefix and (exchange.tool or "").startswith(prefix)), None
    )
