"""The cases that scenarios record, as the shapes read them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gatebench.conformance.checks.answers import mapping
from gatebench.conformance.checks.probes import asked_for_consent, outcome_of
from gatebench.conformance.events import Event
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.protocol import messages
from gatebench.fixtures.world.definition import MODERN_REVISION

FEATURE_OF = {
    "resources": "mcp.resources",
    "prompts": "mcp.prompts",
    "completions": "mcp.completion",
    "logging": "mcp.logging",
}
"""The features that a descriptor may claim, by the capability that they are."""


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

    A control that a gateway answered without its upstream proves nothing either. The option `without_attempts` is the reason
    why a case without attempts does not apply, and the fact `inapplicable` why one with attempts does not.
    """
    for case in recorded(transcript, row):
        control = case.control
        if reason := case.facts.get("inapplicable") or not_offered(transcript, case):
            context.inapplicable(reason)
        elif control is not None and _answered_alone(transcript, control):
            context.blocked(f"no upstream received the control of the case {case.where} ({control.describe()})")
        elif (
            (control is None or accepted(transcript, control))
            and not case.attempts
            and "without_attempts" in row.options
        ):
            context.inapplicable(row.options["without_attempts"])
        elif control is None or accepted(transcript, control):
            yield case
        else:
            context.blocked(
                f"the control of the case {case.where} ({control.describe()}) was not accepted: {outcome_of(control)}"
            )


def not_offered(transcript: Transcript, case: Case) -> str | None:
    """Return why a case about an optional feature does not apply; None if it does, or if it is about no such feature.

    The scenario records the `capability`, the exchange `connected` that announces it, and whether the upstream `has` it. It
    applies if the gateway announces it there, or claims it and the upstream has it. `renamed`: the gateway shows another name or
    URI for what the case is about.
    """
    capability = case.facts.get("capability")
    if capability is None:
        return None
    if case.facts.get("renamed"):
        return f"the gateway has names of its own for what {case.where} is about"
    claimed = FEATURE_OF.get(capability.partition(".")[0]) in transcript.facts.target.get("features", ())
    if announces(transcript.exchanges[case.facts["connected"]], capability) or (
        claimed and case.facts.get("has", True)
    ):
        return None
    return f"the gateway announces no capability {capability} at {case.server}"


def announces(connected: Exchange, capability: str) -> bool:
    """Return whether the response to a handshake announces a capability, or a part of it (`resources.subscribe`)."""
    name, _, part = capability.partition(".")
    announced = connected.result.get("capabilities")
    details = announced.get(name) if isinstance(announced, dict) else None
    return isinstance(details, dict) and (not part or details.get(part) is True)


def arrivals(transcript: Transcript, attempt: Exchange) -> list[Exchange]:
    """Return the upstream requests of an attempt: with its nonce, or (no tool call) of its method while it was under way.

    A gateway may make a request of its own from that of a client, and leave out `_meta`.
    """
    landed = transcript.landed(attempt.nonce)
    if attempt.tool:
        return landed
    alike = [one for one in landed if one.rpc_method == attempt.rpc_method]
    if alike:
        return alike
    end = attempt.ended or float("inf")
    meanwhile = (one for one in transcript.upstream if attempt.seq < one.seq < end)
    return [one for one in meanwhile if one.rpc_method == attempt.rpc_method] or landed


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


def of_lists(context: CheckContext, transcript: Transcript, row: ShapeRow) -> Iterator[Case]:
    """Yield the cases about lists. With the option `newest_leg`, only those in which the upstream is asked in 2026-07-28."""
    for case in with_control(context, transcript, row):
        if row.options.get("newest_leg") and not _asked_in_newest(transcript, case):
            context.inapplicable(f"the gateway does not ask the upstream in 2026-07-28 ({case.where})")
        else:
            yield case


def in_newest(exchange: Exchange) -> bool:
    """Return whether a request is of 2026-07-28, by its header or its `_meta`: towards the upstream, another may be used."""
    meta = mapping(mapping(exchange.rpc.get("params")).get("_meta"))
    return MODERN_REVISION in (*exchange.header("mcp-protocol-version"), meta.get(messages.META_VERSION))


def _asked_in_newest(transcript: Transcript, case: Case) -> bool:
    """Return whether the gateway asks the `member` in 2026-07-28; requests of the bench itself (`original`) do not count."""
    method, member = case.attempts[0].rpc_method, case.facts["member"]
    own = {transcript.exchanges[name].nonce for name in case.facts.get("original", ())}
    asked = [one for one in transcript.upstream if (one.node, one.rpc_method) == (member, method)]
    by_gateway = [one for one in asked if one.nonce not in own]
    return bool(by_gateway) and all(map(in_newest, by_gateway))
