"""Answers looked at closely: whose they are, what they say, how long they took, and what was executed meanwhile."""

from collections.abc import Iterator
from typing import Any

from conformance.checks.probes import Probe, accepted, outcome_of, probes
from conformance.transcript import Event, Exchange, Transcript
from conformance.verdict import Judge
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
    tools = {transcript.facts.spoken.tool_of(member, "", alone=False): member for member in members}
    return next(
        (member for prefix, member in tools.items() if prefix and (exchange.tool or "").startswith(prefix)), None
    )


# -- what scenarios said of them


def with_control(judge: Judge, transcript: Transcript, expect: str) -> Iterator[Probe]:
    """The probes that expect this treatment, where their control shows that they mean something."""
    return (probe for probe in probes(transcript, expect) if accepted(judge, transcript, probe))


def observations(transcript: Transcript, what: str) -> Iterator[Event]:
    """The remarks of scenarios about this."""
    return (note for note in transcript.notes("observation") if note["what"] == what)


def listings(transcript: Transcript, when: str) -> Iterator[Event]:
    """Lists of tools: `pages` of them, which tools each must show and must hide, and `when` it was asked for."""
    return (note for note in observations(transcript, "listing") if note["when"] == when)


def pages_of(transcript: Transcript, note: Event) -> list[Exchange]:
    """The exchanges of a list."""
    return [transcript.exchanges[page] for page in note["pages"]]


def compare(judge: Judge, transcript: Transcript, note: Event) -> None:
    """A list must show these tools and must not show those; what else it holds is the gateway's own affair."""
    pages = pages_of(transcript, note)
    names = {name for page in pages for name in tool_names(page)}
    missing = [name for name in note["shows"] if name not in names]
    left = [name for name in note["hides"] if name in names]
    if missing or left:
        judge.violated(
            f"the list of {note['server']} does not show what exists ({note['when']})",
            expected="; ".join(
                [f"it shows {name}" for name in missing] + [f"it does not show {name}" for name in left]
            ),
            actual=", ".join(sorted(names)) or "an empty list",
            at=pages[-1],
        )


def works(judge: Judge, transcript: Transcript, expect: str, otherwise: str) -> None:
    """Each such probe must have succeeded."""
    for probe in with_control(judge, transcript, expect):
        judge.saw()
        if not probe.attempt.succeeded:
            judge.violated(
                f"{probe.server} {otherwise} ({probe.attribute})",
                expected="the call succeeds",
                actual=outcome_of(probe.attempt),
                at=probe.attempt,
                control=probe.control,
            )
