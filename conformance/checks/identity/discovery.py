"""Checks of discovery.toml: protected resource metadata leads to a token that works."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gatebench.conformance.checks.answers import mapping, observations
from gatebench.conformance.checks.probes import Probe, accepted, asked_for_consent, outcome_of
from gatebench.conformance.events import Event
from gatebench.conformance.exchange import Exchange
from gatebench.conformance.outcomes import CheckContext
from gatebench.conformance.transcript import Transcript
from gatebench.fixtures.clients.discovery import strings
from gatebench.fixtures.protocol.messages import parse_json
from gatebench.fixtures.protocol.urls import split_url
from gatebench.fixtures.recording.labels import parse_with_labels

NONE = "the gateway publishes no protected resource metadata"
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class MetadataDocument:
    """A document that is protected resource metadata of `endpoint`, or that a challenge refers to as such."""

    endpoint: str
    way: str
    url: str
    exchange: Exchange
    value: dict[str, Any]

    @property
    def resource(self) -> Any:
        """The `resource` member."""
        return self.value.get("resource")


def _object(exchange: Exchange) -> dict[str, Any]:
    return mapping(parse_json(exchange.body)) if exchange.status == 200 and exchange.readable else {}


def _found(transcript: Transcript, note: Event) -> list[MetadataDocument]:
    """Return the metadata documents of an endpoint. A well-known URL may also return something else, such as a web page."""
    found: list[MetadataDocument] = []
    for document in note["documents"]:
        exchange = transcript.exchanges.get(document["exchange"] or "")
        if exchange is None:
            continue
        value = _object(exchange)
        published = bool(value.keys() & {"resource", "authorization_servers"})
        one = MetadataDocument(note["endpoint"], document["way"], document["url"], exchange, value)
        of_another = one.way == "root" and (found or not covers(one.resource, one.endpoint))
        if one.way == "challenge" or (published and not of_another):
            found.append(one)
    return found


def _published(context: CheckContext, transcript: Transcript) -> Iterator[tuple[Event, list[MetadataDocument]]]:
    for note in observations(transcript, "resource-metadata"):
        found = _found(transcript, note)
        if found:
            yield note, found
        else:
            context.inapplicable(NONE)


def covers(resource: Any, endpoint: str) -> bool:
    """Return whether the resource is the endpoint or, with the same origin, a parent of it.

    Case of scheme and host, default ports and a trailing slash are ignored.
    """
    if not isinstance(resource, str):
        return False
    try:
        one, other = parse_with_labels(resource, split_url), parse_with_labels(endpoint, split_url)
        same = _origin(one) == _origin(other)
    except ValueError:
        return False
    wider, narrower = one.path.rstrip("/") + "/", other.path.rstrip("/") + "/"
    return same and not one.fragment and one.query in ("", other.query) and narrower.startswith(wider)


def _origin(parts: Any) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


def metadata_is_the_endpoints(context: CheckContext, transcript: Transcript) -> None:
    """PRM-001."""
    for _, found in _published(context, transcript):
        for one in found:
            context.examined()
            if not covers(one.resource, one.endpoint):
                context.violation(
                    f"the metadata ({one.way}) of {one.endpoint} is not that of this endpoint",
                    expected=f"status 200 and a JSON object whose resource is {one.endpoint}",
                    actual=f"resource {one.resource!r}" if one.value else outcome_of(one.exchange),
                    at=one.exchange,
                )


def resource_is_the_url(context: CheckContext, transcript: Transcript) -> None:
    """PRM-002: for documents that pass PRM-001."""
    for _, found in _published(context, transcript):
        for one in (one for one in found if covers(one.resource, one.endpoint)):
            context.examined()
            if one.resource != one.endpoint:
                context.violation(
                    f"the resource in the metadata ({one.way}) of {one.endpoint} is not its URL",
                    expected=one.endpoint,
                    actual=str(one.resource),
                    at=one.exchange,
                )


def authorization_servers_are_there(context: CheckContext, transcript: Transcript) -> None:
    """PRM-003: external issuers (their `asked` is empty) are not checked."""
    for note, found in _published(context, transcript):
        for one in (one for one in found if one.value):
            context.examined()
            issuers = one.value.get("authorization_servers")
            if not strings(issuers) or strings(issuers) != issuers:
                context.violation(
                    f"the metadata ({one.way}) of {one.endpoint} names no authorization server",
                    expected="authorization_servers: an array of issuers, at least one",
                    actual=str(issuers)[:200],
                    at=one.exchange,
                )
            for issuer in strings(issuers):
                _issuer_is_there(context, transcript, note, one, issuer)


def _issuer_is_there(
    context: CheckContext, transcript: Transcript, note: Event, one: MetadataDocument, issuer: str
) -> None:
    asked = [transcript.exchanges[exchange] for exchange in note["issuers"].get(issuer, [])]
    if not asked:
        context.note(f"{issuer} is not an authorization server of this bench, so its metadata was not requested")
        return
    found_metadata = next((document for document in map(_object, asked) if document), {})
    if found_metadata.get("issuer") != issuer:
        context.violation(
            f"the authorization server that the metadata of {one.endpoint} names cannot be used",
            expected=f"metadata whose issuer is {issuer}",
            actual=f"issuer {found_metadata['issuer']!r}" if "issuer" in found_metadata else outcome_of(asked[-1]),
            at=one.exchange,
        )


def tokens_for_the_resource_work(context: CheckContext, transcript: Transcript) -> None:
    """PRM-004: compared with the same call with the configured token of this user."""
    for note in observations(transcript, "resource-token"):
        if note["attempt"] is None:
            context.inapplicable(note["reason"])
            continue
        attempt, control = transcript.exchanges[note["attempt"]], transcript.exchanges[note["control"]]
        probe = Probe("accepted", "a token for its resource", note["server"], note["principal"], attempt, control)
        if not accepted(context, transcript, probe):
            continue
        context.examined()
        if not attempt.succeeded:
            context.violation(
                f"a token of {note['issuer']} for {note['resource']}, as the metadata of {note['server']} asks for, was refused",
                expected="accepted, as the configured token of the same user is",
                actual=outcome_of(attempt),
                at=attempt,
                control=control,
            )


def tokens_for_other_resources_are_refused(context: CheckContext, transcript: Transcript) -> None:
    """PRM-006: where the resource of each endpoint is its own URL, and tokens for it are accepted there.

    With one resource for the whole gateway a token is for every endpoint.
    """
    for note in observations(transcript, "resource-token"):
        if not note.get("elsewhere"):
            context.inapplicable(note.get("reason") or "the metadata state no resource of each endpoint's own")
            continue
        control = transcript.exchanges[note["attempt"]]
        if not control.succeeded:
            context.inapplicable(f"a token for the resource of {note['server']} is not accepted there")
            continue
        for other in note["elsewhere"]:
            attempt = transcript.exchanges[other["attempt"]]
            context.examined()
            if attempt.succeeded or asked_for_consent(transcript, attempt):
                context.violation(
                    f"a token of {note['issuer']} for the resource of {other['server']} was accepted at {note['server']}",
                    expected="refused, since the metadata of each endpoint state a resource of its own",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=control,
                )


def tokens_of_named_issuers_work(context: CheckContext, transcript: Transcript) -> None:
    """PRM-007: for authorization servers that identify no caller of this world; those that do are the subject of PRM-004."""
    for note in observations(transcript, "named-issuers"):
        if note.get("reason"):
            context.inapplicable(note["reason"])
            continue
        control = transcript.exchanges[note["control"]]
        if control.status in (401, None):
            context.blocked(f"the configured token of {note['principal']} was refused at {note['server']} as well")
            continue
        context.examined()
        for issuer, exchange in note["attempts"].items():
            attempt = transcript.exchanges.get(exchange or "")
            if attempt is not None and attempt.status == 401:
                context.violation(
                    f"the metadata of {note['server']} name {issuer}, whose tokens are refused there",
                    expected="authorization servers whose tokens the gateway accepts",
                    actual=outcome_of(attempt),
                    at=attempt,
                    control=control,
                )


def both_ways_agree(context: CheckContext, transcript: Transcript) -> None:
    """PRM-005."""
    for _, found in _published(context, transcript):
        ways = {one.way: one for one in found if one.value}
        if "challenge" not in ways or "path" not in ways:
            context.inapplicable("the gateway publishes metadata in one way only")
            continue
        context.examined()
        named, known = ways["challenge"], ways["path"]
        if _identity(named) != _identity(known):
            context.violation(
                f"the metadata that the 401 names and that at the well-known address of {named.endpoint} differ",
                expected=f"the same as at {known.url}: {_identity(known)}",
                actual=str(_identity(named)),
                at=named.exchange,
            )


def _identity(one: MetadataDocument) -> tuple[str, list[str]]:
    return str(one.resource), sorted(strings(one.value.get("authorization_servers")))
