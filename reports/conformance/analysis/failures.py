"""Client requests that failed although the gateway had no reason to refuse them: pure functions of a transcript.

Requests that must be refused (probes, a credential of another caller, a caller without access, a server without consent) are
not failures.
"""

from dataclasses import dataclass
from typing import Any

from gatebench.conformance.exchange import Exchange
from gatebench.conformance.transcript import Transcript

HANDSHAKES = ("initialize", "server/discover")
# Expectations of probes (gatebench.fixtures.harness.notes.ScenarioNotes.probe): success, consent request, refusal.
_SUCCESS = {"granted", "elsewhere", "well again", "renewed", "session regained", "new tool"}
_CONSENT = {"consent", "still asked", "asked again"}
_REFUSAL = {"unauthenticated", "denied", "no user"}


@dataclass(frozen=True)
class RequestFailure:
    """The way a request failed; requests with equal values have the same failure, in any revision."""

    kind: str  # refused, error, no-answer, consent; wrong-refusal: refused as required, but in the wrong way
    principal: str | None
    server: str | None
    status: int | None = None
    code: int | None = None  # of the JSON-RPC error, if the status is a success

    def sentence(self, request: str) -> str:
        """Return a sentence: `The gateway refused `initialize` of carol at crm with 401.`"""
        whose = f"of {self.principal}" if self.principal else "without a valid credential"
        what = f"`{request}` {whose}" + (f" at {self.server}" if self.server else "")
        if self.kind == "wrong-refusal":
            return f"The gateway refused {what} in the wrong way, with {self.status}."
        if self.kind == "no-answer":
            return f"The gateway did not {'answer' if self.status is None else 'finish its answer to'} {what}."
        if self.kind == "consent":
            return f"The gateway asked for consent on {what}, where none was missing."
        if self.kind == "refused":
            return f"The gateway {'refused' if (self.status or 0) < 500 else 'answered'} {what} with {self.status}."
        how = f"JSON-RPC error {self.code}" if self.code is not None else "no JSON-RPC result"
        return f"The gateway answered {what} with {self.status} and {how}."


def is_unexpected(transcript: Transcript) -> list[tuple[Exchange, RequestFailure]]:
    """Return the client requests of a scenario run that failed unexpectedly, in order, each with its failure."""
    notes = list(transcript.notes("probe"))
    controls = {note["control"] for note in notes}
    expected = {note["attempt"]: note["expect"] for note in notes}
    visited: dict[Any, int] = {}
    for exchange in transcript.leg("client"):
        if exchange.tags.get("client") == "browser":
            visited.setdefault(exchange.tags.get("principal"), exchange.seq)
    found = []
    for exchange in transcript.client:
        failure = failure_of(transcript, exchange)
        if failure is None or not _valid(transcript, exchange):
            continue
        succeeds = exchange.id in controls or expected.get(exchange.id) in _SUCCESS
        if failure.kind == "consent" and not succeeds:
            given = visited.get(failure.principal, exchange.seq) < exchange.seq and exchange.id not in expected
            if _has_oauth(transcript, failure.server) and not given:
                continue
        elif exchange.id in expected and not succeeds and expected[exchange.id] not in _CONSENT:
            continue
        found.append((exchange, failure))
    return found


def wrong_refusals(transcript: Transcript) -> list[tuple[Exchange, RequestFailure]]:
    """Return the probes that the gateway refused by status as required, as potential wrong refusals."""
    found = []
    for note in transcript.notes("probe"):
        attempt = transcript.exchanges[note["attempt"]]
        if note["expect"] in _REFUSAL and attempt.status is not None and attempt.status >= 400:
            principal = None if note["expect"] == "unauthenticated" else note["principal"]
            found.append((attempt, RequestFailure("wrong-refusal", principal, note["server"], attempt.status)))
    return found


def failure_of(transcript: Transcript, exchange: Exchange) -> RequestFailure | None:
    """Return how a request failed; None if it did not, or expects no response (notification, stream that is not offered)."""
    who = exchange.tags.get("principal"), exchange.tags.get("server")
    if exchange.status is None:
        return RequestFailure("no-answer", *who)
    if transcript.facts.asks_for_consent(exchange):
        return RequestFailure("consent", *who, exchange.status)
    if exchange.status == 405 and exchange.method in ("GET", "DELETE"):
        return None
    if exchange.status >= 400:
        return RequestFailure("refused", *who, exchange.status)
    if exchange.status >= 300 or "id" not in exchange.rpc or isinstance(exchange.answer.get("result"), dict):
        return None
    unfinished = exchange.how not in (None, "complete") and not exchange.answer
    return RequestFailure(
        "no-answer" if unfinished else "error", *who, exchange.status, None if unfinished else _code(exchange)
    )


def _code(exchange: Exchange) -> int | None:
    """Return the code of the JSON-RPC error in a response."""
    error = exchange.answer.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) else None


def _valid(transcript: Transcript, exchange: Exchange) -> bool:
    """Return True if the caller used its own credential for a server that it may access."""
    principal, server = exchange.tags.get("principal"), exchange.tags.get("server")
    world = transcript.facts.world
    if principal is None or server not in world.get("access", {}).get(principal, []):
        return False
    own = {str(token).strip("«»") for token in world["principals"].get(principal, {}).get("tokens", [])} | {
        f"jwt:{principal}"
    }
    sent = "\n".join(value for _, value in exchange.request_headers)
    shown = transcript.labels(sent, "gateway-token")
    return bool(shown) and all(label in own or label.startswith(f"second-token:{principal}") for label in shown)


def _has_oauth(transcript: Transcript, server: str | None) -> bool:
    members = transcript.facts.members(server or "")
    return any(transcript.facts.auth_model(member) == "oauth" for member in members)
