"""Properties of responses: sender, content, duration, and the executions that they caused."""

from collections.abc import Iterator
from typing import Any

from gatebench.conformance.checks.probes import Probe, accepted, outcome_of, probes
from gatebench.conformance.events import Event
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol import messages


def executions(transcript: Transcript) -> Iterator[Event]:
    """Yield the tool executions that upstreams recorded."""
    return (event for event in transcript.events if event["leg"] == "upstream" and event["kind"] == "execution")


def nonce_of(event: Event) -> str | None:
    """Return the nonce of the call that caused an execution."""
    return messages.request_nonce({"params": {"arguments": event["arguments"], "_meta": event.get("meta")}})


def last(transcript: Transcript, exchange: Exchange) -> Event:
    """Return the last event of an exchange."""
    return next(event for event in reversed(transcript.events) if event.get("exchange") == exchange.id)


def seconds(transcript: Transcript, exchange: Exchange) -> float:
    """Return the seconds from the request to the end of the response."""
    return float(last(transcript, exchange)["t"]) - exchange.t


def mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object unchanged, and `{}` for any other value."""
    return value if isinstance(value, dict) else {}


def result(exchange: Exchange) -> dict[str, Any]:
    """Return the JSON-RPC result of the response; empty if there is none."""
    return mapping(exchange.answer.get("result"))


def tool_names(exchange: Exchange) -> list[str]:
    """Return the tool names on one page of `tools/list`."""
    tools = result(exchange).get("tools")
    names = [mapping(tool).get("name") for tool in (tools if isinstance(tools, list) else [])]
    return [name for name in names if isinstance(name, str)]


def same_id(answer: dict[str, Any], exchange: Exchange) -> bool:
    """Return whether an answer has the id of the request; 1 and "1" are different ids."""
    wanted = exchange.rpc.get("id")
    return answer.get("id") == wanted and type(answer.get("id")) is type(wanted)


def own_answers(exchange: Exchange) -> list[dict[str, Any]]:
    """Return the JSON-RPC answers to this request; the client ignores all others."""
    return [message for message in exchange.messages if messages.is_answer(message) and same_id(message, exchange)]


def own_success(exchange: Exchange) -> bool:
    """Return whether the response is an HTTP success with a result for this request that is no tool error."""
    return exchange.succeeded and same_id(exchange.answer, exchange)


def passed_on(transcript: Transcript, exchange: Exchange) -> bool:
    """Return whether the caller got exactly what an upstream had sent, completely."""
    return any(
        arrival.body == exchange.body and arrival.how == "complete" for arrival in transcript.landed(exchange.nonce)
    )


def meant(transcript: Transcript, exchange: Exchange) -> str | None:
    """Return the upstream that a request is for, or None if it is for several."""
    server = exchange.tags["server"]
    members = transcript.facts.world["virtual_servers"].get(server)
    if members is None:
        return str(server)
    spoken, tool = transcript.facts.spoken, exchange.tool or ""
    if "{server}" not in spoken.tool_name:
        return None
    return next((member for member in members if spoken.own_name(member, tool, alone=False)), None)


# -- notes of scenarios


def with_control(context: CheckContext, transcript: Transcript, expect: str) -> Iterator[Probe]:
    """Yield the probes with this expectation whose control succeeded."""
    return (probe for probe in probes(transcript, expect) if accepted(context, transcript, probe))


def observations(transcript: Transcript, what: str) -> Iterator[Event]:
    """Yield the observations of scenarios with this subject."""
    return (note for note in transcript.notes("observation") if note["what"] == what)


def listings(transcript: Transcript, when: str) -> Iterator[Event]:
    """Yield the notes of tool lists: their `pages`, the tools that each must and must not show, and `when` it was requested."""
    return (note for note in observations(transcript, "listing") if note["when"] == when)


def pages_of(transcript: Transcript, note: Event) -> list[Exchange]:
    """Return the exchanges of a list."""
    return [transcript.exchanges[page] for page in note["pages"]]


def compare(context: CheckContext, transcript: Transcript, note: Event) -> None:
    """Check that a list shows the required tools and none of the forbidden ones; the gateway may list others."""
    pages = pages_of(transcript, note)
    names = {name for page in pages for name in tool_names(page)}
    missing = [name for name in note["shows"] if name not in names]
    left = [name for name in note["hides"] if name in names]
    if missing or left:
        context.violation(
            f"the list of {note['server']} does not show what exists ({note['when']})",
            expected="; ".join(
                [f"it shows {name}" for name in missing] + [f"it does not show {name}" for name in left]
            ),
            actual=", ".join(sorted(names)) or "an empty list",
            at=pages[-1],
        )


def works(context: CheckContext, transcript: Transcript, expect: str, otherwise: str) -> None:
    """Check that each such probe succeeded."""
    for probe in with_control(context, transcript, expect):
        context.examined()
        if not probe.attempt.succeeded:
            context.violation(
                f"{probe.server} {otherwise} ({probe.attribute})",
                expected="the call succeeds",
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )


def from_upstreams(transcript: Transcript, exchange: Exchange) -> list[Exchange]:
    """Return what upstreams answered to the request itself, or to one of the same HTTP method while it was under way."""
    end = exchange.ended or float("inf")
    meanwhile = (one for one in transcript.upstream if exchange.seq < one.seq < end and one.method == exchange.method)
    return [*transcript.landed(exchange.nonce), *meanwhile]
