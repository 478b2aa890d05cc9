"""The cases that scenarios record, as the shapes read them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gatebench.conformance.checks.probes import asked_for_consent, outcome_of
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Event, Exchange, Transcript
from gatebench.fixtures.protocol import messages


@dataclass(frozen=True)
class Case:
    """One recorded case: its attempts, the control that differs from them in one attribute, and the facts of the scenario.

    `begin` and `end` are transcript lines; traffic of the case is between them.
    """

    name: str
    server: str
    principal: str
    attempts: list[Exchange]
    control: Exchange | None
    begin: int
    end: int
    facts: Event = field(repr=False)

    @property
    def where(self) -> str:
        """Return the name of the case, of its variant if it has one, and of the server, for a message."""
        variant = self.facts.get("variant")
        name = self.name.replace("-", " ")
        return f"{name} {variant} at {self.server}" if variant else f"{name} at {self.server}"


@dataclass(frozen=True)
class ShapeRow:
    """What a requirement of a shape consists of, beside its sentence."""

    requirement: str
    cases: tuple[str, ...]
    options: dict[str, Any]


def recorded(transcript: Transcript, row: ShapeRow) -> Iterator[Case]:
    """Yield the cases of a transcript that a row is about. The option `group` names another fact with its attempts."""
    for note in transcript.notes("case"):
        if note["case"] in row.cases:
            control = transcript.exchanges[note["control"]] if note["control"] else None
            attempts = [transcript.exchanges[name] for name in note.get(row.options.get("group", "attempts"), [])]
            yield Case(
                note["case"], note["server"], note["principal"], attempts, control, note["begin"], note["seq"], note
            )


def with_control(context: CheckContext, transcript: Transcript, row: ShapeRow) -> Iterator[Case]:
    """Yield the cases whose control was accepted; without an accepted control a case proves nothing.

    A control that a gateway answered without its upstream proves nothing either.
    """
    for case in recorded(transcript, row):
        control = case.control
        if control is not None and _answered_alone(transcript, control):
            context.blocked(f"no upstream received the control of the case {case.where} ({control.describe()})")
        elif control is None or accepted(transcript, control):
            yield case
        else:
            context.blocked(
                f"the control of the case {case.where} ({control.describe()}) was not accepted: {outcome_of(control)}"
            )


def _answered_alone(transcript: Transcript, control: Exchange) -> bool:
    """Return whether a tool call succeeded, and no upstream received the nonce in its body."""
    return bool(
        control.tool
        and control.succeeded
        and messages.request_nonce(control.rpc)
        and not transcript.landed(control.nonce)
    )


def accepted(transcript: Transcript, exchange: Exchange) -> bool:
    """Return whether a request was accepted: a result, a bare success, or a request for the user's consent."""
    if asked_for_consent(transcript, exchange):
        return True
    if exchange.rpc.get("id") is None:
        return exchange.status is not None and 200 <= exchange.status < 300
    return exchange.succeeded


def during(transcript: Transcript, case: Case, leg: str) -> Iterator[Exchange]:
    """Yield the requests of a leg that began during a case."""
    return (exchange for exchange in transcript.leg(leg) if case.begin <= exchange.seq <= case.end)


def at_own_issuers(transcript: Transcript, case: Case) -> Iterator[Exchange]:
    """Yield the requests during a case to the issuers of its server: the gateway may refresh other tokens meanwhile."""
    issuers = transcript.facts.issuers(case.server)
    return (exchange for exchange in during(transcript, case, "idp") if exchange.node in issuers)
