"""What a server and its client said to each other during a call, on both legs; common to the shapes about it.

A case names further exchanges of the client of an attempt: `streams` (GET streams that it opened or resumed) and `replies` (its
responses to server requests), by the exchange of the attempt; and `others`: exchanges of other clients.
"""

from typing import Any

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.shapes.cases import Case, during
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol import messages

Message = dict[str, Any]
SERVER_REQUESTS, SUBSCRIPTIONS, RESUMPTION = "mcp.server-requests", "mcp.subscriptions", "mcp.resumption"
ELICITATION = "elicitationId"
NOT_RELAYED = "the gateway relays no server requests of this kind, and does not claim to"
NOT_ASKED = "the upstream had nothing to ask: the gateway announced no such capability to it"


def claimed(transcript: Transcript, feature: str) -> bool:
    """Return whether the target claims a feature."""
    return feature in transcript.facts.target.get("features", ())


def named(transcript: Transcript, case: Case, fact: str, attempt: Exchange | None = None) -> list[Exchange]:
    """Return the exchanges that a fact of the case lists (for an attempt, if it lists them by attempt)."""
    found = case.facts.get(fact) or {}
    names = found.get(attempt.id, []) if attempt is not None else found
    return [transcript.exchanges[name] for name in names if name in transcript.exchanges]


def received(transcript: Transcript, case: Case, attempt: Exchange) -> list[Message]:
    """Return the messages that the client of an attempt got: in the response, then on its streams."""
    streams = named(transcript, case, "streams", attempt)
    return [message for exchange in (attempt, *streams) for message in exchange.messages]


def sent_upstream(transcript: Transcript, attempt: Exchange) -> list[tuple[Exchange, Message]]:
    """Return the messages that the upstreams sent in response to an attempt, each with its exchange."""
    return [(arrival, message) for arrival in transcript.landed(attempt.nonce) for message in arrival.messages]


def is_request(message: Message) -> bool:
    """Return whether a message is a request."""
    return isinstance(message.get("method"), str) and "id" in message


def params_of(message: Message) -> Any:
    """Return the parameters without `_meta`, to which a gateway may add, and without the mode that an elicitation has by default.

    Form mode may be left out (MCP 2025-11-25, client/elicitation, Elicitation Requests).
    """
    params = message.get("params")
    if not isinstance(params, dict):
        return None
    default = {"mode": "form"} if message.get("method") == "elicitation/create" else {}
    return {name: value for name, value in params.items() if name != "_meta" and default.get(name) != value}


def pairs_of(
    transcript: Transcript, case: Case, attempt: Exchange
) -> tuple[list[tuple[Exchange, Message, Message]], list[tuple[Exchange, Message]]]:
    """Return the server requests of an attempt that reached the client (exchange, as sent, as received), and the others."""
    left = [message for message in received(transcript, case, attempt) if is_request(message)]
    reached, lost = [], []
    for arrival, asked in sent_upstream(transcript, attempt):
        if not is_request(asked):
            continue
        alike = [message for message in left if message["method"] == asked["method"]]
        exact = [message for message in alike if params_of(message) == params_of(asked)]
        found = next(iter(exact or alike), None)
        if found is None:
            lost.append((arrival, asked))
        else:
            left.remove(found)
            reached.append((arrival, asked, found))
    return reached, lost


def as_asked(transcript: Transcript, case: Case, attempt: Exchange, given: list[Message]) -> list[Message]:
    """Return the parameters of notifications with the ids of elicitations under which the client was asked.

    A gateway may give elicitations ids of its own.
    """
    reached, _ = pairs_of(transcript, case, attempt)
    pairs = [(mapping(asked.get("params")), mapping(got.get("params"))) for _, asked, got in reached]
    ids = {
        str(asked[ELICITATION]): got[ELICITATION] for asked, got in pairs if ELICITATION in asked.keys() & got.keys()
    }
    return [one | {ELICITATION: ids.get(str(one.get(ELICITATION)), one.get(ELICITATION))} for one in given]


def session_of(exchange: Exchange) -> str:
    """Return the session of a request; empty if it names none."""
    return next(iter(exchange.header("mcp-session-id")), "")


def responses_to(transcript: Transcript, case: Case, arrival: Exchange, asked: Message) -> list[Exchange]:
    """Return the requests in which the upstream got a response to its own request, in the session of the call."""
    return [
        exchange
        for exchange in during(transcript, case, "upstream")
        if exchange.node == arrival.node
        and session_of(exchange) == session_of(arrival)
        and "method" not in exchange.rpc
        and same(exchange.rpc.get("id"), asked["id"])
        and exchange.rpc.keys() & {"result", "error"}
    ]


def same(one: Any, other: Any) -> bool:
    """Return whether two ids are the same; 1 and "1" differ."""
    return type(one) is type(other) and one == other


def outcome(message: Message) -> Message:
    """Return the result or error of a response."""
    return {name: message[name] for name in ("result", "error") if name in message}


def notifications(messages: list[Message], method: str) -> list[Message]:
    """Return the parameters of the notifications of a method, in order."""
    return [mapping(message.get("params")) for message in messages if message.get("method") == method]


def violation(context: CheckContext, case: Case, at: Exchange, what: str, *difference: str) -> None:
    """Report a violation in a case; `difference` is what was expected, and what is in the transcript."""
    expected, actual = difference
    context.violation(f"{what} ({case.where})", expected=expected, actual=actual, at=at, control=case.control)


def is_stream(exchange: Exchange) -> bool:
    """Return whether a response is a stream of events."""
    return exchange.status == 200 and messages.media_type(exchange.response_headers) == messages.SSE_TYPE
